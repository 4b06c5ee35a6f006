"""The model (a fitted detector with its calibration), model files, and fitting of several models at once."""

from auscult.model.model import Calibration, Model
from auscult.model.score import Score

__all__ = ["Calibration", "Model", "Score"]
