"""Every detector has a code state of its own, which covers its shared parts."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import sys
from pathlib import Path

import pytest

from auscult.detectors import DETECTORS, Detector, detector_type
from auscult.model.code_state import code_provenance, code_state, code_warning
from auscult.runtime import code_digest as code_digest_module
from auscult.runtime import code_facts as code_facts_module
from auscult.runtime.versions import package_versions


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


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """``outside(source)``: a detector of another package whose code was replaced since it was imported."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("AUSCULT_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "outside_changed" / "detector.py"
    file.parent.mkdir()
    (file.parent / "__init__.py").write_text("")

    def write(source: str) -> type[Detector]:
        file.write_text(source)
        importlib.invalidate_caches()
        for module in (code_digest_module, code_facts_module):  # each file is read once in a process
            for value in vars(module).values():
                if hasattr(value, "cache_clear"):
                    value.cache_clear()
        return type("Outside", (Detector,), {"__module__": "outside_changed.detector"})

    return write


def _fitted(detector: type[Detector]) -> dict[str, object]:
    return {**code_provenance(detector), "versions": package_versions()}


def test_there_is_a_warning_if_the_code_has_changed_since_the_fit(outside):
    provenance = _fitted(outside("SIGN = 1\n"))
    assert code_warning(outside("SIGN = 1\n"), provenance) is None
    assert code_warning(outside("SIGN = 1  # a comment\n"), provenance) is None
    for _ in range(2):  # computed, and from the cache folder
        warning = code_warning(outside("SIGN = -1\n"), provenance)
        assert warning is not None
        assert "has changed since the model was fitted" in warning.message


def test_a_module_next_to_the_detector_counts(outside, tmp_path):
    helper = tmp_path / "helper_of_detector.py"
    helper.write_text("SIGN = 1\n")
    source = "from helper_of_detector import SIGN\n"
    state, provenance = code_state(outside(source)), _fitted(outside(source))
    assert provenance["local_code"] == ["helper_of_detector"]
    assert code_warning(outside(source), provenance) is None
    helper.write_text("SIGN = 1  # a comment\n")
    assert code_state(outside(source)) == state
    assert code_warning(outside(source), provenance) is None
    helper.write_text("SIGN = -1\n")
    assert code_state(outside(source))[0] != state[0]
    assert "has changed" in code_warning(outside(source), provenance).message


def test_versions_of_what_a_detector_of_another_package_imports_are_part_of_the_state(outside):
    click = f"click {importlib.metadata.version('click')}"
    assert click in code_state(outside("import click\n"))
    assert click not in code_state(outside("import json\n"))


def test_unchanged_source_files_are_not_parsed(outside, monkeypatch):
    detector = outside("SIGN = 1\n")
    provenance = _fitted(detector)
    outside("SIGN = 1\n")
    monkeypatch.setattr(code_facts_module, "code_digest", None)
    assert code_warning(detector, provenance) is None


def test_changed_source_files_are_parsed_once(outside, monkeypatch, tmp_path):
    provenance = _fitted(outside("SIGN = 1\n"))
    changed = "SIGN = 1  # a comment\n"
    assert code_warning(outside(changed), provenance) is None
    detector = outside(changed)
    with monkeypatch.context() as patch:
        patch.setattr(code_facts_module, "code_digest", None)
        assert code_warning(detector, provenance) is None
    (stored,) = (tmp_path / "cache" / "code").iterdir()
    other = {**json.loads(stored.read_text()), "source": "of other files", "code": "0"}
    stored.write_text(json.dumps(other))
    assert code_warning(detector, provenance) is None, "computed again"
    stored.write_text("damaged")
    assert code_warning(detector, provenance) is None


def test_without_source_files_it_is_unknown_whether_the_code_has_changed(outside, tmp_path):
    provenance = _fitted(outside("SIGN = 1\n"))
    detector = outside("SIGN = 1\n")
    for file in Path(tmp_path, "outside_changed").iterdir():
        if file.is_file():
            file.unlink()
    assert code_warning(detector, provenance) is None
