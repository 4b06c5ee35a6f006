"""The example of a new detector in the documentation runs as it is printed."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from auscult.corpus import AudioClip, Clip
from auscult.detectors import DETECTORS, detector_type
from auscult.detectors.options import make_config
from auscult.errors import OptionError
from auscult.model import Model
from auscult.model.model_file import load_model
from auscult.sound import Waveform

RATE = 8000
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "own-detector.md"


@pytest.fixture
def example(monkeypatch):
    """The detector of the page, registered by the line of the page."""
    text = PAGE.read_text(encoding="utf-8")
    (code,) = re.findall(r'```python title="pca_residual.py"\n(.*?)```', text, re.DOTALL)
    line = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[-1]
    registered = eval(f"{{{line}}}")
    ((name, (module_name, _)),) = registered.items()
    module = ModuleType(module_name)
    monkeypatch.setitem(sys.modules, module_name, module)
    monkeypatch.setitem(DETECTORS, name, registered[name])
    exec(compile(code, str(PAGE), "exec"), module.__dict__)
    return name


def test_the_documented_detector_fits_scores_and_is_saved(example, machine_sound, tmp_path):
    def recording(seed: int, broken: bool = False) -> AudioClip:
        waveform = Waveform(machine_sound(seed, broken=broken), RATE, path=f"{seed}.wav")
        return AudioClip(Clip(f"{seed}.wav"), lambda: waveform)

    settings = {"sample_rate": RATE, "n_fft": 512, "hop": 256, "n_mels": 16, "components": "3"}
    detector = detector_type(example)(make_config(example, settings=settings))
    detector.fit([recording(seed) for seed in range(12)])
    shapes = {name: array.shape for name, array in detector.arrays.items()}
    assert shapes == {"mean": (16,), "axes": (3, 16)}
    normal, broken = (detector.score(recording(99, broken), explain=True) for broken in (False, True))
    assert broken.scores["residual"] > normal.scores["residual"]
    mean_map = np.mean(broken.maps["residual"], axis=0, dtype=np.float64)
    assert mean_map.sum() == pytest.approx(broken.scores["residual"], rel=1e-4)
    Model(detector).save(tmp_path / "model.auscult")
    loaded = load_model(tmp_path / "model.auscult").detector
    assert loaded.score(recording(99)).scores == normal.scores
    with pytest.raises(OptionError, match="components must be at least 1"):
        make_config(example, settings={"components": 0})
