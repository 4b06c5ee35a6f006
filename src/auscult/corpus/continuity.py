"""Pieces of one recording whose ends continue each other, recognised by the waveform across the cut.

The sound of a machine is treated as a stationary Gaussian process with the autocovariance of the recording
that the piece belongs to. For pieces A and B, log p(start of B | end of A) − log p(start of B) is large if B
continues A, since tones continue with their phase and noise with its correlation. If it does not, the
likelihood ratio exceeds e^t with probability at most e^-t (its expectation is 1). The same is computed
backwards in time with the autocovariance of B, and the smaller of both counts, so that a piece with a false
model, such as one with a knock at its end, joins nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from auscult.corpus.sound_print import SoundPrint, nearest_spectra
from auscult.corpus.stationary import factor_of, gains
from auscult.runtime.parallel import blas_single_thread

#: Expected share of recordings that are falsely joined to another, at most.
FALSE_JOINS = 0.05
#: Pieces are compared with at most so many others, those with the nearest spectra.
NEAREST = 64


@blas_single_thread()
def continuations(prints: Sequence[SoundPrint], copy_of: Sequence[int]) -> list[tuple[int, int]]:
    """Find the pieces that continue each other.

    Args:
        prints: the sound prints.
        copy_of: for each recording a number that its copies share.

    Returns:
        Pairs of indices (A, B) where B continues A.
    """
    testable = [i for i, sound in enumerate(prints) if len(sound.autocovariance)]
    if not testable:
        return []
    threshold = np.log(len(testable) / FALSE_JOINS)
    nearest = nearest_spectra(np.stack([prints[i].spectrum for i in testable]), NEAREST)
    forwards: dict[tuple[int, int], float] = {}
    backwards: dict[tuple[int, int], float] = {}
    for row, i in enumerate(testable):
        sound, others = prints[i], [testable[column] for column in nearest[row]]
        if not others:
            break
        scales = np.array([[prints[j].deviation / sound.deviation] for j in others])
        starts = scales * np.array([prints[j].start for j in others], np.float64)
        ends = scales * np.array([prints[j].end for j in others], np.float64)
        own_start, own_end = (
            np.tile(part.astype(np.float64), (len(others), 1)) for part in (sound.start, sound.end)
        )
        factor = factor_of(sound.autocovariance)
        forwards |= {(i, j): gain for j, gain in zip(others, gains(factor, own_end, starts), strict=True)}
        before = gains(factor, own_start[:, ::-1], ends[:, ::-1])
        backwards |= {(j, i): gain for j, gain in zip(others, before, strict=True)}
    both = {pair: min(forwards[pair], backwards[pair]) for pair in forwards.keys() & backwards.keys()}
    return sorted(_clear_winners(both, threshold, copy_of))


def _clear_winners(
    pair_gains: Mapping[tuple[int, int], float], threshold: float, copy_of: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """Yield the pairs that exceed the threshold and every rival by it.

    A piece has one continuation. Several that look right, as between the strokes of a machine that is mostly
    quiet, show that the model does not hold. The copies of a continuation are no rivals.
    """
    after: dict[int, list[tuple[float, int]]] = {}
    before: dict[int, list[tuple[float, int]]] = {}
    for (first, second), gain in pair_gains.items():
        if gain > 0.0:
            after.setdefault(first, []).append((gain, second))
            before.setdefault(second, []).append((gain, first))
    for (first, second), gain in pair_gains.items():
        if gain <= threshold:
            continue
        rivals = [rival for rival, other in after[first] if copy_of[other] != copy_of[second]]
        rivals += [rival for rival, other in before[second] if copy_of[other] != copy_of[first]]
        if gain - max(rivals, default=0.0) > threshold:
            yield first, second
