"""The labels of clips as arrays, and which clips are copies of one another."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from auscult.errors import EvaluationError
from auscult.evaluation.protocol import Labels

if TYPE_CHECKING:  # at run time only attributes of clips are read
    from auscult.corpus import Clip


def labels_of(clips: Sequence[Clip], identities: Sequence[Hashable] | None = None) -> Labels:
    """Return the conditions, domains and source recordings of clips as arrays.

    Copies of a clip count as clips of one recording.

    Args:
        clips: the clips.
        identities: a value for each clip that is equal for copies of one recording; ``None`` for the paths.

    Raises:
        EvaluationError: clips without a condition; some but not all clips without a domain; or a recording
            with both conditions. The message gives their number and an example.
    """
    if len(clips) == 0:
        raise EvaluationError("there are no labelled clips to evaluate")
    unlabelled = [clip.path for clip in clips if clip.condition is None]
    if unlabelled:
        raise EvaluationError(
            f"{len(unlabelled)} of {len(clips)} clips have no condition (normal or anomaly), for instance "
            f"{unlabelled[0]}; label them or leave them out"
        )
    identities = [clip.path for clip in clips] if identities is None else identities
    check_one_condition_each(clips, identities)
    anomaly = np.array([clip.condition == "anomaly" for clip in clips])
    recordings = _recording_numbers(clips, identities)
    without_domain = [clip.path for clip in clips if clip.domain is None]
    if len(without_domain) == len(clips):
        return Labels(anomaly, source_recording=recordings)
    if without_domain:
        raise EvaluationError(
            f"{len(without_domain)} of {len(clips)} clips have no domain (source or target) but others do, "
            f"for instance {without_domain[0]}; set the domain of all clips or of none"
        )
    return Labels(anomaly, np.array([clip.domain == "target" for clip in clips]), source_recording=recordings)


def copies_among(
    clips: Sequence[Clip], identities: Sequence[Hashable] | None = None
) -> tuple[tuple[str, ...], ...]:
    """The paths of each group of two or more copies; arguments as of `labels_of`."""
    groups: dict[Hashable, list[str]] = {}
    for clip, identity in zip(clips, identities or [clip.path for clip in clips], strict=True):
        groups.setdefault(identity, []).append(clip.path)
    return tuple(tuple(paths) for paths in groups.values() if len(paths) > 1)


def check_one_condition_each(clips: Sequence[Clip], identities: Sequence[Hashable]) -> None:
    """Raise `EvaluationError` if copies of one recording have different conditions.

    Clips without a condition are ignored. Arguments as of `labels_of`.
    """
    first: dict[Hashable, Clip] = {}
    conflicts: dict[Hashable, tuple[Clip, Clip]] = {}
    for clip, identity in zip(clips, identities, strict=True):
        if clip.condition is None:
            continue
        other = first.setdefault(identity, clip)
        if other.condition != clip.condition:
            conflicts.setdefault(identity, (other, clip))
    if not conflicts:
        return
    one, two = next(iter(conflicts.values()))
    more = f" ({len(conflicts)} recordings are labelled twice like this)" if len(conflicts) > 1 else ""
    raise EvaluationError(
        f"the same recording has two labels: {one.path} is labelled {one.condition} and {two.path} is "
        f"labelled {two.condition}{more}; correct the labels or leave the recording out"
    )


def _recording_numbers(clips: Sequence[Clip], identities: Sequence[Hashable]) -> np.ndarray | None:
    """(N,) number of each clip's source recording, by first appearance; ``None`` if all clips are separate.

    Clips belong together if they are copies or were cut from one recording, and so do their recordings.
    """
    if len(set(identities)) == len(clips) and all(clip.source_recording is None for clip in clips):
        return None
    from scipy.sparse import coo_array  # slow to import, and needed for copies and cuts only
    from scipy.sparse.csgraph import connected_components

    keys: dict[Hashable, int] = {}  # to nodes of a graph; the clips are the nodes before them
    edges = []
    for index, (clip, identity) in enumerate(zip(clips, identities, strict=True)):
        edges.append((index, keys.setdefault(("copy", identity), len(clips) + len(keys))))
        if clip.source_recording is not None:
            recording = (clip.machine, clip.section, clip.source_recording)
            edges.append((index, keys.setdefault(recording, len(clips) + len(keys))))
    nodes = len(clips) + len(keys)
    rows, columns = zip(*edges, strict=True)
    graph = coo_array((np.ones(len(edges)), (rows, columns)), shape=(nodes, nodes))
    return connected_components(graph, directed=False)[1][: len(clips)]
