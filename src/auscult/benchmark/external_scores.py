"""Score files of other systems, matched by file name to the test clips."""

from __future__ import annotations

import glob
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from auscult.corpus import Clip
from auscult.errors import EvaluationError
from auscult.evaluation import read_submission


@dataclass(frozen=True)
class ExternalScores:
    """Another system's scores of one machine, in the order of the machine's test clips.

    All systems use this order, so that differences are between scores of the same clips.
    """

    clips: list[Clip]
    scores: np.ndarray  # (N,)


def folders_by_seed(pattern: str | os.PathLike[str]) -> dict[int, Path]:
    """The folders of a system's score files, one for each seed.

    Args:
        pattern: a folder, which is seed 0; or a path with the wildcards ``*``, ``?`` and ``[…]``, of which
            each matching folder is a seed: the number at the end of its name or, if these are missing or not
            unique, its number in alphabetical order from 0.

    Raises:
        EvaluationError: no folder matches.
    """
    pattern = os.fspath(pattern)
    if os.path.isdir(pattern) or not glob.has_magic(pattern):
        return {0: Path(pattern)}
    folders = sorted(Path(path) for path in glob.glob(pattern) if os.path.isdir(path))
    if not folders:
        raise EvaluationError(f"{pattern}: no folder matches")
    numbers = [re.search(r"\d+$", folder.name) for folder in folders]
    seeds = [int(number[0]) for number in numbers if number]
    if len(set(seeds)) < len(folders):
        seeds = list(range(len(folders)))
    return dict(sorted(zip(seeds, folders, strict=True)))


def read_external_scores(
    folder: Path, machine: str, test: Sequence[Clip], names: Mapping[str, str] | None = None
) -> ExternalScores:
    """Reads the scores of a machine's test clips from ``anomaly_score_<machine>_section_NN_test.csv``.

    Args:
        folder: the folder of score files.
        machine: name of the machine.
        test: the machine's test clips.
        names: path to name of the test clips; by default the file name.

    Raises:
        EvaluationError: no file for the machine; or file names of clips that are missing, duplicated or not
            among the test clips, since metrics over different clips cannot be compared.
    """
    rows = [
        row
        for (row_machine, _), section_rows in read_submission(folder).scores.items()
        if row_machine == machine
        for row in section_rows
    ]
    if not rows:
        raise EvaluationError(f"{folder}: no anomaly_score file for {machine}")
    names = names or {}
    clips = {names.get(clip.path, os.path.basename(clip.path)): clip for clip in test}
    duplicates = [name for name, count in Counter(row.name for row in rows).items() if count > 1]
    unknown = [row.name for row in rows if row.name not in clips]
    missing = sorted(set(clips) - {row.name for row in rows})
    for problem, listed in (
        ("duplicated", duplicates),
        ("not among the test clips", unknown),
        ("missing", missing),
    ):
        if listed:
            raise EvaluationError(
                f"{folder}: {machine}: {len(listed)} file names are {problem}, for instance {listed[0]}"
            )
    values = {row.name: row.value for row in rows}
    return ExternalScores(list(clips.values()), np.array([values[name] for name in clips]))
