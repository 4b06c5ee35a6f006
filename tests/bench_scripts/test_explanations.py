"""bench.explanations: what it measures, and that it runs on a small simulated machine."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from bench import explanations
from bench.explanations import RANDOM, MapResult, evaluate_maps, faulty_clips, rows_of
from bench.markdown import DOCS

import auscult
from auscult.simulation import load_mask, simulate


@pytest.fixture(scope="module")
def fan(tmp_path_factory) -> str:
    """A machine with three anomalies in each domain, one of them of medium severity."""
    root = tmp_path_factory.mktemp("simulated")
    (folder,) = simulate(root, machines=["fan"], clips=8, test_clips=3, seconds=2)
    return str(folder)


def test_the_mask_as_map_hits_and_the_negative_mask_misses(fan):
    clips = list(faulty_clips(fan))
    assert [clip.domain for clip, _, _ in clips] == ["source", "target"]
    assert all(np.array_equal(mask, load_mask(clip.path)) and mask.any() for clip, _, mask in clips)
    right = evaluate_maps("right", "fan", fan, lambda clip: (load_mask(clip.path).astype(float), True))
    wrong = evaluate_maps("wrong", "fan", fan, lambda clip: (-load_mask(clip.path).astype(float), True))
    assert [(p.hit, p.inside) for p in right] == [(1.0, 1.0)] * 2
    assert [(p.hit, p.inside) for p in wrong] == [(0.0, 0.0)] * 2
    half = evaluate_maps("half", "fan", fan, lambda clip: (np.ones_like(load_mask(clip.path), float), True))
    assert [p.inside for p in half] == pytest.approx([mask.mean() for _, _, mask in clips])


def test_systems_are_sorted_by_hits_with_the_random_bin_last():
    def result(system: str, domain: str, hit: float) -> MapResult:
        return MapResult(system, "fan", domain, "leak", hit, 0.25, detected=system != RANDOM and hit > 0)

    results = [result(RANDOM, "source", 0.9), result("poor", "source", 0), result("poor", "target", 0)]
    results += [result("good", "source", 1), result("good", "target", 0)]
    rows = rows_of([*results, result(RANDOM, "target", 0.9)], ["fan"])
    assert [row[0] for row in rows] == ["good", "poor", RANDOM]
    assert rows[0] == ["good", "50.0 [1, 99]", "100.0 [3, 100] of 1", "100", "0", "50", "25.0"]
    assert rows[2][1] == "90.0"


def test_the_script_runs_and_reuses_existing_models(fan, tmp_path, monkeypatch, capsys):
    page = (DOCS / "results/maps.md").read_bytes()
    options = ["--data", str(Path(fan).parent), "--detectors", "pooled_gaussian", "--print"]
    monkeypatch.setattr(sys, "argv", ["explanations", "-o", str(tmp_path), *options])
    explanations.main()
    table = capsys.readouterr().out
    assert all(name in table for name in ("pooled_gaussian", explanations.SPECTROGRAM, RANDOM))
    assert "2 clips with a fault of medium severity" in table
    monkeypatch.setattr(auscult, "fit", lambda *_, **__: pytest.fail("fitted again"))
    explanations.main()
    assert capsys.readouterr().out == table
    assert (DOCS / "results/maps.md").read_bytes() == page
