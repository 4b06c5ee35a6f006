"""A fitted detector with its calibration: the model, its file, and how several are fitted at once."""

from auscult.model.model import Calibration, Model, Score

__all__ = ["Calibration", "Model", "Score"]
