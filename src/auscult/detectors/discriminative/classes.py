"""The classes that the network is trained to separate, from clips that are all normal.

For each machine the classes are the attribute values of its clips if these are known (the auxiliary task of
the literature on DCASE Task 2), otherwise clusters of its clips. The domain is not a class: a network that
separates domains moves the few target clips away from all others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from auscult.corpus import Clip

#: Maximum number of clusters per machine.
MAX_CLUSTERS = 16


def assign_classes(
    clips: Sequence[Clip], own: Sequence[bool], vectors: np.ndarray, seed: int
) -> tuple[np.ndarray, list[str]]:
    """Assign a class to every clip.

    Args:
        clips: of all machines.
        own: which clips are of the machine that the detector is fitted for; the others are of other
            machines, even if these have the same name.
        vectors: (N, D) pooled features of each clip, clustered for machines without attributes.
        seed: of the clustering.

    Returns:
        (N,) labels from 0, and the name of each class.
    """
    machines: dict[tuple, list[int]] = {}
    for i, (clip, is_own) in enumerate(zip(clips, own, strict=True)):
        machines.setdefault((not is_own, clip.machine or "", clip.section or ""), []).append(i)
    labels = np.zeros(len(clips), np.int64)
    names: list[str] = []
    for key in sorted(machines):
        indices = machines[key]
        values = _attribute_values([clips[i] for i in indices])
        if values is None:
            clusters = pseudo_labels(vectors[indices], seed)
            values = [f"cluster {c}" for c in clusters]
        machine = " ".join(part for part in key[1:] if part) or "machine"
        classes = {value: len(names) + n for n, value in enumerate(sorted(set(values)))}
        names += [f"{machine}: {value}" for value in classes]
        labels[indices] = [classes[value] for value in values]
    return labels, names


def _attribute_values(clips: Sequence[Clip]) -> list[str] | None:
    """The attributes of each clip as one string; ``None`` if they form a single class, or classes of fewer
    than two clips on average."""
    values = [" ".join(f"{k}={v}" for k, v in sorted(c.attributes.items())) for c in clips]
    known = Counter(value for value in values if value)
    if len(known) < 2 or len(known) > sum(known.values()) / 2:
        return None
    return [value or "unknown" for value in values]


def pseudo_labels(vectors: np.ndarray, seed: int) -> np.ndarray:
    """Cluster labels by k-means on the first 16 principal components.

    The number of clusters is the one with the best silhouette.

    Args:
        vectors: (N, D).

    Returns:
        (N,) labels from 0; all 0 if fewer than 4 vectors are distinct.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    centred = vectors - vectors.mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    reduced = left[:, :MAX_CLUSTERS] * values[:MAX_CLUSTERS]  # (N, ≤ 16)
    distinct = len(np.unique(reduced.round(6), axis=0))
    best, labels = -1.0, np.zeros(len(vectors), np.int64)
    for count in range(2, min(MAX_CLUSTERS, distinct // 2) + 1):
        assignment = KMeans(count, n_init=4, random_state=seed % 2**32).fit_predict(reduced)
        quality = silhouette_score(reduced, assignment)
        if quality > best:
            best, labels = quality, assignment.astype(np.int64)
    return labels
