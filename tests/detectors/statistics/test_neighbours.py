"""Distances and densities compared with slow loops, and leave-one-out scores with fitting again."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.detectors.statistics.neighbours import METRICS, SCORES, Neighbours, distances


def normals(seed: int, sources: int = 9, targets: int = 4, dims: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of two domains in random order; those of the target domain are farther apart."""
    rng = np.random.default_rng(seed)
    target = rng.permutation([False] * sources + [True] * targets)
    vectors = rng.standard_normal((len(target), dims)) * np.where(target, 3.0, 1.0)[:, None] - 40
    return vectors.astype(np.float32), target


def slow_distance(a: np.ndarray, b: np.ndarray, metric: str) -> float:
    a, b = a.astype(np.float64), b.astype(np.float64)
    if metric == "cosine":
        return 1 - float(a @ b) / float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(np.sqrt(sum((p - q) ** 2 for p, q in zip(a, b, strict=True))))


def slow_density(vectors, target, group, y, k, metric) -> float:
    near = [
        slow_distance(vectors[y], vectors[j], metric)
        for j in range(len(vectors))
        if group[j] != group[y] and target[j] == target[y]
    ] or [slow_distance(vectors[y], vectors[j], metric) for j in range(len(vectors)) if group[j] != group[y]]
    return float(np.mean(sorted(near)[:k]))


def slow_scores(x, vectors, target, group, k, metric, alpha) -> dict[str, float]:
    indices = range(len(vectors))
    rho = [slow_density(vectors, target, group, y, k[int(target[y])], metric) for y in indices]
    nearest = [slow_density(vectors, target, group, y, 1, metric) for y in indices]
    scale = {t: np.median([nearest[y] for y in indices if target[y] == t] or nearest) for t in (False, True)}
    d = [slow_distance(x, y, metric) for y in vectors]
    return {
        "density": min(d[y] / rho[y] for y in indices),
        "nearest": min(d),
        "variance": min(np.log(d[y]) - alpha * np.log(rho[y]) for y in indices),
        "domain": min(d[y] / scale[bool(target[y])] for y in indices),
    }


@pytest.mark.parametrize("metric", METRICS)
def test_distances(metric):
    rows, columns = normals(0)[0][:4], normals(1)[0]
    expected = [[slow_distance(a, b, metric) for b in columns] for a in rows]
    np.testing.assert_allclose(distances(rows, columns, metric), expected, rtol=1e-7)


@pytest.mark.parametrize("metric", METRICS)
@settings(max_examples=15)
@given(
    seed=st.integers(0, 500), k=st.tuples(st.integers(1, 12), st.integers(1, 6)), targets=st.integers(0, 4)
)
def test_scores_equal_those_of_slow_loops(metric, seed, k, targets):
    vectors, target = normals(seed, targets=targets)
    group = np.random.default_rng(seed).integers(0, 7, len(vectors))
    neighbours = Neighbours.fit(vectors, target, groups=group, metric=metric, k_source=k[0], k_target=k[1])
    x = normals(seed + 1)[0][0]
    expected = slow_scores(x, vectors, target, group, k, metric, neighbours.alpha)
    scores = neighbours.scores(x)
    assert tuple(scores) == SCORES
    assert scores == pytest.approx(expected, rel=1e-6)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 500),
    k=st.tuples(st.integers(1, 12), st.integers(1, 6)),
    targets=st.integers(0, 3),
    groups=st.integers(3, 12),
)
def test_leave_one_out_scores_equal_fitting_without_the_group(seed, k, targets, groups):
    """A clip is left out together with its group; also with no, one and two target clips."""
    vectors, target = normals(seed, targets=targets)
    group = np.r_[0, 1, 2, np.random.default_rng(seed).integers(0, groups, len(vectors) - 3)]
    neighbours, left_out = Neighbours.fit_leave_one_out(
        vectors, target, groups=group, k_source=k[0], k_target=k[1]
    )
    for i in range(len(vectors)):
        rest = group != group[i]
        expected = slow_scores(
            vectors[i], vectors[rest], target[rest], group[rest], k, "euclidean", neighbours.alpha
        )
        assert {name: left_out[name][i] for name in SCORES} == pytest.approx(expected, rel=1e-5)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 500),
    k=st.tuples(st.integers(1, 12), st.integers(1, 6)),
    targets=st.integers(0, 3),
    groups=st.integers(1, 12),
    left_out=st.lists(st.integers(0, 11), min_size=1, max_size=4),
)
def test_fitting_subsets_equals_fitting_each(seed, k, targets, groups, left_out):
    """Also with one group left, which is then split, and with domains that lose all their vectors."""
    vectors, target = normals(seed, targets=targets)
    group = np.random.default_rng(seed).integers(0, groups, len(vectors))
    everything = np.ones(len(vectors), bool)
    subsets = [everything, *(group != of for of in left_out), np.arange(len(vectors)) >= 5, ~target]
    subsets = [subset for subset in subsets if subset.sum() >= 2]
    options = {"k_source": k[0], "k_target": k[1]}
    fitted = Neighbours.fit_subsets(vectors, target, subsets, groups=group, **options)
    for subset, (neighbours, scores) in zip(subsets, fitted, strict=True):
        expected, expected_scores = Neighbours.fit_leave_one_out(
            vectors[subset], target[subset], groups=group[subset], **options
        )
        for name in ("vectors", "target", "density", "alpha", "scale"):
            np.testing.assert_allclose(getattr(neighbours, name), getattr(expected, name), rtol=1e-6)
        for name in SCORES:
            np.testing.assert_allclose(scores[name], expected_scores[name], rtol=1e-6)


@pytest.mark.parametrize("name", SCORES)
def test_a_single_score_is_that_of_all_scores(name):
    vectors, target = normals(2)
    everything = [np.ones(len(vectors), bool)]
    ((neighbours, left_out),) = Neighbours.fit_subsets(vectors, target, everything, names=(name,))
    expected, expected_left_out = Neighbours.fit_leave_one_out(vectors, target)
    assert left_out.keys() == {name}
    np.testing.assert_array_equal(left_out[name], expected_left_out[name])
    x = vectors[0] + 1
    assert neighbours.scores_and_nearest(x, (name,)) == {name: expected.scores_and_nearest(x)[name]}


def test_alpha_minimises_the_variance():
    """Over all pairs, with leave-one-out densities."""
    vectors, target = normals(3, sources=12, targets=0)
    alpha = Neighbours.fit(vectors, target).alpha
    pairs = []
    for i in range(12):
        rest = np.arange(12) != i
        for y in np.flatnonzero(rest):
            rho = slow_density(vectors[rest], target[rest], np.arange(11), int(y - (y > i)), 1, "euclidean")
            pairs.append((np.log(slow_distance(vectors[i], vectors[y], "euclidean")), np.log(rho)))
    log_d, log_rho = np.array(pairs).T
    variances = {a: np.var(log_d - a * log_rho) for a in (alpha - 0.01, alpha, alpha + 0.01)}
    assert min(variances, key=variances.__getitem__) == alpha


def test_the_nearest_vector_is_returned():
    vectors, target = normals(4)
    neighbours = Neighbours.fit(vectors, target)
    results = neighbours.scores_and_nearest(vectors[6] + 1e-3)
    assert results["nearest"] == (pytest.approx(1e-3 * np.sqrt(5), rel=0.05), 6)
    assert results["domain"][1] == 6


def test_normalised_scores_of_a_sparse_target_domain_are_not_higher():
    rng = np.random.default_rng(0)
    source, targets = rng.standard_normal((40, 4)), 30 + 6 * rng.standard_normal((8, 4))
    neighbours, left_out = Neighbours.fit_leave_one_out(np.r_[source, targets], np.arange(48) >= 40)
    ratio = {name: np.median(values[40:]) / np.median(values[:40]) for name, values in left_out.items()}
    assert ratio["nearest"] > 3
    assert ratio["density"] < 2
    assert ratio["domain"] < 2
    assert neighbours.scale[1] > 3 * neighbours.scale[0]


@pytest.mark.parametrize(
    ("vectors", "target", "groups"),
    [
        (np.zeros((5, 3)), [False] * 5, None),
        (np.eye(2, 3), [False] * 2, None),
        (np.eye(2, 3), [False, True], None),
        (np.eye(5, 6), [False] * 4 + [True], [0] * 5),
        (np.eye(5, 6), [False] * 4 + [True], [0, 0, 0, 1, 1]),
        (np.r_[np.zeros((4, 3)), np.ones((1, 3))], [False] * 5, None),
    ],
    ids=["identical", "two", "one of each", "one recording", "two recordings", "identical and another"],
)
@pytest.mark.parametrize("metric", METRICS)
def test_degenerate_banks_give_finite_scores(vectors, target, groups, metric):
    neighbours, left_out = Neighbours.fit_leave_one_out(
        vectors, target, groups=groups, metric=metric, k_source=3
    )
    assert all(np.all(np.isfinite(values)) for values in left_out.values())
    assert all(np.all(np.isfinite(array)) for array in neighbours.to_arrays().values())
    assert all(np.isfinite(value) for value in neighbours.scores(np.full(vectors.shape[1], 0.5)).values())


def test_memory_is_proportional_to_the_number_of_pairs():
    vectors, target = normals(7, sources=296, targets=4)
    tracemalloc.start()
    Neighbours.fit_leave_one_out(vectors, target, groups=np.arange(300) % 2)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * 300**2 * 8


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("groups", [None, [0, 0, 1, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9]])
def test_spaces_are_independent_of_each_other(metric, groups):
    """Results of several spaces at once are those of each alone, bit for bit."""
    spaces = np.stack([normals(seed)[0] for seed in range(3)])
    x, target = np.stack([normals(seed)[0][0] for seed in range(3, 6)]), normals(0)[1]
    options = {"groups": groups, "metric": metric, "k_source": 2}
    together, left_out = Neighbours.fit_leave_one_out(spaces, target, **options)
    scores = together.scores_and_nearest(x)
    for i, vectors in enumerate(spaces):
        alone, left_out_alone = Neighbours.fit_leave_one_out(vectors, target, **options)
        for name in ("density", "alpha", "scale"):
            np.testing.assert_array_equal(getattr(together, name)[i], getattr(alone, name))
        for name in SCORES:
            np.testing.assert_array_equal(left_out[name][i], left_out_alone[name])
            value, index = scores[name]
            assert (value[i], index[i]) == alone.scores_and_nearest(x[i])[name]


def test_round_trip_through_arrays():
    neighbours = Neighbours.fit(*normals(5), metric="cosine")
    restored = Neighbours.from_arrays(neighbours.to_arrays(), "cosine")
    x = normals(6)[0][0]
    assert restored.scores_and_nearest(x) == neighbours.scores_and_nearest(x)
