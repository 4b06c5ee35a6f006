"""auscult hears a machine go wrong.

It learns a machine's normal sound or vibration from recordings of normal running alone, scores new
recordings, and says where in time and frequency the oddness lies::

    import auscult

    model = auscult.fit(auscult.open_corpus("recordings/normal"))
    model.save("fan.auscult")
    auscult.load("fan.auscult").score(samples, sample_rate).anomalous

Names are imported when first used, so that ``import auscult`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auscult.adapting import adapt as adapt
    from auscult.corpus import Clip as Clip
    from auscult.corpus import Corpus as Corpus
    from auscult.corpus import open_corpus as open_corpus
    from auscult.errors import AuscultError as AuscultError
    from auscult.evaluating import evaluate as evaluate
    from auscult.exporting import export as export
    from auscult.fitting import fit as fit
    from auscult.model import Model as Model
    from auscult.model import Score as Score
    from auscult.model_file import load_model
    from auscult.plant import Fitted as Fitted
    from auscult.plant import fit_machines as fit_machines
    from auscult.selecting import select as select

    load = load_model
    from auscult.sound import read_audio as read_audio

_WHERE = {
    "AuscultError": ("auscult.errors", "AuscultError"),
    "Clip": ("auscult.corpus", "Clip"),
    "Corpus": ("auscult.corpus", "Corpus"),
    "Model": ("auscult.model", "Model"),
    "Score": ("auscult.model", "Score"),
    "Fitted": ("auscult.plant", "Fitted"),
    "adapt": ("auscult.adapting", "adapt"),
    "evaluate": ("auscult.evaluating", "evaluate"),
    "export": ("auscult.exporting", "export"),
    "fit": ("auscult.fitting", "fit"),
    "fit_machines": ("auscult.plant", "fit_machines"),
    "load": ("auscult.model_file", "load_model"),
    "open_corpus": ("auscult.corpus", "open_corpus"),
    "read_audio": ("auscult.sound", "read_audio"),
    "select": ("auscult.selecting", "select"),
}

__version__ = "0.1.0"
__all__ = [*_WHERE, "__version__"]


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module 'auscult' has no attribute {name!r}")
    module, attribute = _WHERE[name]
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
