"""Several channels that are judged together, such as the axes of an accelerometer.

Each channel has a model of its own, so that this works for all detectors, and for the checks of sensors and
the maps too. All are fitted and calibrated with the same folds. The score of a recording is the largest of
the channels: each is brought to one scale first, on which the held-out normal recordings of every channel
have the median 0 and the 90 % quantile 1. The same is done with the held-out scores, so that the threshold
keeps the false-alarm rate of the largest. The map is that of the channel with the largest score.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from auscult.corpus import AudioClip, Clip
from auscult.decision import Threshold
from auscult.errors import AuscultError, FitError, OptionError, UnsupportedAudio
from auscult.findings import Finding, findings_to_json
from auscult.model.model import Calibration, Judged, Model
from auscult.model.score import Score
from auscult.model.sensor_check import SensorFinding
from auscult.sound import Waveform

#: What ``channel`` is of a model of several channels.
ALL = "all"
_QUANTILE = 0.9


class AxesModel(Model):
    """One model of several channels.

    Args:
        axes: the model of each channel, in order, calibrated on the same recordings in the same order.
        names: names of the channels; those without a name have their numbers.
        provenance: as of `Model`; by default that of the channels.

    Raises:
        FitError: the channels are not calibrated.
    """

    def __init__(
        self, axes: Sequence[Model], names: Sequence[str], *, provenance: dict[str, Any] | None = None
    ) -> None:
        first = axes[0]
        if not len(first.calibration):
            raise FitError(
                "a model of several channels compares their scores with those of held-out recordings: fit it "
                "with calibration, not with `calibrate='none'`"
            )
        self._scales = [
            {name: _scale(axis.calibration.scores[name]) for name in axis.calibration.scores} for axis in axes
        ]
        scores = {
            name: np.max(
                [
                    _scaled(axis.calibration.scores[name], scale[name])
                    for axis, scale in zip(axes, self._scales, strict=True)
                ],
                axis=0,
            )
            for name in first.calibration.scores
        }
        super().__init__(
            first.detector,
            Calibration(first.calibration.method, scores, first.calibration.domains),
            normals=first.normals,
            provenance=_provenance(axes, names) if provenance is None else provenance,
        )
        self.axes = tuple(axes)
        self.names = tuple(names)

    def audio_clip(self, clip: Clip) -> AudioClip:
        """Open all channels of a file at the sample rate of this model.

        Raises (when the audio is requested):
            UnsupportedAudio: the file has another number of channels.
        """
        clip = self.with_table(clip)
        rate = self.sample_rate
        return AudioClip.of_axes(
            [AudioClip.from_file(clip, channel=i, sample_rate=rate) for i in range(len(self.axes))]
        )

    def windows(
        self, clip: Clip, seconds: float, hop: float | None = None
    ) -> Iterator[tuple[float, AudioClip]]:
        """As of `Model`, of all channels: the file is read once for each."""
        clip = self.with_table(clip)
        for parts in zip(*(axis.windows(clip, seconds, hop) for axis in self.axes), strict=True):
            yield parts[0][0], AudioClip.of_axes([audio for _, audio in parts])

    def section(self, clip: Clip, start: float, seconds: float) -> AudioClip:
        """As of `Model`, of all channels."""
        clip = self.with_table(clip)
        return AudioClip.of_axes([axis.section(clip, start, seconds) for axis in self.axes])

    def sensor_check(
        self, recording: AudioClip, *, above: bool | None = None
    ) -> tuple[tuple[SensorFinding, ...], str | None]:
        """As of `Model`: the findings of all channels, which name the channel, and the first state."""
        findings: list[SensorFinding] = []
        states = []
        for axis, name, audio in zip(self.axes, self.names, recording.axes, strict=True):
            of_axis, state = axis.sensor_check(audio, above=above)
            findings += (SensorFinding(f.kind, f"channel {name}: {f.message}", f.effect) for f in of_axis)
            states += [state] if state else []
        return tuple(findings), states[0] if states else None

    def score_recording(
        self, recording: AudioClip, *, threshold: Threshold | None = None, explain: bool = False
    ) -> Score:
        """As of `Model`, of a recording with all channels; see `AudioClip.of_axes`.

        Raises also:
            UnsupportedAudio: the file has another number of channels than the model.
        """
        held = [audio.waveform() for audio in recording.axes]  # so that each channel is read once
        self._check_channels(recording.clip.path, held)
        return super().score_recording(recording, threshold=threshold, explain=explain)

    def scores_of(self, recording: AudioClip) -> Mapping[str, float]:
        """As of `Model`, of a recording with all channels; errors as of `score_recording`."""
        held = [audio.waveform() for audio in recording.axes]
        self._check_channels(recording.clip.path, held)
        return super().scores_of(recording)

    def _judge(self, recording: AudioClip, *, explain: bool) -> Judged:
        judged = [axis.detector.score(audio) for axis, audio in zip(self.axes, recording.axes, strict=True)]
        scaled = {
            name: [
                float(_scaled(evidence.scores[name], scale[name]))
                for evidence, scale in zip(judged, self._scales, strict=True)
            ]
            for name in self.calibration.scores
        }
        decisive = int(np.argmax(scaled[self.detector.decisive_score]))
        scores = {name: max(values) for name, values in scaled.items()}
        if not explain:
            return Judged(scores, axis=decisive, axis_name=self.names[decisive])
        shown = self.axes[decisive]._judge(recording.axes[decisive], explain=True)
        return Judged(
            scores, shown.map, shown.map_is_zscore, shown.map_limits, decisive, self.names[decisive]
        )

    def _check_channels(self, path: str, waveforms: Sequence[Waveform]) -> None:
        """Raise `UnsupportedAudio` if a recording has other channels than those of the model."""
        present = max((waveform.channels for waveform in waveforms), default=1)
        if len(waveforms) != len(self.axes) or present not in (1, len(self.axes)):
            raise UnsupportedAudio(
                path,
                f"it has {present} channel{'' if present == 1 else 's'}, but the model judges "
                f"{len(self.axes)} together ({', '.join(self.names)})",
            )

    def _input_findings(self, waveform: Waveform) -> Iterator[Finding]:
        yield from (f for f in super()._input_findings(waveform) if f.kind != "channels")

    def _in_memory(self, samples: np.ndarray, sample_rate: int) -> AudioClip:
        if samples.ndim != 2 or len(samples) != len(self.axes):
            raise OptionError(
                f"samples must have the shape ({len(self.axes)}, N), a row for each channel, got "
                f"{samples.shape}"
            )
        return AudioClip.of_axes([super(AxesModel, self)._in_memory(row, sample_rate) for row in samples])


def joined(models: Sequence[Model | AuscultError], names: Sequence[str]) -> Model | AuscultError:
    """Return the model of several channels, or the only model; an error of any channel is that of all.

    Args:
        models: the model of each channel, or the error that prevented it.
        names: names of the channels; empty if they have none.
    """
    axes: list[Model] = []
    for model in models:
        if not isinstance(model, Model):
            return model
        axes.append(model)
    if len(axes) == 1:
        return axes[0]
    try:
        return AxesModel(axes, names or [str(i) for i in range(len(axes))])
    except FitError as error:
        return error


def require_one_channel(model: Model, what: str) -> None:
    """Raise `OptionError` if a model judges several channels.

    Args:
        model: any model.
        what: what cannot be done with such a model, as the start of a sentence.
    """
    if model.axes:
        raise OptionError(
            f"{what} a model of several channels is not possible: fit a model for each channel, with "
            "`channel=N`"
        )


def _scale(scores: np.ndarray) -> tuple[float, float]:
    """The median of the scores of a channel, and the distance of the 90 % quantile from it."""
    centre = float(np.median(scores))
    unit = float(np.quantile(scores, _QUANTILE)) - centre
    return centre, unit if unit > 0 else 1.0


def _scaled(scores: np.ndarray | float, scale: tuple[float, float]) -> np.ndarray:
    return (np.asarray(scores, np.float64) - scale[0]) / scale[1]


def _provenance(axes: Sequence[Model], names: Sequence[str]) -> dict[str, Any]:
    """That of the first channel, with the findings and the fitting times of all."""
    findings: dict[Finding, list[str]] = {}
    for axis, name in zip(axes, names, strict=True):
        for finding in axis.warnings:
            findings.setdefault(finding, []).append(name)
    return {
        **axes[0].provenance,
        "channels": len(axes),
        "channel_names": list(names),
        "fit_seconds": round(sum(axis.provenance.get("fit_seconds", 0.0) for axis in axes), 3),
        "left_out": list(
            dict.fromkeys(path for axis in axes for path in axis.provenance.get("left_out", ()))
        ),
        "findings": findings_to_json(
            finding
            if len(of) == len(axes)
            else replace(finding, message=f"channel {', '.join(of)}: {finding.message}")
            for finding, of in findings.items()
        ),
    }
