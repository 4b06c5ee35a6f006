"""Score files of other systems, matched by file name to the test clips."""

from __future__ import annotations

import glob
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from auscult.corpus import Clip
from auscult.detectors import detector_names
from auscult.errors import EvaluationError, OptionError
from auscult.evaluation import read_submission


@dataclass(frozen=True)
class ExternalScores:
    """Another system's scores of one machine, in the order of the machine's test clips.

    All systems use this order, so that differences are between scores of the same clips.
    """

    clips: list[Clip]
    scores: np.ndarray  # (N,)


#: One folder or pattern of folders, or several.
ScoreFolders = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def check_system_names(names: Iterable[str]) -> None:
    """Check the names of other systems.

    Raises:
        OptionError: a name is that of a detector, even if it is not run, since results are merged later; or
            it begins with ``published``, or has control characters.
    """
    for name in names:
        state = f"`score_folders={{{name!r}: FOLDER}}`"
        if re.split(r"[@\[:]", name)[0].strip() in detector_names():
            raise OptionError(f"{state}: the name is taken by a detector; choose another one")
        if name.startswith("published "):
            raise OptionError(f"{state}: names of published systems begin so; choose another one")
        if not name.isprintable():
            raise OptionError(f"score_folders={name!r}: the name has control characters")


def folders_by_seed(folders: ScoreFolders) -> dict[int, Path]:
    """The folders of a system's score files, one for each seed.

    Args:
        folders: a folder, which is seed 0; or a path with the wildcards ``*``, ``?`` and ``[…]``, or several
            folders, one for each seed. The seed is the number at the end of the folder's name. If a number
            is missing or occurs twice, the folders are counted from 0, those of a pattern in alphabetical
            order.

    Raises:
        EvaluationError: no folder matches.
        OptionError: a folder is given twice.
    """
    patterns = [os.fspath(f) for f in ([folders] if isinstance(folders, str | os.PathLike) else folders)]
    if len(patterns) == 1 and not _is_pattern(patterns[0]):
        return {0: Path(patterns[0])}
    matching = [folder for pattern in patterns for folder in _matching(pattern)]
    repeated = [path for path, count in Counter(map(os.path.realpath, matching)).items() if count > 1]
    if repeated:
        raise OptionError(f"{repeated[0]}: this folder of score files is given twice for one system")
    numbers = [re.search(r"\d+$", folder.name) for folder in matching]
    seeds = [int(number[0]) for number in numbers if number]
    if len(set(seeds)) < len(matching):
        seeds = list(range(len(matching)))
    return dict(sorted(zip(seeds, matching, strict=True)))


def _is_pattern(path: str) -> bool:
    """Whether a path has wildcards and is not the name of a folder."""
    return glob.has_magic(path) and not os.path.isdir(path)


def _matching(pattern: str) -> list[Path]:
    """The folders that match a pattern, by name; a path without wildcards is that folder."""
    if not _is_pattern(pattern):
        return [Path(pattern)]
    folders = sorted(Path(path) for path in glob.glob(pattern) if os.path.isdir(path))
    if not folders:
        raise EvaluationError(f"{pattern}: no folder matches")
    return folders


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
