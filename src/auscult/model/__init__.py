"""The model (a fitted detector with its calibration), model files, and fitting of several models at once."""

from auscult.model.model import Calibration, Model, Score

__all__ = ["Calibration", "Model", "Score"]
