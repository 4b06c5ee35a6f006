"""Judging the recordings of a plant as they appear in a folder: `FolderWatch`."""

from auscult.monitor.watch.model_folder import ModelChange, ModelFolder
from auscult.monitor.watch.reports import (
    Backlog,
    Counts,
    FolderProblem,
    NoRoom,
    Overdue,
    Removed,
    Report,
)
from auscult.monitor.watch.results import JudgedRecording
from auscult.monitor.watch.settings import WatchSettings
from auscult.monitor.watch.watcher import FolderWatch

__all__ = [
    "Backlog",
    "Counts",
    "FolderProblem",
    "FolderWatch",
    "JudgedRecording",
    "ModelChange",
    "ModelFolder",
    "NoRoom",
    "Overdue",
    "Removed",
    "Report",
    "WatchSettings",
]
