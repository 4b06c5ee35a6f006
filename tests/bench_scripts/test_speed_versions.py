"""The comparison of the speed of two versions: factors within a round, and the table."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.speed_clock import ROOT
from bench.speed_versions import NEW, OLD, Side, measure, page


def records(*seconds: float, **more: float) -> list[dict[str, float]]:
    return [{"seconds": s, "processor_seconds": 2 * s, **more} for s in seconds]


def test_factors_are_medians_of_the_ratios_within_a_round():
    runs = {OLD: records(10.0, 40.0, 12.0, megabytes=100.0), NEW: records(5.0, 10.0, 6.0, megabytes=50.0)}
    header, _, old, new = page({"score on one core": runs}, 10.0).splitlines()
    assert [cell.strip() for cell in header.strip("|").split("|")][3] == "× 0.1.0"
    assert [cell.strip() for cell in old.strip("|").split("|")][3] == "1"
    cells = [cell.strip() for cell in new.strip("|").split("|")]
    assert cells[3] == cells[5] == "2.00"  # not 12 / 6 of the medians of other rounds, nor 40 / 10
    assert cells[6] == "167 [100, 200]"  # 100 clips of 10 s
    assert cells[7] == "50 [50, 50]"


def test_there_are_no_factors_without_the_old_version():
    row = page({"fit of 1000 clips": {NEW: records(5.0, megabytes=50.0)}}, 10.0).splitlines()[-1]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[2:6] == ["5.00 (once)", "–", "10.00 (once)", "–"]


def test_an_interrupted_run_continues_with_the_missing_rounds():
    sides = {name: Side(Path(name), Path(), {}) for name in (OLD, NEW)}
    turns: list[str] = []
    runs: dict[str, list[dict[str, float]]] = {OLD: [{"seconds": 1.0}], NEW: [{"seconds": 2.0}]}

    def part(side: Side) -> dict[str, float]:
        if len(turns) == 3:
            raise KeyboardInterrupt
        turns.append(str(side.checkout))
        return {"seconds": 3.0}

    with pytest.raises(KeyboardInterrupt):
        measure(runs, part, sides, 3, lambda: None)
    assert turns == [OLD, NEW, OLD]
    assert len(runs[OLD]) == len(runs[NEW]) == 2  # the round that was not complete does not count


def test_a_side_runs_the_code_of_the_checkout(tmp_path):
    package = tmp_path / "src" / "auscult"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text("import sys; print('{\"seconds\": 7.5}'); sys.exit(4)")
    record = Side(tmp_path, tmp_path / "model", {}).start(Path("clip.wav"))
    assert record["seconds"] == 7.5
    assert 0 < record["processor_seconds"] < 60


def test_a_failing_side_is_an_error_with_the_output(tmp_path):
    with pytest.raises(RuntimeError, match="no_such_module"):
        Side(ROOT, tmp_path / "model", {}).run("-m", "no_such_module")
