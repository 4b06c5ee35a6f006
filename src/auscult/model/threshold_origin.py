"""Whether a few recordings of one kind alone set the decision threshold."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from auscult.corpus import Clip
from auscult.decision import conformal_threshold
from auscult.findings import Finding

#: A group sets the threshold if without it the threshold is below this fraction of its height above the
#: median of the others. The fraction is smaller for fewer than `_SEVERAL` recordings, which may be chance.
_FRACTION = 2 / 3
_FRACTION_OF_FEW = 1 / 3
_SEVERAL = 3
_LARGEST_SHARE = 1 / 3
_MAX_NAMED = 3


@dataclass(frozen=True)
class ThresholdOrigin:
    """The recordings that alone set a threshold.

    Attributes:
        group: the recordings in words, as in ``5 recordings in the target domain (a.wav, …)``.
        paths: their paths.
        value: the threshold.
        without: the threshold without them.
    """

    group: str
    paths: tuple[str, ...]
    value: float
    without: float

    @property
    def finding(self) -> Finding:
        """What this means, and what to do."""
        return Finding(
            "threshold_origin",
            f"the threshold is set by {self.group} alone: without them it would be {self.without:.3g} "
            f"instead of {self.value:.3g}, and faults with scores between these are missed. Check that these "
            "recordings are normal, and record more like them",
            self.paths,
        )


def threshold_origin(scores: ArrayLike, clips: Sequence[Clip], rate: float = 0.05) -> ThresholdOrigin | None:
    """Return the recordings of one domain, attribute value, folder or source that alone set the threshold.

    These are at most a third of the recordings, the threshold is the score of one of them, and without them
    it would be far lower, below most of their scores. Faults may then score below the threshold.

    Args:
        scores: (n,) calibration scores.
        clips: the n recordings.
        rate: false-alarm rate of the conformal threshold.
    """
    values = np.asarray(scores, np.float64)
    threshold = conformal_threshold(values, rate).value
    if threshold is None:
        return None
    best, lowest = None, math.inf
    for name, members in _groups(clips):
        mask = np.zeros(len(clips), bool)
        mask[members] = True
        if mask.sum() > _LARGEST_SHARE * len(clips) or threshold not in values[mask]:
            continue
        rest = values[~mask]
        lower = conformal_threshold(rest, rate).value
        without = float(rest.max()) if lower is None else lower
        if np.mean(values[mask] > without) <= 0.5:
            continue
        middle = float(np.median(rest))
        fraction = (without - middle) / (threshold - middle) if threshold > middle else 1.0
        limit = _FRACTION if mask.sum() >= _SEVERAL else _FRACTION_OF_FEW
        if fraction < min(limit, lowest):
            paths = tuple(clips[i].path for i in members)
            best, lowest = ThresholdOrigin(_described(name, paths), paths, threshold, without), fraction
    return best


def _groups(clips: Sequence[Clip]) -> Iterator[tuple[str, list[int]]]:
    """Name and members of every group of recordings; widest kinds first."""
    kinds: list[dict[str, list[int]]] = [{}, {}, {}, {}]
    for i, clip in enumerate(clips):
        if clip.domain is not None:
            kinds[0].setdefault(f"in the {clip.domain} domain", []).append(i)
        for name, value in clip.attributes.items():
            kinds[1].setdefault(f"with {name}={value}", []).append(i)
        kinds[2].setdefault(f"in the folder {os.path.basename(os.path.dirname(clip.path))}", []).append(i)
        kinds[3].setdefault(clip.source_recording or clip.path, []).append(i)
    for kind in kinds[:3]:
        yield from kind.items()
    for members in kinds[3].values():
        yield "", members


def _described(name: str, paths: Sequence[str]) -> str:
    files = list(dict.fromkeys(paths))
    number = f"{len(files)} recording{'' if len(files) == 1 else 's'}"
    if len(files) < len(paths):
        number = f"{len(paths)} windows of {number}"
    names = ", ".join(os.path.basename(path) for path in files[:_MAX_NAMED])
    more = f" and {len(files) - _MAX_NAMED} more" if len(files) > _MAX_NAMED else ""
    return f"{number}{f' {name}' if name else ''} ({names}{more})"
