"""How the limits of `auscult.corpus.similarity` were chosen: each machine left out in turn.

For each machine the limits are chosen on the other machines only, by their training clips and by their
normal test clips: the share of true pairs joined is to be as large as possible, while at most 5 % of the
clips may be in a group with a clip of another recording, with all clips as well as with one clip of each
recording. Among limits within one point of the best the strictest are taken, and applied to the machine that
was left out.

Run: ``python -m bench.segment_limits DATA/bldc/BrushlessMotor=5 DATA/real/*`` (``=N``: N consecutive clips
are one recording, where names do not say it).
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from auscult.corpus.similarity import distances, similar_groups
from auscult.corpus.time_blocks import MIN_RECORDINGS
from bench.segments import joined_share, one_of_each, sound_prints, true_pairs_joined

STEPS = (1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2.0, 2.2, 2.4, 2.6)
GAPS = (1.0, 1.2, 1.4, 1.6, 1.8)
MAX_FALSE = 0.05
DRAWS = 10


class Clips(NamedTuple):
    """Distances and sources of the clips of a split, and of draws of one clip of each recording."""

    distances: np.ndarray
    sources: Sequence[Hashable]
    draws: list[np.ndarray]


class Result(NamedTuple):
    joined: int
    pairs: int
    mixed: float  # share of clips in a group with another recording
    alone: float  # share of clips joined if there is one of each recording


def read(folder: str) -> tuple[str, list[Clips]]:
    """The machine of an argument, and its training clips and normal test clips."""
    path, _, cut = folder.partition("=")
    splits = []
    for split in ("train", "test"):
        prints, named = sound_prints(Path(path), split)
        sources: list[Hashable] = [i // int(cut) for i in range(len(prints))] if cut else list(named)
        of_pairs = distances(prints)
        assert of_pairs is not None
        chosen = [np.array(one_of_each(sources, seed)) for seed in range(DRAWS)]
        splits.append(Clips(of_pairs, sources, [of_pairs[np.ix_(c, c)] for c in chosen]))
    return Path(path).name, splits


def measure(clips: Clips, step: float, gap: float) -> Result:
    groups = similar_groups(clips.distances, min_groups=MIN_RECORDINGS, max_step=step, min_gap=gap)
    joined, pairs, _ = true_pairs_joined(groups, clips.sources)
    mixed = [
        any(g == group and s != source for g, s in zip(groups, clips.sources, strict=True))
        for group, source in zip(groups, clips.sources, strict=True)
    ]
    alone = [
        joined_share(similar_groups(draw, min_groups=MIN_RECORDINGS, max_step=step, min_gap=gap))
        for draw in clips.draws
    ]
    return Result(joined, pairs, float(np.mean(mixed)), float(np.mean(alone)))


def choose(results: dict[tuple[float, float], Sequence[Result]]) -> tuple[float, float]:
    """The strictest limits within one point of the best share of pairs among those that join few falsely."""
    share = {
        limits: np.mean([result.joined / result.pairs for result in of_limits])
        for limits, of_limits in results.items()
        if all(max(result.mixed, result.alone) <= MAX_FALSE for result in of_limits)
    }
    good = [limits for limits, value in share.items() if value >= max(share.values()) - 0.01]
    return max(good, key=lambda limits: (limits[1], -limits[0]))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", metavar="FOLDER[=N]")
    machines = dict(read(folder) for folder in parser.parse_args().folders)
    limits = list(itertools.product(STEPS, GAPS))
    results = {
        name: {pair: [measure(clips, *pair) for clips in splits] for pair in limits}
        for name, splits in machines.items()
    }
    print(
        "| left out | limits chosen on the others: step, gap | true pairs joined, training | test | falsely |"
    )
    print("|---|---|---|---|---|")
    for name, of_machine in results.items():
        others = [other for other in results if other != name]
        step, gap = choose(
            {pair: [result for other in others for result in results[other][pair]] for pair in limits}
        )
        training, test = of_machine[step, gap]
        false = 100 * max(training.mixed, training.alone, test.mixed, test.alone)
        print(
            f"| {name} | {step:g}, {gap:g} | {training.joined} of {training.pairs} | "
            f"{test.joined} of {test.pairs} | {false:.0f} % |"
        )
    step, gap = choose({pair: [r for name in results for r in results[name][pair]] for pair in limits})
    print(f"All machines: {step:g}, {gap:g}")


if __name__ == "__main__":
    main()
