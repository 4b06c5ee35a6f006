"""Other systems in the same table: their score files, matched by name to the test clips."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from auscult.corpus import Clip
from auscult.errors import EvaluationError
from auscult.evaluation import read_submission


@dataclass(frozen=True)
class OtherScores:
    """What a folder of score files says of one machine, in the order of its test clips.

    That order is every system's, so that resamples draw the same clips and differences are paired.
    """

    clips: list[Clip]
    scores: np.ndarray  # (N,)


def read_other_scores(folder: Path, machine: str, test: Sequence[Clip]) -> OtherScores:
    """Scores of a machine's test clips from ``anomaly_score_<machine>_section_NN_test.csv``.

    Raises:
        EvaluationError: no file for the machine; or names that are missing, doubled or not among the test
            clips, for a metric over other clips would not compare.
    """
    rows = [
        row
        for (its_machine, _), section in read_submission(folder).scores.items()
        if its_machine == machine
        for row in section
    ]
    if not rows:
        raise EvaluationError(f"{folder}: no anomaly_score file for {machine}")
    clips = {os.path.basename(clip.path): clip for clip in test}
    doubled = [name for name, count in Counter(row.name for row in rows).items() if count > 1]
    extra = [row.name for row in rows if row.name not in clips]
    missing = sorted(set(clips) - {row.name for row in rows})
    for what, names in (("doubled", doubled), ("not among the test clips", extra), ("missing", missing)):
        if names:
            raise EvaluationError(f"{folder}: {machine}: {len(names)} names {what}, the first {names[0]}")
    values = {row.name: row.value for row in rows}
    return OtherScores(list(clips.values()), np.array([values[name] for name in clips]))
