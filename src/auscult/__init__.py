"""auscult detects anomalies in the sound or vibration of machines.

A model is fitted on recordings of normal running only. It scores new recordings and shows where in time and
frequency an anomaly is::

    import auscult

    model = auscult.fit("recordings/normal")
    model.save("fan.auscult")
    auscult.load("fan.auscult").score("new.wav").anomalous

Arrays are accepted wherever paths are, with ``sample_rate=``.

Names are imported on first use, so that ``import auscult`` is fast.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auscult.api.adapt import adapt as adapt
    from auscult.api.evaluate import evaluate as evaluate
    from auscult.api.export import export as export
    from auscult.api.fit import fit as fit
    from auscult.api.fit_machines import Fitted as Fitted
    from auscult.api.fit_machines import fit_machines as fit_machines
    from auscult.corpus import Clip as Clip
    from auscult.corpus import Corpus as Corpus
    from auscult.corpus import open_corpus as open_corpus
    from auscult.decision import Threshold as Threshold
    from auscult.decision import p_value as p_value
    from auscult.errors import AudioError as AudioError
    from auscult.errors import AuscultError as AuscultError
    from auscult.errors import AuscultWarning as AuscultWarning
    from auscult.errors import CorpusError as CorpusError
    from auscult.errors import DivergedError as DivergedError
    from auscult.errors import DownloadError as DownloadError
    from auscult.errors import EmptyAudio as EmptyAudio
    from auscult.errors import EvaluationError as EvaluationError
    from auscult.errors import ExportError as ExportError
    from auscult.errors import FitError as FitError
    from auscult.errors import MissingExtraError as MissingExtraError
    from auscult.errors import ModelFileError as ModelFileError
    from auscult.errors import NonFiniteAudio as NonFiniteAudio
    from auscult.errors import NotFittedError as NotFittedError
    from auscult.errors import NotNormalError as NotNormalError
    from auscult.errors import OptionError as OptionError
    from auscult.errors import PluginError as PluginError
    from auscult.errors import SourceError as SourceError
    from auscult.errors import StoreError as StoreError
    from auscult.errors import TableError as TableError
    from auscult.errors import TooLongAudio as TooLongAudio
    from auscult.errors import TooShortAudio as TooShortAudio
    from auscult.errors import TruncatedAudio as TruncatedAudio
    from auscult.errors import UnreadableAudio as UnreadableAudio
    from auscult.errors import UnsupportedAudio as UnsupportedAudio
    from auscult.errors import WorkersError as WorkersError
    from auscult.evaluation import Evaluation as Evaluation
    from auscult.findings import Finding as Finding
    from auscult.model import Calibration as Calibration
    from auscult.model import Model as Model
    from auscult.model import Score as Score
    from auscult.model.model_file import load_model

    load = load_model
    from auscult.report.plot import plot as plot
    from auscult.sound import Waveform as Waveform
    from auscult.sound import read_audio as read_audio

# ONNX Runtime sends usage data to its maker unless this is set before it is imported. It is set here, so that
# it holds for every module of auscult, for its workers, and for other packages that they import.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

#: Public name to its module and its name there.
_LAZY_NAMES = {
    "AudioError": ("auscult.errors", "AudioError"),
    "AuscultError": ("auscult.errors", "AuscultError"),
    "AuscultWarning": ("auscult.errors", "AuscultWarning"),
    "CorpusError": ("auscult.errors", "CorpusError"),
    "DivergedError": ("auscult.errors", "DivergedError"),
    "DownloadError": ("auscult.errors", "DownloadError"),
    "EmptyAudio": ("auscult.errors", "EmptyAudio"),
    "EvaluationError": ("auscult.errors", "EvaluationError"),
    "ExportError": ("auscult.errors", "ExportError"),
    "FitError": ("auscult.errors", "FitError"),
    "MissingExtraError": ("auscult.errors", "MissingExtraError"),
    "ModelFileError": ("auscult.errors", "ModelFileError"),
    "NonFiniteAudio": ("auscult.errors", "NonFiniteAudio"),
    "NotFittedError": ("auscult.errors", "NotFittedError"),
    "NotNormalError": ("auscult.errors", "NotNormalError"),
    "OptionError": ("auscult.errors", "OptionError"),
    "PluginError": ("auscult.errors", "PluginError"),
    "SourceError": ("auscult.errors", "SourceError"),
    "StoreError": ("auscult.errors", "StoreError"),
    "TableError": ("auscult.errors", "TableError"),
    "TooLongAudio": ("auscult.errors", "TooLongAudio"),
    "TooShortAudio": ("auscult.errors", "TooShortAudio"),
    "TruncatedAudio": ("auscult.errors", "TruncatedAudio"),
    "UnreadableAudio": ("auscult.errors", "UnreadableAudio"),
    "UnsupportedAudio": ("auscult.errors", "UnsupportedAudio"),
    "WorkersError": ("auscult.errors", "WorkersError"),
    "Calibration": ("auscult.model", "Calibration"),
    "Clip": ("auscult.corpus", "Clip"),
    "Corpus": ("auscult.corpus", "Corpus"),
    "Evaluation": ("auscult.evaluation", "Evaluation"),
    "Finding": ("auscult.findings", "Finding"),
    "Fitted": ("auscult.api.fit_machines", "Fitted"),
    "Model": ("auscult.model", "Model"),
    "Score": ("auscult.model", "Score"),
    "Threshold": ("auscult.decision", "Threshold"),
    "Waveform": ("auscult.sound", "Waveform"),
    "adapt": ("auscult.api.adapt", "adapt"),
    "evaluate": ("auscult.api.evaluate", "evaluate"),
    "export": ("auscult.api.export", "export"),
    "fit": ("auscult.api.fit", "fit"),
    "fit_machines": ("auscult.api.fit_machines", "fit_machines"),
    "open_corpus": ("auscult.corpus", "open_corpus"),
    "plot": ("auscult.report.plot", "plot"),
    "p_value": ("auscult.decision", "p_value"),
    "read_audio": ("auscult.sound", "read_audio"),
    "load": ("auscult.model.model_file", "load_model"),
}

#: Folders with public parts, so that ``auscult.detectors.DETECTORS`` needs no other import.
_LAZY_FOLDERS = (
    "corpus",
    "decision",
    "detectors",
    "evaluation",
    "model",
    "runtime",
    "sound",
    "spectrum",
    "testing",
)

__version__ = "0.2.0.dev0"
__all__ = [*_LAZY_NAMES, "__version__"]


def __getattr__(name: str) -> object:
    if name in _LAZY_FOLDERS:
        return import_module(f"auscult.{name}")  # the import sets the attribute
    if name not in _LAZY_NAMES:
        raise AttributeError(f"module 'auscult' has no attribute {name!r}")
    module, attribute = _LAZY_NAMES[name]
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
