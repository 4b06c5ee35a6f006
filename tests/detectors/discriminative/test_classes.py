"""Classes of normal clips: from attributes or clusters, separate for each machine."""

from __future__ import annotations

import numpy as np

from auscult.corpus import Clip
from auscult.detectors.discriminative.classes import MAX_CLUSTERS, assign_classes, pseudo_labels


def clip(number: int, machine: str | None = "fan", **fields) -> Clip:
    return Clip(f"{number}.wav", machine=machine, **fields)


def blobs(count: int, each: int = 6) -> np.ndarray:
    centres = 50.0 * np.random.default_rng(0).standard_normal((count, 20))
    return np.repeat(centres, each, axis=0) + np.random.default_rng(1).standard_normal((count * each, 20))


def test_classes_from_attributes_with_one_for_clips_without_any():
    clips = [clip(i, attributes={"speed": str(i % 2)}) for i in range(6)] + [clip(6), clip(7)]
    labels, names = assign_classes(clips, [True] * 8, np.zeros((8, 3)), 0)
    assert names == ["fan: speed=0", "fan: speed=1", "fan: unknown"]
    assert labels.tolist() == [0, 1, 0, 1, 0, 1, 2, 2]


def test_the_domain_does_not_affect_the_class():
    clips = [clip(i, attributes={"speed": str(i % 2)}, domain="source") for i in range(4)]
    clips += [clip(4 + i, attributes={"speed": str(i % 2)}, domain="target") for i in range(2)]
    assert assign_classes(clips, [True] * 6, np.zeros((6, 3)), 0)[0].tolist() == [0, 1] * 3


def test_clusters_are_used_without_attributes():
    labels, names = assign_classes([clip(i) for i in range(18)], [True] * 18, blobs(3), 0)
    assert len(names) == 3
    assert all(len(set(labels[i : i + 6])) == 1 for i in (0, 6, 12))


def test_attributes_unique_to_each_clip_are_ignored():
    clips = [clip(i, attributes={"date": str(i)}) for i in range(18)]
    assert len(assign_classes(clips, [True] * 18, blobs(3), 0)[1]) == 3


def test_machines_have_separate_classes_even_without_a_name():
    clips = [clip(i, None) for i in range(4)] + [clip(i, None) for i in range(4)] + [clip(9, "pump")] * 2
    labels, names = assign_classes(clips, [True] * 4 + [False] * 6, np.zeros((10, 3)), 0)
    assert labels.tolist() == [0] * 4 + [1] * 4 + [2] * 2
    assert names == ["machine: cluster 0", "machine: cluster 0", "pump: cluster 0"]


def test_pseudo_labels_are_few_and_reproducible():
    vectors = np.random.default_rng(3).standard_normal((60, 30))
    labels = pseudo_labels(vectors, 5)
    assert 2 <= len(set(labels)) <= MAX_CLUSTERS
    np.testing.assert_array_equal(labels, pseudo_labels(vectors, 5))
    assert pseudo_labels(np.ones((9, 4)), 0).tolist() == [0] * 9  # identical vectors form one cluster
    assert pseudo_labels(vectors[:3], 0).tolist() == [0] * 3  # too few to cluster
