"""The search for the largest number of machines, and a short run of the benchmark."""

from __future__ import annotations

import pytest
from bench import monitor
from bench.markdown import DOCS
from bench.monitor_search import Tried, largest, search


@pytest.mark.parametrize("capacity", [3, 44, 61, 140, 500])
def test_few_runs_find_the_largest_number(capacity):
    def run(machines: int) -> Tried:
        return Tried(machines, machines <= capacity, min(1.0, machines / capacity))

    tried = search(run, 50, lambda: True)
    assert 0.9 * capacity <= largest(tried) <= capacity
    assert len(tried) <= 14


def test_it_ends_without_time_and_with_what_it_knows():
    tried = search(lambda machines: Tried(machines, True, 0.5), 50, lambda: False)
    assert [run.machines for run in tried] == [50]
    assert largest([Tried(50, False, 1.0)]) == 0


def test_the_page_has_all_sections():
    page = (DOCS / monitor.PAGE).read_text()
    for name in ("monitor", "monitor runs", "monitor about"):
        assert f"<!-- {name} -->" in page
        assert f"<!-- /{name} -->" in page


@pytest.mark.slow
def test_a_short_run(tmp_path, capsys):
    page = (DOCS / monitor.PAGE).read_text()
    monitor.main(["--quick", "--folder", str(tmp_path)])
    summary, runs = capsys.readouterr().out.split("\n\n")
    (row,) = (line for line in runs.splitlines() if "`pooled_gaussian`" in line)
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[:3] == ["`pooled_gaussian`", "1 s", "2"]
    assert cells[6].endswith("ms")
    assert "memory each" in summary
    assert (DOCS / monitor.PAGE).read_text() == page, "nothing is written"
