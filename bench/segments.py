"""How well clips cut from one recording are recognised by their sound, and how often others are joined.

For each machine folder whose clips name their recordings (``rec_NNN``), or with ``--cut N``, where N
consecutive clips are one recording:

- *true pairs joined*: pairs of clips of one recording that end in one group, with names that tell nothing;
- *joined falsely*: clips of one clip a recording, drawn ``--repeats`` times, that end in a group.

Run: ``python bench/segments.py DATA/real/FemtoBearing`` or ``… DATA/bldc/BrushlessMotor --cut 5``.
"""

from __future__ import annotations

import argparse
from collections.abc import Hashable, Sequence
from pathlib import Path

import numpy as np

from auscult.corpus import AudioClip, inspect_recordings, open_corpus
from auscult.corpus.sound_groups import Provenance, SoundGroups, group_by_sound
from auscult.corpus.sound_print import SoundPrint
from auscult.corpus.training_checks import common_format


def sound_prints(folder: Path, split: str = "train") -> tuple[list[SoundPrint], list[str | None]]:
    """The sound prints of the normal clips of a split of a machine, and the recording that each names, if it
    does."""
    clips = open_corpus(folder).where(split=split, condition="normal")
    rate = common_format(clips).sample_rate
    recordings = [AudioClip.from_file(clip, sample_rate=rate, cached=True) for clip in clips]
    inspection = inspect_recordings(recordings, minimum_samples=1)
    return list(inspection.prints), [r.clip.source_recording for r in inspection.usable]


def shuffled_groups(prints: Sequence[SoundPrint], seed: int) -> SoundGroups:
    """Group recordings of unknown source; the order is shuffled, and undone in the groups."""
    order = np.random.default_rng(seed).permutation(len(prints))
    result = group_by_sound([prints[i] for i in order], [Provenance()] * len(prints), copies_only=False)
    groups = np.empty(len(prints), int)
    groups[order] = result.groups
    return SoundGroups(groups.tolist(), [], [], [], result.decided)


def true_pairs_joined(groups: Sequence[int], sources: Sequence[Hashable]) -> tuple[int, int, int]:
    """Number of pairs of one recording that are joined, of all pairs of one recording, and of joined pairs of
    different recordings."""
    same_group = np.equal.outer(groups, groups)
    same_source = np.array([[a == b for b in sources] for a in sources])
    upper = np.triu(np.ones(same_group.shape, bool), 1)
    return (
        int(np.sum(same_group & same_source & upper)),
        int(np.sum(same_source & upper)),
        int(np.sum(same_group & ~same_source & upper)),
    )


def one_of_each(sources: Sequence[Hashable], seed: int) -> list[int]:
    """The index of one clip of each recording, drawn at random."""
    rng = np.random.default_rng(seed)
    members: dict[Hashable, list[int]] = {}
    for i, source in enumerate(sources):
        members.setdefault(source, []).append(i)
    return [int(rng.choice(indices)) for indices in members.values()]


def joined_share(groups: Sequence[int]) -> float:
    """The share of clips that are in a group with another."""
    return float(np.mean([groups.count(group) > 1 for group in groups])) if groups else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--cut", type=int, help="this many consecutive clips are one recording")
    parser.add_argument("--split", choices=["train", "test"], default="train")
    parser.add_argument("--repeats", type=int, default=20)
    arguments = parser.parse_args()
    for folder in arguments.folders:
        prints, named = sound_prints(folder, arguments.split)
        sources = [i // arguments.cut for i in range(len(prints))] if arguments.cut else named
        if None in sources:
            parser.error(f"{folder}: clips without rec_NNN in their names; give --cut")
        result = shuffled_groups(prints, 0)
        joined, pairs, false_pairs = true_pairs_joined(result.groups, sources)
        print(
            f"{folder.name}: {len(prints)} clips of {len(set(sources))} recordings: {joined} of {pairs} true "
            f"pairs joined ({100 * joined / max(pairs, 1):.0f} %), {false_pairs} pairs of different "
            f"recordings joined; "
            f"{'decided' if result.decided else 'independence unverified'}"
        )
        shares, decided = [], []
        for seed in range(arguments.repeats):
            chosen = one_of_each(sources, seed)
            alone = shuffled_groups([prints[i] for i in chosen], seed)
            shares.append(joined_share(alone.groups))
            decided.append(alone.decided)
        print(
            f"  one clip a recording, {arguments.repeats} draws: {100 * np.mean(shares):.1f} % joined "
            f"falsely (at most {100 * max(shares):.0f} %); decided in {sum(decided)}"
        )


if __name__ == "__main__":
    main()
