"""Which test clips of a machine have signs of a sensor fault, as in the verdicts of `auscult.Model.score`."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from auscult.benchmark.machine import MachineData
from auscult.corpus import AudioClip
from auscult.model import Model
from auscult.model.sensor_check import Effect, SensorFinding


@dataclass(frozen=True)
class SensorFaults:
    """Signs of a sensor fault in the scored test clips of a machine.

    Attributes:
        findings: path to the findings that affect a verdict; clips without any are not in it.
    """

    findings: dict[str, tuple[SensorFinding, ...]]

    @classmethod
    def of(cls, recordings: Sequence[AudioClip], machine: MachineData, model: Model) -> SensorFaults:
        """Compares recordings with those that a model was fitted on.

        Args:
            recordings: the scored test recordings of the machine, at the model's rate.
            machine: the machine, which measures each recording once for all models.
            model: the model.

        Raises:
            AudioError: a recording cannot be read any more.
        """
        findings = {}
        for recording in recordings:
            measures = machine.measures(recording)
            of_recording = model.sensor_findings(recording, measures, file_rate=measures.sample_rate)
            signs = tuple(f for f in of_recording if f.effect != "note")
            if signs:
                findings[recording.clip.path] = signs
        return cls(findings)

    @property
    def unusable(self) -> list[str]:
        """The paths of clips that cannot be judged, whatever their score."""
        return [path for path, signs in self.findings.items() if any(f.effect == "unusable" for f in signs)]

    def remarks(self) -> Iterator[str]:
        """A note about the clips that cannot be judged, if there are any.

        Doubts are not noted: whether they affect a verdict depends on the score, and loud faults of a machine
        are among them.
        """
        if paths := self.unusable:
            kinds = ", ".join(self._kinds("unusable"))
            yield (
                f"test clips with a sensor fault: {len(paths)} ({kinds}; the first is "
                f"{os.path.basename(paths[0])}). They count in the AUC, as all clips do; their decisions in "
                "decision_result_*.csv are those of the score"
            )

    def counts(self) -> dict[str, Any]:
        """The number ``clips`` with a sensor fault, and of clips by kind: ``kinds`` and ``doubts``."""
        return {
            "clips": len(self.unusable),
            "kinds": self._kinds("unusable"),
            "doubts": self._kinds("doubt"),
        }

    def to_json(self) -> dict[str, Any]:
        """Path to the findings of the clip."""
        return {path: [f.to_json() for f in signs] for path, signs in self.findings.items()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> SensorFaults:
        """Create the object from the output of `to_json`."""
        return cls({path: tuple(SensorFinding(**f) for f in signs) for path, signs in data.items()})

    def _kinds(self, effect: Effect) -> dict[str, int]:
        """Kind of the findings with this effect to the number of clips that have one."""
        of_clips = ({f.kind: None for f in signs if f.effect == effect} for signs in self.findings.values())
        return dict(Counter(kind for kinds in of_clips for kind in kinds))
