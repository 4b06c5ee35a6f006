"""Metrics of labelled scores with confidence intervals, following the protocols of the DCASE Challenge."""

from auscult.evaluation.clip_labels import labels_of
from auscult.evaluation.evaluate import Evaluation, evaluate_scores
from auscult.evaluation.intervals import Estimate, proportion_interval
from auscult.evaluation.metrics import auc, harmonic_mean, pauc, roc_curve
from auscult.evaluation.protocol import Labels
from auscult.evaluation.results import Result, read_results, write_results
from auscult.evaluation.results_table import results_table
from auscult.evaluation.score_files import read_submission, write_submission
from auscult.evaluation.summary import Summary
from auscult.evaluation.table import Table

__all__ = [
    "Estimate",
    "Evaluation",
    "Labels",
    "Result",
    "Summary",
    "Table",
    "auc",
    "evaluate_scores",
    "harmonic_mean",
    "labels_of",
    "pauc",
    "proportion_interval",
    "read_results",
    "read_submission",
    "results_table",
    "roc_curve",
    "write_results",
    "write_submission",
]
