"""auscult detects anomalies in the sound or vibration of machines.

A model is fitted on recordings of normal running only. It scores new recordings and shows where in time and
frequency an anomaly is::

    import auscult

    model = auscult.fit(auscult.open_corpus("recordings/normal"))
    model.save("fan.auscult")
    auscult.load("fan.auscult").score(samples, sample_rate).anomalous

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
    from auscult.errors import AuscultError as AuscultError
    from auscult.model import Model as Model
    from auscult.model import Score as Score
    from auscult.model.model_file import load_model

    load = load_model
    from auscult.sound import read_audio as read_audio

# ONNX Runtime sends usage data to its maker unless this is set before it is imported. It is set here, so that
# it holds for every module of auscult, for its workers, and for other packages that they import.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

#: Public name to its module and its name there.
_LAZY_NAMES = {
    "AuscultError": ("auscult.errors", "AuscultError"),
    "Clip": ("auscult.corpus", "Clip"),
    "Corpus": ("auscult.corpus", "Corpus"),
    "Model": ("auscult.model", "Model"),
    "Score": ("auscult.model", "Score"),
    "Fitted": ("auscult.api.fit_machines", "Fitted"),
    "adapt": ("auscult.api.adapt", "adapt"),
    "evaluate": ("auscult.api.evaluate", "evaluate"),
    "export": ("auscult.api.export", "export"),
    "fit": ("auscult.api.fit", "fit"),
    "fit_machines": ("auscult.api.fit_machines", "fit_machines"),
    "load": ("auscult.model.model_file", "load_model"),
    "open_corpus": ("auscult.corpus", "open_corpus"),
    "read_audio": ("auscult.sound", "read_audio"),
}

#: Folders with public parts, so that ``auscult.detectors.DETECTORS`` needs no other import.
_LAZY_FOLDERS = ("corpus", "decision", "detectors", "evaluation", "model", "runtime", "sound", "spectrum")

__version__ = "0.1.0"
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
