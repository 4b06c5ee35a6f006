"""Which recordings sound as if they were cut from, or copied of, the same recording."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from auscult.corpus.continuity import continuations
from auscult.corpus.copies import copies
from auscult.corpus.similarity import MAX_STEP, distances, separated, similar_groups
from auscult.corpus.sound_print import SoundPrint
from auscult.corpus.time_blocks import MIN_RECORDINGS


@dataclass(frozen=True)
class Provenance:
    """What is known of the origin of a recording without its sound.

    Attributes:
        source: the recording that it was cut from; ``None`` if it is unknown.
        stated: whether the user stated the source. Otherwise the recording is a window of a file, and files
            can be pieces of one recording too.
        at_end: whether something can precede or follow it that is not known: always, except for the inner
            windows of a file.
    """

    source: Hashable | None = None
    stated: bool = True
    at_end: bool = True

    @property
    def free(self) -> bool:
        """Whether the sound may join it to recordings of other sources."""
        return self.source is None or not self.stated


@dataclass(frozen=True)
class SoundGroups:
    """Groups of recordings that are not independent.

    Attributes:
        groups: group of each recording, numbered from 0 in order of appearance.
        copy_of: likewise, but only of copies and overlapping recordings.
        cut: indices of the recordings that continue others, or are closer to each other than to the rest.
        followers: pairs (A, B) of indices where B continues A.
        decided: whether the sound shows that recordings of different groups are independent.
    """

    groups: list[int]
    copy_of: list[int]
    cut: list[int]
    followers: list[tuple[int, int]]
    decided: bool

    @property
    def copied(self) -> list[int]:
        """Indices of the recordings that are copies of others or overlap with them."""
        sizes = Counter(self.copy_of)
        return [i for i, group in enumerate(self.copy_of) if sizes[group] > 1]


def group_by_sound(
    prints: Sequence[SoundPrint], origins: Sequence[Provenance], *, copies_only: bool
) -> SoundGroups:
    """Group recordings by their sound.

    Args:
        prints: the sound prints.
        origins: what is known of each recording. Only recordings whose source was not stated are compared by
            continuity and similarity; copies are found among all.
        copies_only: whether only copies are grouped.
    """
    count = len(prints)
    known_pairs = _pairs_of_equal([origin.source for origin in origins])
    copied_pairs = copies(prints)
    copy_of = components(count, copied_pairs)
    free = [] if copies_only else [i for i, origin in enumerate(origins) if origin.free]
    ends = [i for i in free if origins[i].at_end]
    followers = [
        (ends[first], ends[second])
        for first, second in continuations([prints[i] for i in ends], [copy_of[i] for i in ends])
    ]
    between = distances([prints[i] for i in free])
    similar = [] if between is None else similar_groups(between, min_groups=MIN_RECORDINGS)
    alike = [(free[first], free[second]) for first, second in _pairs_of_equal(similar)]
    groups = components(count, [*known_pairs, *copied_pairs, *followers, *alike])
    unit_of = components(count, [*known_pairs, *copied_pairs])  # a recording, or all windows of a file
    cut = {i for pair in (*followers, *alike) if unit_of[pair[0]] != unit_of[pair[1]] for i in pair}
    if not free:
        decided = True
    elif between is None or (cut and not _all_joined(free, groups, unit_of)):
        decided = False
    else:
        parallel = _parallel(copied_pairs, free, cut, between)
        decided = not parallel and separated(between, [groups[i] for i in free])
    return SoundGroups(groups, copy_of, sorted(cut), followers, decided)


def _all_joined(free: Sequence[int], groups: Sequence[int], unit_of: Sequence[int]) -> bool:
    """Whether each recording is in a group with another. If some recordings were cut, one that is alone may
    be a piece that was missed."""
    units: dict[int, set[int]] = {group: set() for group in groups}
    for group, unit in zip(groups, unit_of, strict=True):
        units[group].add(unit)
    return all(len(units[groups[i]]) > 1 for i in free)


def _parallel(
    copied_pairs: Iterable[tuple[int, int]], free: Sequence[int], cut: Container[int], between: np.ndarray
) -> bool:
    """Whether pieces of different recordings overlap in time but sound different, as if from two microphones.
    Others may then overlap as well without being recognised."""
    row_of = {i: row for row, i in enumerate(free)}
    return any(
        between[row_of[first], row_of[second]] > MAX_STEP
        for first, second in copied_pairs
        if first in cut and second in cut
    )


def components(count: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """Return the connected component of each of ``count`` nodes, numbered from 0 in order of appearance."""
    parents = list(range(count))

    def root(node: int) -> int:
        while parents[node] != node:
            parents[node] = parents[parents[node]]
            node = parents[node]
        return node

    for first, second in pairs:
        parents[root(first)] = root(second)
    numbers: dict[int, int] = {}
    return [numbers.setdefault(root(node), len(numbers)) for node in range(count)]


def _pairs_of_equal(values: Sequence[Hashable | None]) -> list[tuple[int, int]]:
    """Pairs that connect the indices of equal values other than ``None``."""
    first: dict[Hashable, int] = {}
    pairs = [(first.setdefault(value, i), i) for i, value in enumerate(values) if value is not None]
    return [pair for pair in pairs if pair[0] != pair[1]]


def time_order(count: int, followers: Sequence[tuple[int, int]]) -> list[int]:
    """Return the rank of each recording when each chain of followers is walked from its start."""
    next_of = dict(followers)
    later = set(next_of.values())
    starts = [i for i in range(count) if i not in later]
    ranks: dict[int, int] = {}
    for start in (*starts, *range(count)):  # the second part for closed chains
        node: int | None = start
        while node is not None and node not in ranks:
            ranks[node] = len(ranks)
            node = next_of.get(node)
    return [ranks[i] for i in range(count)]
