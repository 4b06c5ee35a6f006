"""The score of one recording, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from auscult.corpus import Clip
from auscult.detectors.maps.map_limits import MapLimits
from auscult.findings import Finding
from auscult.model.sensor_check import SensorFinding, Verdict, verdict
from auscult.sound import Waveform
from auscult.spectrum import FrontEnd

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class ScoredAudio:
    """What a picture of a score needs besides the map.

    Attributes:
        waveform: the recording, at the model's sample rate.
        front_end: the front end of the map.
        nearest: the most similar normal recording, if it is a file.
        channel: the channel that is read from that file.
    """

    waveform: Waveform
    front_end: FrontEnd
    nearest: Clip | None = None
    channel: int = 0


@dataclass(frozen=True)
class Score:
    """The score of one recording, and the decision.

    Attributes:
        path: the recording, or ``"<memory>"``.
        score: the anomaly score; higher is more anomalous.
        threshold: the decision threshold; ``None`` if no decision is possible.
        anomalous: score > threshold; ``None`` without a threshold, or if the verdict is ``sensor``.
        p_value: share of the calibration scores that are at least as high, counting this one: at most α with
            probability α for a normal recording like those of the calibration. ``None`` without calibration.
        warnings: reasons to trust this score less, each with a kind and a message.
        scores: every score of the detector, by name.
        nearest: path of the most similar normal recording among those that the model was given; ``None`` if
            the model holds none.
        nearest_window: start and end in seconds of the window of that file, if the model was fitted on
            windows.
        map: (T, n_mels) where the score comes from, if requested. With ``maps_are_zscores``, by how many
            standard deviations each time-frequency bin exceeds its mean in normal recordings; otherwise how
            much each bin added to the score.
        maps_are_zscores: whether ``map`` is in standard deviations of normal recordings, which needs a model
            with profiles or a detector that computes such maps.
        map_limits: what the maps of normal recordings show, in standard deviations; ``None`` without ``map``.
        axis: index of the channel that the score and the map are from, if the model judges several channels
            together; ``None`` otherwise.
        axis_name: name of that channel, or its index.
        findings: signs of a sensor fault.
        state: in words, if the recording is unlike every normal recording, whatever the verdict: the machine
            is off or another one or, above the threshold, has a severe fault; otherwise ``None``.
        seconds: length of the recording.
        audio: the recording and what `plot` needs besides; ``None`` without ``map``.
    """

    path: str
    score: float
    threshold: float | None
    anomalous: bool | None
    p_value: float | None = None
    warnings: tuple[Finding, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    nearest: str | None = None
    nearest_window: tuple[float, float] | None = None
    map: np.ndarray | None = field(default=None, repr=False, compare=False)
    maps_are_zscores: bool = False
    map_limits: MapLimits | None = None
    axis: int | None = None
    axis_name: str | None = None
    findings: tuple[SensorFinding, ...] = ()
    state: str | None = None
    seconds: float = 0.0
    audio: ScoredAudio | None = field(default=None, repr=False, compare=False)

    @property
    def unusable(self) -> bool:
        """Whether a sensor fault makes it impossible to judge the recording, whatever its score."""
        return any(finding.effect == "unusable" for finding in self.findings)

    @property
    def verdict(self) -> Verdict | None:
        """``sensor`` if the recording cannot be judged, or if it would be normal but for a finding; otherwise
        ``anomaly`` or ``normal``, and ``None`` without a threshold."""
        above = None if self.threshold is None else self.score > self.threshold
        return verdict(above, self.findings)

    def plot(self, path: str | PathLike[str] | None = None) -> Figure:
        """Draw where in time and frequency the score comes from; see `auscult.plot`.

        Example:
            >>> import auscult, numpy as np
            >>> noise = np.random.default_rng(0).normal(0, 0.1, (20, 16000))
            >>> model = auscult.fit(noise, "spectral_memory", sample_rate=16000)
            >>> figure = model.score(noise[0], 16000, explain=True).plot("score.png")
        """
        import auscult  # not at the top: the picture is drawn by a module above this one

        return auscult.plot(self, path)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the audio, the map and its limits as JSON-compatible data, with the verdict.

        Example:
            >>> import auscult
            >>> auscult.Score("a.wav", score=1.5, threshold=1.0, anomalous=True).to_dict()["verdict"]
            'anomaly'
        """
        left_out = ("audio", "map", "maps_are_zscores", "map_limits")
        data = {key: value for key, value in vars(self).items() if key not in left_out}
        return {
            **data,
            "verdict": self.verdict,
            "warnings": [finding.to_json() for finding in self.warnings],
            "scores": dict(self.scores),
            "nearest_window": list(self.nearest_window) if self.nearest_window else None,
            "findings": [vars(finding) for finding in self.findings],
        }
