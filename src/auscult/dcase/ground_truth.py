"""Reading the ground truth that the challenge publishes for its evaluation sets.

It consists of three folders with files ``ground_truth_<machine>_section_NN_test.csv``:
``ground_truth_data`` (``section_00_0001.wav,1`` for an anomaly), ``ground_truth_domain`` (``…,1`` for the
target domain) and ``ground_truth_attributes`` (the labelled name of the clip), which is used to match
submissions with labelled names. In 2024, rows of machines whose attributes were hidden have a third column:
the second contains the labelled name with ``noAttribute``, the third the one with the true attributes. Either
name, with or without ``.wav``, stands for the clip.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from auscult.errors import EvaluationError
from auscult.evaluation.protocol import Labels
from auscult.evaluation.score_files import SectionFile, section_files
from auscult.evaluation.textfile import read_rows


@dataclass(frozen=True)
class GroundTruth:
    """The ground truth of one section.

    Attributes:
        names: of the clips as published, without labels if the labels are hidden.
        labels: of the clips, in the order of ``names``.
        labelled: published name to labelled names, those with the true attributes last; empty if there is no
            ``ground_truth_attributes`` file.
    """

    names: tuple[str, ...]
    labels: Labels
    labelled: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def read_ground_truth(folder: Path) -> dict[tuple[str, str], GroundTruth]:
    """Read the ground truth by (machine, section).

    Args:
        folder: contains ``ground_truth_data``, or one folder that does, or is ``ground_truth_data`` itself.

    Raises:
        EvaluationError: there is no ground truth, or files cannot be read or contradict each other.
    """
    root = _root(folder)
    data = _by_section(root / "ground_truth_data")
    domains = _by_section(root / "ground_truth_domain")
    attributes = _by_section(root / "ground_truth_attributes")
    if not data:
        raise EvaluationError(
            f"{root / 'ground_truth_data'}: no files ground_truth_<machine>_section_NN_test.csv"
        )
    return {
        key: _section(key, files, domains.get(key, []), attributes.get(key, []))
        for key, files in data.items()
    }


def _root(folder: Path) -> Path:
    """Return the folder that contains ``ground_truth_data``."""
    if not folder.is_dir():
        raise EvaluationError(f"{folder}: no such folder")
    if (folder / "ground_truth_data").is_dir():
        return folder
    if folder.resolve().name == "ground_truth_data":
        return folder.resolve().parent
    children = [child for child in sorted(folder.iterdir()) if (child / "ground_truth_data").is_dir()]
    if len(children) == 1:
        return children[0]
    if children:
        raise EvaluationError(
            f"{folder}: several subfolders contain ground_truth_data: "
            f"{', '.join(child.name for child in children)}; give one of them"
        )
    raise EvaluationError(f"{folder}: no folder ground_truth_data in it or in one of its subfolders")


def _by_section(folder: Path) -> dict[tuple[str, str], list[SectionFile]]:
    files: dict[tuple[str, str], list[SectionFile]] = {}
    if folder.is_dir():
        for file in section_files(folder, "ground_truth"):
            files.setdefault((file.machine, file.section), []).append(file)
    return files


def _section(
    key: tuple[str, str], data: list[SectionFile], domains: list[SectionFile], attributes: list[SectionFile]
) -> GroundTruth:
    conditions: dict[str, bool] = {}
    target: dict[str, bool] = {}
    for file in data:
        for name, value in _pairs(file.path, conditions):
            conditions[name] = _flag(file.path, name, value)
            if file.domain is not None:
                target[name] = file.domain == "target"
    for file in domains:
        seen: dict[str, bool] = {}
        for name, value in _pairs(file.path, seen, known=conditions):
            seen[name] = target[name] = _flag(file.path, name, value)
    label = f"{key[0]} section {key[1]}"
    if target and len(target) != len(conditions):
        first = next(name for name in conditions if name not in target)
        raise EvaluationError(
            f"ground truth of {label}: {len(conditions) - len(target)} of {len(conditions)} clips have no "
            f"domain, the first is {first}"
        )
    labelled: dict[str, tuple[str, ...]] = {}
    for file in attributes:
        for name, stems in _rows(file.path, labelled, known=conditions, most_values=2):
            labelled[name] = tuple(
                stem if stem.lower().endswith(".wav") else f"{stem}.wav" for stem in dict.fromkeys(stems)
            )
    all_names = [name for names in labelled.values() for name in names]
    if len(set(all_names)) != len(all_names):
        raise EvaluationError(f"ground truth of {label}: two clips have the same labelled name")
    return GroundTruth(
        names=tuple(conditions),
        labels=Labels(
            np.array(list(conditions.values())),
            np.array([target[name] for name in conditions]) if target else None,
            name=label,
        ),
        labelled=labelled,
    )


def _pairs(
    path: Path, seen: Mapping[str, object], *, known: Mapping[str, object] | None = None
) -> list[tuple[str, str]]:
    """Return the rows (name, value) of a file; see `_rows`."""
    return [(name, values[0]) for name, values in _rows(path, seen, known=known)]


def _rows(
    path: Path,
    seen: Mapping[str, object],
    *,
    known: Mapping[str, object] | None = None,
    most_values: int = 1,
) -> list[tuple[str, list[str]]]:
    """Return the rows of a file as name and values; no name may be in ``seen``, all must be in ``known``."""
    rows: dict[str, list[str]] = {}
    expected = (
        "a name and a value" if most_values == 1 else f"a name and a value, or up to {most_values} values"
    )
    for line, fields in read_rows(path):
        location = f"{path}: line {line}"
        name, *values = fields
        if not 1 <= len(values) <= most_values or not all(fields):
            raise EvaluationError(f"{location}: expected {expected}, got {','.join(fields)!r}")
        if name in rows or name in seen:
            raise EvaluationError(f"{location}: {name} occurs twice")
        if known is not None and name not in known:
            raise EvaluationError(f"{location}: {name} is not in ground_truth_data")
        rows[name] = values
    if not rows:
        raise EvaluationError(f"{path}: no rows")
    return list(rows.items())


def _flag(path: Path, name: str, value: str) -> bool:
    if value not in ("0", "1"):
        raise EvaluationError(f"{path}: the value of {name} must be 0 or 1, got {value!r}")
    return value == "1"
