"""`bench.encoder_framing` and `bench.encoder_files`: what their cells contain."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from bench.encoder_files import difference
from bench.encoder_framing import HEADER, cells

from auscult.detectors.embedding.embedding_memory import EmbeddingMemory


def test_cells_are_means_over_scores_then_over_machines_and_that_of_the_default_score():
    default, *others = EmbeddingMemory.scores
    results = [
        SimpleNamespace(machine=machine, score=score, harmonic_mean=value if score == default else 0.5)
        for machine, value in (("fan", 0.9), ("pump", 0.7))
        for score in EmbeddingMemory.scores
    ]
    count = len(others) + 1
    fan, pump = (100 * (value + 0.5 * len(others)) / count for value in (0.9, 0.7))
    expected = [f"{value:.1f}" for value in (fan, pump, (fan + pump) / 2, 80)]
    assert cells(results, ["fan", "pump"]) == expected
    assert default in HEADER[-1]


def test_the_difference_is_relative_to_the_reference_and_the_median_over_clips():
    reference = np.array([[3.0, 4.0], [10.0, 0.0], [0.0, 1.0]])
    assert difference(reference, reference) == 0
    changed = reference + np.array([[3.0, 4.0], [1.0, 0.0], [0.0, 0.5]])
    np.testing.assert_allclose(difference(changed, reference), 50)
