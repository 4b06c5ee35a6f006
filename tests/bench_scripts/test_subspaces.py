"""`bench.subspaces`: its scores are those of the detector; ranks are chosen without the machine left out."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from bench import subspaces
from bench.subspace_variants import VARIANTS, Machine, windows
from scipy.stats import multivariate_normal

import auscult
from auscult.corpus import AudioClip
from auscult.detectors.options import config_for_recordings
from auscult.detectors.reconstruction.subspace_residual import SubspaceResidual
from auscult.detectors.reconstruction.subspaces import RANKS
from auscult.simulation import simulate


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("simulated")
    simulate(root, machines=["fan"], clips=16, test_clips=2, seconds=2.0, seed=0)
    return root / "fan"


@pytest.fixture(scope="module")
def machine(folder) -> Machine:
    return Machine.of(folder)


@pytest.mark.parametrize("ranks", [(4, 8, 16), (1,)])
def test_variants_with_the_names_of_scores_are_those_scores(folder, machine, ranks):
    corpus = auscult.open_corpus(folder)
    training = [AudioClip.from_file(clip) for clip in corpus.for_training()]
    settings = {"ranks": ",".join(map(str, ranks))}
    config = config_for_recordings("subspace_residual", 16000, 2.0, settings=settings)
    detector = SubspaceResidual(config).fit(training)
    scores = [detector.score(AudioClip.from_file(clip)).scores for clip in machine.clips]
    weighted, residual = (VARIANTS[f"`{name}`"](machine, ranks) for name in ("weighted", "residual"))
    np.testing.assert_allclose(10 * weighted / np.log(10), [s["weighted"] for s in scores], rtol=1e-8)
    np.testing.assert_allclose(residual, [s["residual"] for s in scores], rtol=1e-8)


def test_the_likelihood_is_that_of_a_gaussian(folder, machine):
    """Of probabilistic PCA: the leading variances are kept, and the others replaced by their mean."""
    corpus = auscult.open_corpus(folder)
    training, test = (
        [AudioClip.from_file(clip) for clip in clips]
        for clips in (corpus.for_training(), corpus.for_evaluation())
    )
    config = config_for_recordings("subspace_residual", 16000, 2.0)
    normal = np.concatenate([windows(clip, config) for clip in training])
    values, vectors = np.linalg.eigh(np.cov(normal.T))
    rank = 8
    values[:-rank] = values[:-rank].mean()
    gaussian = multivariate_normal(normal.mean(axis=0), (vectors * values) @ vectors.T)
    expected = [-gaussian.logpdf(windows(clip, config)).mean() / normal.shape[1] for clip in test]
    np.testing.assert_allclose(machine.likelihood[:, RANKS.index(rank)], expected, rtol=1e-6)


def test_ranks_are_chosen_without_the_machine_left_out(monkeypatch):
    """The first machine prefers rank 0, the other real one and the simulated one rank 8."""
    monkeypatch.setattr(subspaces, "VARIANTS", {"score": lambda machine, ranks: np.array([max(ranks)])})

    def preferring(rank: int) -> SimpleNamespace:
        return SimpleNamespace(harmonic_mean=lambda scores: 100.0 - abs(rank - scores[0]))

    ((_, chosen, left_out, real, simulated),) = subspaces.decision_rows(
        [preferring(0), preferring(8)], [preferring(8)]
    )
    assert chosen == "0–8, 0"  # without the second, all sets up to rank 8 are equally good: the first
    assert left_out == "92.0"
    assert (real, simulated) == ("88.0", "92.0")  # with the default ranks, of which 16 is the largest
