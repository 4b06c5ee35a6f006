"""The scores of systems with the labels of the clips, and their file in a results folder.

``labelled_scores.json`` holds the scores of every system, those from outside too, with the labels of the
clips and digests of their files, so that systems can be compared later without the recordings.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from auscult.errors import EvaluationError
from auscult.evaluation import Labels
from auscult.runtime.files import write_atomically

SCORES_FILE = "labelled_scores.json"
SCHEMA = 2


@dataclass(frozen=True)
class SectionScores:
    """The scores of one system and seed on one section, with the labels.

    Attributes:
        machine: name of the machine.
        section: name of the section; empty if there are none.
        system: ``detector:score``.
        seed: seed of the fit.
        names: names of the N clips.
        digests: SHA-256 of their files; empty text if it is not known.
        labels: their labels.
        scores: (N,) their scores.
    """

    machine: str
    section: str
    system: str
    seed: int
    names: tuple[str, ...]
    digests: tuple[str, ...]
    labels: Labels
    scores: np.ndarray

    @property
    def key(self) -> tuple[str, str, str, int]:
        """Machine, section, system and seed."""
        return self.machine, self.section, self.system, self.seed

    @property
    def clips(self) -> list[tuple[str, str]]:
        """The section and the name of each clip."""
        return [(self.section, name) for name in self.names]

    def select(self, names: Sequence[str]) -> SectionScores:
        """The scores of the clips with these names, in their order."""
        position = {name: index for index, name in enumerate(self.names)}
        index = np.array([position[name] for name in names], dtype=int)
        digests = tuple(self.digests[i] for i in index)
        return replace(
            self,
            names=tuple(names),
            digests=digests,
            labels=self.labels.select(index),
            scores=self.scores[index],
        )


def write_scores(path: Path, scores: Iterable[SectionScores]) -> None:
    """Write the file of scores; clips with their labels are written once for all systems."""
    clips: dict[str, int] = {}
    rows = []
    for one in scores:
        target, recording = one.labels.target, one.labels.source_recording
        described = json.dumps(
            {
                "machine": one.machine,
                "section": one.section,
                "names": list(one.names),
                "digests": list(one.digests),
                "anomaly": one.labels.anomaly.tolist(),
                "target": None if target is None else target.tolist(),
                "source_recording": None if recording is None else recording.tolist(),
            }
        )
        index = clips.setdefault(described, len(clips))
        rows.append({"system": one.system, "seed": one.seed, "clips": index, "scores": one.scores.tolist()})
    content = f'{{"schema": {SCHEMA}, "clips": [{", ".join(clips)}], "scores": {json.dumps(rows)}}}'
    write_atomically(path, content.encode())


def read_scores(path: Path) -> list[SectionScores]:
    """Read the file of scores; empty if it does not exist. Raises `EvaluationError` if it cannot be read."""
    content = read_json(path)
    try:
        clips = [
            (clip["machine"], clip["section"], tuple(clip["names"]), _digests(clip), _labels(clip))
            for clip in content.get("clips", ())
        ]
        scores = []
        for row in content.get("scores", ()):
            machine, section, names, digests, labels = clips[row["clips"]]
            values = np.array(row["scores"], dtype=float)
            system, seed = row["system"], row["seed"]
            scores.append(SectionScores(machine, section, system, seed, names, digests, labels, values))
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise EvaluationError(f"{path}: not written by auscult bench: {error!r}") from error
    return scores


def _digests(clip: Mapping[str, Any]) -> tuple[str, ...]:
    """The digests of the clips; files of schema 1 have none."""
    return tuple(clip.get("digests", [""] * len(clip["names"])))


def _labels(clip: Mapping[str, Any]) -> Labels:
    target, recording = clip["target"], clip["source_recording"]
    return Labels(
        np.array(clip["anomaly"], dtype=bool),
        None if target is None else np.array(target, dtype=bool),
        source_recording=None if recording is None else np.array(recording),
    )


def read_json(path: Path) -> dict[str, Any]:
    """The content of a JSON file, empty if it does not exist; raises `EvaluationError` if it is invalid."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise EvaluationError(f"{path}: cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise EvaluationError(f"{path}: not written by auscult bench")
    return content
