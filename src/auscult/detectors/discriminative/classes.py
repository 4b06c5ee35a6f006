"""Which classes a network is to tell apart, where all that is certain is that every clip is normal.

Of each machine: its attributes where they are known (the auxiliary task of the literature on DCASE Task 2),
otherwise clusters of a simple view of its clips stand for them. The domain is no class: a network that tells
domains apart moves the few target clips away from all others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from auscult.corpus import Clip

#: Clusters of a machine at most.
MOST_CLUSTERS = 16


def classes_of(
    clips: Sequence[Clip], own: Sequence[bool], vectors: np.ndarray, seed: int
) -> tuple[np.ndarray, list[str]]:
    """The class of every clip.

    Args:
        clips: of all machines.
        own: which are of the machine that is learnt; the rest are of others, whatever they are called.
        vectors: (N, D) a pooled view of each clip, for machines without attributes.
        seed: of the clustering.

    Returns:
        (N,) labels counted from 0, and what each class is.
    """
    machines: dict[tuple, list[int]] = {}
    for i, (clip, its_own) in enumerate(zip(clips, own, strict=True)):
        machines.setdefault((not its_own, clip.machine or "", clip.section or ""), []).append(i)
    labels = np.zeros(len(clips), np.int64)
    names: list[str] = []
    for key in sorted(machines):
        places = machines[key]
        kinds = _kinds([clips[i] for i in places])
        if kinds is None:
            clusters = pseudo_labels(vectors[places], seed)
            kinds = [f"cluster {c}" for c in clusters]
        machine = " ".join(part for part in key[1:] if part) or "machine"
        classes = {kind: len(names) + n for n, kind in enumerate(sorted(set(kinds)))}
        names += [f"{machine}: {kind}" for kind in classes]
        labels[places] = [classes[kind] for kind in kinds]
    return labels, names


def _kinds(clips: Sequence[Clip]) -> list[str] | None:
    """The attributes of each clip in words; ``None`` where they part the clips into nothing, or into
    single clips."""
    kinds = [" ".join(f"{k}={v}" for k, v in sorted(c.attributes.items())) for c in clips]
    known = Counter(k for k in kinds if k)
    if len(known) < 2 or len(known) > sum(known.values()) / 2:
        return None
    return [kind or "unknown" for kind in kinds]


def pseudo_labels(vectors: np.ndarray, seed: int) -> np.ndarray:
    """Clusters by k-means on the first 16 principal components; their number has the best silhouette.

    Args:
        vectors: (N, D).

    Returns:
        (N,) labels counted from 0; all 0 where there are fewer than 4 clips that differ.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    centred = vectors - vectors.mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    reduced = left[:, :MOST_CLUSTERS] * values[:MOST_CLUSTERS]  # (N, ≤ 16)
    different = len(np.unique(reduced.round(6), axis=0))
    best, labels = -1.0, np.zeros(len(vectors), np.int64)
    for count in range(2, min(MOST_CLUSTERS, different // 2) + 1):
        found = KMeans(count, n_init=4, random_state=seed % 2**32).fit_predict(reduced)
        quality = silhouette_score(reduced, found)
        if quality > best:
            best, labels = quality, found.astype(np.int64)
    return labels
