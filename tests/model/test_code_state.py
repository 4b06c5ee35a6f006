"""Every detector has a code state of its own, which covers its shared parts."""

from __future__ import annotations

import importlib
import sys

import pytest

from auscult.detectors import DETECTORS, Detector, detector_type
from auscult.model.code_state import code_state


@pytest.mark.parametrize("name", DETECTORS)
def test_no_two_detectors_have_the_same_state(name):
    others = {code_state(detector_type(other))[0] for other in DETECTORS if other != name}
    assert code_state(detector_type(name))[0] not in others


def test_versions_are_part_of_the_state():
    state = code_state(detector_type("pooled_gaussian"))
    assert any(entry.startswith("numpy ") for entry in state)
    assert not any(entry.startswith("auscult ") for entry in state)


def test_code_of_a_detector_of_another_package_counts(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    states = []
    for version, sign in (("first", ""), ("second", "-")):
        package = tmp_path / f"outside_{version}"
        package.mkdir()
        (package / "__init__.py").write_text("")
        (package / "sums.py").write_text(f"def total(x):\n    return {sign}sum(x)\n")
        (package / "detector.py").write_text("from .sums import total\n")
        module = importlib.import_module(f"outside_{version}.detector")
        detector = type("Outside", (Detector,), {"__module__": module.__name__})
        states.append(code_state(detector))
        monkeypatch.delitem(sys.modules, module.__name__)
    assert states[0][0] != states[1][0]
    assert states[0][1:] == states[1][1:]
