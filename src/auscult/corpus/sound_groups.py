"""Which recordings sound as if they were cut from, or copied of, the same recording."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from auscult.corpus.continuity import continuations
from auscult.corpus.copies import copies
from auscult.corpus.similarity import similar_groups
from auscult.corpus.sound_print import SoundPrint
from auscult.corpus.time_blocks import MIN_RECORDINGS

#: The test of continuity decides if it recognises at least this share of cuts.
MIN_POWER = 0.8
#: If recordings are cut, at least this share of them is found in groups; otherwise some were missed.
MIN_GROUPED = 0.8


@dataclass(frozen=True)
class SoundGroups:
    """Groups of recordings that are not independent.

    Attributes:
        groups: group of each recording, numbered from 0 in order of appearance.
        copy_of: likewise, but only of copies and overlapping recordings.
        cut: indices of the recordings that continue others, or are closer to each other than to the rest.
        order: rank of each recording in time within its group, as far as it is known.
        decided: whether the sound tells which recordings are independent.
    """

    groups: list[int]
    copy_of: list[int]
    cut: list[int]
    order: list[int]
    decided: bool

    @property
    def copied(self) -> list[int]:
        """Indices of the recordings that are copies of others or overlap with them."""
        sizes = Counter(self.copy_of)
        return [i for i, group in enumerate(self.copy_of) if sizes[group] > 1]


def group_by_sound(
    prints: Sequence[SoundPrint], sources: Sequence[Hashable | None], *, copies_only: bool
) -> SoundGroups:
    """Group recordings by their sound.

    Args:
        prints: the sound prints.
        sources: known source of each recording; ``None`` where it is unknown. Only recordings of unknown
            source are compared by continuity and similarity; copies are found among all.
        copies_only: whether only copies are grouped.
    """
    count = len(prints)
    known_pairs = _pairs_of_equal(sources)
    copied_pairs = copies(prints)
    copy_of = components(count, copied_pairs)
    free = [] if copies_only else [i for i, source in enumerate(sources) if source is None]
    free_prints = [prints[i] for i in free]
    followers, power = continuations(free_prints, [copy_of[i] for i in free])
    first_copy = {group: i for i, group in reversed(list(enumerate(copy_of)))}
    distinct = [i for i in free if first_copy[copy_of[i]] == i]  # copies are alike in any case
    similar = similar_groups([prints[i] for i in distinct], min_groups=MIN_RECORDINGS)
    followers = [(free[first], free[second]) for first, second in followers]
    alike = [(distinct[first], distinct[second]) for first, second in _pairs_of_equal(similar.groups)]
    groups = components(count, [*known_pairs, *copied_pairs, *followers, *alike])
    cut = sorted({i for pair in (*followers, *alike) for i in pair})
    if not free:
        decided = True
    elif cut:
        decided = len(cut) >= MIN_GROUPED * len(free)
    else:
        decided = similar.apart or power >= MIN_POWER
    return SoundGroups(groups, copy_of, cut, _time_order(count, followers), decided)


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


def _time_order(count: int, followers: Sequence[tuple[int, int]]) -> list[int]:
    """Rank of each recording when each chain of followers is walked from its start."""
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
