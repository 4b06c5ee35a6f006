"""The model: a fitted detector with the calibration scores that its thresholds are computed from."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import Any

import numpy as np

from auscult.corpus import AudioClip, Clip
from auscult.corpus.files import with_table
from auscult.corpus.prefetch import prefetch
from auscult.corpus.sources import Recording, Recordings, as_clip, check_no_arrays, each
from auscult.decision import Threshold, conformal_threshold, few_recordings_label, fixed_threshold, p_value
from auscult.decision.alarms import AlarmPolicy
from auscult.detectors import Detector
from auscult.detectors.maps.map_limits import MapLimits
from auscult.detectors.maps.map_profile import MapProfile
from auscult.errors import (
    AudioError,
    OptionError,
    TooShortAudio,
    UnsupportedAudio,
)
from auscult.findings import Finding, findings_from_json
from auscult.model.machine_state import machine_state
from auscult.model.normal_index import NormalIndex
from auscult.model.normal_range import NormalRange
from auscult.model.score import Score, ScoredAudio
from auscult.model.sensor_check import SensorFinding, sensor_findings, verdict
from auscult.runtime.suggestions import did_you_mean
from auscult.sound import Waveform, stream_audio, waveform_of
from auscult.sound.defects import measure
from auscult.sound.measures import Measures
from auscult.sound.section import read_section
from auscult.sound.tables import TableSettings

#: A recording that is longer or shorter than the training recordings by more than this factor gets a warning.
LENGTH_TOLERANCE = 1.5
#: With fewer frames, a recording that is shorter than the training recordings cannot be judged: its means
#: over time are those of single frames.
MIN_FRAMES = 8


@dataclass(frozen=True)
class Calibration:
    """Scores of normal clips by detectors that were not fitted on them.

    Attributes:
        method: how they were obtained: ``crossfit``, ``holdout`` or ``none``.
        scores: score name to (n,) float64.
        domains: (n,) domain of each clip, ``None`` if unknown.
    """

    method: str = "none"
    scores: Mapping[str, np.ndarray] = field(default_factory=dict)
    domains: Sequence[str | None] = ()

    def __len__(self) -> int:
        return len(self.domains)


@dataclass(frozen=True)
class Judged:
    """The scores of a recording by name, and the map of the decisive one; see `Score`."""

    scores: Mapping[str, float]
    map: np.ndarray | None = None
    map_is_zscore: bool = False
    map_limits: MapLimits | None = None
    axis: int | None = None
    axis_name: str | None = None


class Model:
    """A fitted detector with its calibration and what is needed to explain a score.

    Args:
        detector: a fitted detector.
        calibration: scores of normal clips; without them there is no threshold and no decision.
        profiles: score name to the statistics of its maps on normal recordings.
        normals: index of the normal recordings, to name the nearest one; empty by default.
        channel: the channel to read from files with several.
        provenance: training data, package versions and findings.

    Attributes:
        expected_channels: files with more channels get a warning that names the channel that was read.
        stated_tables: what the user states about tables; it comes before what holds for the recordings that
            the model was fitted on.
        axes: the models of the channels, if several channels are judged together; see `auscult.model.axes`.
    """

    axes: Sequence[Model] = ()

    def __init__(
        self,
        detector: Detector,
        calibration: Calibration | None = None,
        *,
        profiles: Mapping[str, MapProfile] | None = None,
        normals: NormalIndex | None = None,
        channel: int = 0,
        provenance: Mapping[str, Any] | None = None,
    ) -> None:
        self.detector = detector
        self.calibration = calibration or Calibration()
        self.profiles = dict(profiles or {})
        self.normals = normals or NormalIndex.from_clips([], detector.config.front_end)
        self.channel = channel
        self.provenance = dict(provenance or {})
        self.expected_channels = int(self.provenance.get("channels", 1))
        self.stated_tables = TableSettings()

    def __repr__(self) -> str:
        return (
            f"Model({self.detector.name}, score {self.detector.decisive_score}, {self.sample_rate} Hz, "
            f"{len(self.calibration)} calibration clips by {self.calibration.method})"
        )

    @property
    def sample_rate(self) -> int:
        """The sample rate that the detector needs, Hz."""
        return self.detector.config.front_end.sample_rate

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What the user should know about the recordings and the fit, from ``provenance["findings"]``."""
        return findings_from_json(self.provenance.get("findings", ()))

    @property
    def normal_range(self) -> NormalRange | None:
        """The range of the normal recordings; ``None`` if unknown, as for models of version 0.1.0."""
        return NormalRange.from_json(self.provenance.get("normal_range"))

    @property
    def alarm_policy(self) -> AlarmPolicy | None:
        """When continuous monitoring raises an alarm; ``None`` before `auscult.monitor.calibrate`."""
        data = self.provenance.get("alarm_policy")
        return AlarmPolicy.from_json(data) if data else None

    def with_alarm_policy(self, policy: AlarmPolicy) -> Model:
        """Return a copy of this model with another alarm policy.

        Example:
            >>> import auscult, numpy as np
            >>> from auscult.decision.alarms import AlarmBudget, Session, calibrate_alarms
            >>> noise = np.random.default_rng(0).normal(0, 0.1, (20, 8000))
            >>> model = auscult.fit(noise, "spectral_memory", sample_rate=8000)
            >>> sessions = [Session(np.random.default_rng(i).normal(size=2000)) for i in range(4)]
            >>> policy = calibrate_alarms(sessions, AlarmBudget.parse("1/hour"), 1.0)
            >>> model.with_alarm_policy(policy).alarm_policy == policy
            True
        """
        other = copy.copy(self)
        other.provenance = {**self.provenance, "alarm_policy": policy.to_json()}
        return other

    def map_limits(self, score: str) -> MapLimits:
        """The largest values in the maps of normal recordings; defaults for models of version 0.1.0.

        Example:
            >>> import auscult, numpy as np
            >>> noise = np.random.default_rng(0).normal(0, 0.1, (20, 8000))
            >>> model = auscult.fit(noise, "spectral_memory", sample_rate=8000)
            >>> model.map_limits(model.detector.decisive_score).steady > 0
            True
        """
        return MapLimits.from_json(self.provenance.get("map_limits", {}).get(score))

    def threshold(self, rate: float = 0.05, *, score: str | None = None) -> Threshold:
        """Return the split-conformal threshold for a false-alarm rate.

        Its value is ``None`` if there are too few calibration clips for that rate. If these come from fewer
        recordings than as many independent clips would have to be, its label says so.

        Args:
            rate: the accepted rate of false alarms, between 0 and 1.
            score: one of ``Model.detector.scores``; default the one that decides.

        Raises:
            OptionError: there is no such score, or the rate is not between 0 and 1.

        Example:
            >>> import auscult, numpy as np
            >>> noise = np.random.default_rng(0).normal(0, 0.1, (20, 8000))
            >>> model = auscult.fit(noise, "spectral_memory", sample_rate=8000)
            >>> model.threshold(0.2).value < model.threshold(0.05).value
            True
            >>> print(model.threshold(0.01).value)  # needs 99 recordings
            None
        """
        if score is not None and score not in self.detector.scores:
            known = self.detector.scores
            raise OptionError(
                f"score={score!r}{did_you_mean(score, known)}: {self.detector.name} has {', '.join(known)}"
            )
        scores = self.calibration.scores.get(score or self.detector.decisive_score, np.empty(0))
        threshold = conformal_threshold(scores, rate)
        label = self.provenance.get("threshold_label") or few_recordings_label(
            self.provenance.get("calibration_recordings"), threshold
        )
        return replace(threshold, label=label)

    @property
    def tables(self) -> TableSettings:
        """How tables are read: as stated, and by default as those that the model was fitted on."""
        fitted_on = self.provenance.get("table")
        default = None if fitted_on is None else TableSettings.from_json(fitted_on)
        return replace(self.stated_tables, default=default)

    def with_table(self, clip: Clip) -> Clip:
        """Return a clip that says how its file is read, if that is a table: by default as `tables` says.

        Example:
            >>> import auscult, numpy as np
            >>> noise = np.random.default_rng(0).normal(0, 0.1, (20, 8000))
            >>> model = auscult.fit(noise, "spectral_memory", sample_rate=8000)
            >>> model.with_table(auscult.Clip("a.wav")).path
            'a.wav'
        """
        clip = with_table(clip, self.tables)
        if clip.table is None or clip.table.default is not None:
            return clip
        return replace(clip, table=clip.table.or_else(self.tables))

    def windows(
        self, clip: Clip, seconds: float, hop: float | None = None
    ) -> Iterator[tuple[float, AudioClip]]:
        """Yield windows of a file with their starts in seconds, with the channel and rate of this model.

        Args:
            clip: the file.
            seconds: length of a window.
            hop: seconds from the start of one window to the next; by default the length of a window.

        Raises (while iterating):
            AudioError: as `auscult.sound.stream_audio`.

        Example:
            >>> import auscult, numpy as np, soundfile
            >>> noise = np.random.default_rng(0).normal(0, 0.1, (20, 8000))
            >>> model = auscult.fit(noise, "spectral_memory", sample_rate=8000)
            >>> soundfile.write("long.wav", noise[:3].ravel(), 8000)
            >>> windows = model.windows(auscult.Clip("long.wav"), seconds=1)
            >>> [(start, model.score_recording(window).anomalous) for start, window in windows]
            [(0.0, False), (1.0, False), (2.0, False)]
        """
        windows = stream_audio(
            clip.path,
            seconds=seconds,
            hop_seconds=hop,
            channel=self.channel,
            sample_rate=self.sample_rate,
            table=self.with_table(clip).table,
        )
        for window in windows:
            yield window.start_seconds, AudioClip.from_waveform(window.waveform)

    def section(self, clip: Clip, start: float, seconds: float) -> AudioClip:
        """Read a section of a file, with the channel and rate of this model.

        Raises:
            OptionError, AudioError: as `auscult.sound.section.read_section`.

        Example:
            >>> import auscult, numpy as np, soundfile
            >>> noise = np.random.default_rng(0).normal(0, 0.1, (20, 8000))
            >>> model = auscult.fit(noise, "spectral_memory", sample_rate=8000)
            >>> soundfile.write("long.wav", noise[:3].ravel(), 8000)
            >>> model.section(auscult.Clip("long.wav"), start=0.5, seconds=2).waveform().seconds
            2.0
        """
        waveform = read_section(
            clip.path,
            start,
            seconds,
            channel=self.channel,
            sample_rate=self.sample_rate,
            table=self.with_table(clip).table,
        )
        return AudioClip(clip, lambda: waveform)

    def audio_clip(self, clip: Clip) -> AudioClip:
        """Open a file with the channel and the sample rate of this model.

        Example:
            >>> import auscult, numpy as np, soundfile
            >>> noise = np.random.default_rng(0).normal(0, 0.1, (20, 8000))
            >>> model = auscult.fit(noise, "spectral_memory", sample_rate=8000)
            >>> soundfile.write("noise.wav", np.repeat(noise[0], 2), 16000)
            >>> model.audio_clip(auscult.Clip("noise.wav")).waveform().sample_rate
            8000
        """
        return AudioClip.from_file(self.with_table(clip), channel=self.channel, sample_rate=self.sample_rate)

    def score(
        self,
        recording: Recording,
        sample_rate: int | None = None,
        *,
        threshold: Threshold | float | None = None,
        false_alarms: float | None = None,
        explain: bool = False,
    ) -> Score:
        """Score a recording.

        Args:
            recording: a path, a `Clip`, a `Waveform`, or an array (N,) of floating-point samples of one
                channel, in the unit of the training recordings; ±1 is the full scale of files of integers.
                For a model of several channels an array has the shape (channels, N).
            sample_rate: of an array, Hz; audio at another rate than the model's is resampled, with a warning.
            threshold: the score above which a recording is anomalous; default the conformal threshold for
                ``false_alarms``.
            false_alarms: the accepted rate of false alarms, between 0 and 1; default 0.05.
            explain: whether to compute ``Score.map``.

        No Python warning is issued, since many recordings are scored in a loop: see ``Score.warnings``.

        Raises:
            AudioError: the recording cannot be used, or is too short.
            OptionError: more than one channel, integer samples, a missing or invalid sample rate, both
                ``threshold`` and ``false_alarms``, or a value of them that is not valid.

        Example:
            >>> import auscult, numpy as np
            >>> noise = np.random.default_rng(0).normal(0, 0.1, (20, 16000))
            >>> model = auscult.fit(noise, "spectral_memory", sample_rate=16000)
            >>> model.score(0.1 * noise[0] + noise[1], 16000).anomalous
            False
        """
        limit = self.decision_threshold(threshold, false_alarms)
        return self.score_recording(self.open(recording, sample_rate), threshold=limit, explain=explain)

    def open(self, recording: Recording, sample_rate: int | None = None) -> AudioClip:
        """Return a recording with its audio, as this model reads it; arguments and errors as of `score`.

        Example:
            >>> import auscult, numpy as np
            >>> noise = np.random.default_rng(0).normal(0, 0.1, (20, 8000))
            >>> model = auscult.fit(noise, "spectral_memory", sample_rate=8000)
            >>> model.open(noise[0], 8000).waveform().seconds
            1.0
        """
        if isinstance(recording, str | PathLike | Clip | Waveform):
            return self.audio_clip(as_clip(recording))
        if sample_rate is None:
            raise OptionError("give the sample rate of the array in Hz, as sample_rate=")
        return self._in_memory(np.asarray(recording), sample_rate)

    def _in_memory(self, samples: np.ndarray, sample_rate: int) -> AudioClip:
        """A recording of samples (N,), resampled to the rate of the model."""
        return AudioClip.from_waveform(waveform_of(samples, sample_rate), sample_rate=self.sample_rate)

    def decision_threshold(
        self, threshold: Threshold | float | None = None, false_alarms: float | None = None
    ) -> Threshold:
        """Return the threshold that the arguments of `score` state.

        Raises:
            OptionError: both are given, or a value is not valid.

        Example:
            >>> import auscult, numpy as np
            >>> noise = np.random.default_rng(0).normal(0, 0.1, (20, 8000))
            >>> model = auscult.fit(noise, "spectral_memory", sample_rate=8000)
            >>> model.decision_threshold(2.5).value
            2.5
            >>> model.decision_threshold(false_alarms=0.1) == model.threshold(0.1)
            True
        """
        if threshold is not None and false_alarms is not None:
            raise OptionError("threshold and false_alarms exclude each other: choose one")
        if isinstance(threshold, Threshold):
            return threshold
        if threshold is not None:
            return fixed_threshold(threshold)
        return self.threshold() if false_alarms is None else self.threshold(false_alarms)

    def score_recording(
        self, recording: AudioClip, *, threshold: Threshold | None = None, explain: bool = False
    ) -> Score:
        """Score a recording that is at the model's sample rate; arguments and errors as of `score`.

        Example:
            >>> import auscult, numpy as np
            >>> noise = np.random.default_rng(0).normal(0, 0.1, (20, 8000))
            >>> model = auscult.fit(noise, "spectral_memory", sample_rate=8000)
            >>> model.score_recording(model.open(noise[0], 8000)).anomalous
            False
        """
        threshold = threshold or self.threshold()
        waveform = recording.waveform()
        if waveform.sample_rate != self.sample_rate:
            raise OptionError(
                f"{recording.clip.path} is at {waveform.sample_rate} Hz, but the model needs "
                f"{self.sample_rate} Hz: open it with Model.audio_clip(clip), which resamples"
            )
        if len(waveform.samples) < self.detector.minimum_samples():
            needed = self.detector.minimum_samples() / self.sample_rate
            raise TooShortAudio(
                recording.clip.path,
                f"{waveform.seconds:.3f} s is too short: {self.detector.name} needs at least {needed:.3f} s",
            )
        name = self.detector.decisive_score
        judged = self._judge(recording, explain=explain)  # the waveform is held: no second reading
        value = judged.scores[name]
        if not np.isfinite(value):
            reason = f"its {name} score is {value}: the model overflows on this recording"
            raise UnsupportedAudio(recording.clip.path, reason)
        above, calibration = threshold.is_anomalous(value), self.calibration.scores.get(name, ())
        findings, state = self.sensor_check(recording, above=above)
        notes = waveform.notes
        if any(finding.kind == "rate" for finding in findings):  # it says more than the note
            notes = tuple(note for note in notes if note.kind != "resampled")
        of_sensor = (Finding(finding.kind, finding.message) for finding in findings)
        warnings = [*notes, *of_sensor, *self._input_findings(waveform)]
        if state:
            message = state if above else f"{state}: it is unlike every normal recording"
            warnings.append(Finding("state", message))
        warnings += threshold.findings
        nearest = self.normals.nearest(recording, self.detector.config.front_end)
        return Score(
            path=recording.clip.path,
            score=value,
            threshold=threshold.value,
            p_value=p_value(value, calibration) if len(calibration) else None,
            anomalous=None if verdict(above, findings) == "sensor" else above,
            warnings=tuple(warnings),
            scores=dict(judged.scores),
            nearest=nearest.path if nearest else None,
            nearest_window=nearest.window if nearest else None,
            map=judged.map,
            maps_are_zscores=judged.map_is_zscore,
            map_limits=judged.map_limits,
            axis=judged.axis,
            axis_name=judged.axis_name,
            findings=findings,
            state=state,
            seconds=waveform.seconds,
            audio=self._scored_audio(recording, judged.axis, nearest) if explain else None,
        )

    def _scored_audio(self, recording: AudioClip, axis: int | None, nearest: Clip | None) -> ScoredAudio:
        """What a picture of the score needs; of the channel that it is from, if there are several."""
        model, audio = (self, recording) if axis is None else (self.axes[axis], recording.axes[axis])
        clip = None if nearest is None else self.with_table(nearest)
        return ScoredAudio(audio.waveform(), model.detector.config.front_end, clip, model.channel)

    def scores_of(self, recording: AudioClip) -> Mapping[str, float]:
        """Return the scores of a recording that is at the model's rate, without a verdict; errors as of
        `score_recording`.

        Example:
            >>> import auscult, numpy as np
            >>> noise = np.random.default_rng(0).normal(0, 0.1, (20, 8000))
            >>> model = auscult.fit(noise, "spectral_memory", sample_rate=8000)
            >>> recording = model.open(noise[0], 8000)
            >>> model.scores_of(recording)[model.detector.decisive_score] == model.score(noise[0], 8000).score
            True
        """
        return self._judge(recording, explain=False).scores

    def _judge(self, recording: AudioClip, *, explain: bool) -> Judged:
        """The scores of a recording and, on request, the map of the decisive one."""
        evidence = self.detector.score(recording, explain=explain)
        if not explain:
            return Judged(evidence.scores)
        name = self.detector.decisive_score
        profile, map = self.profiles.get(name), evidence.maps[name]
        if profile is not None:
            map = profile.smoothed_zscore(map)
        is_zscore = profile is not None or self.detector.maps_are_zscores
        return Judged(evidence.scores, map, is_zscore, self.map_limits(name))

    def sensor_check(
        self, recording: AudioClip, *, above: bool | None = None
    ) -> tuple[tuple[SensorFinding, ...], str | None]:
        """Return the signs of a sensor fault, and the state of the machine if the sensor shows it.

        They are ``findings`` and ``state`` of the recording's `Score`.

        Args:
            recording: at the model's rate.
            above: whether its score is above the threshold; ``None`` without one.

        Example:
            >>> import auscult, numpy as np
            >>> noise = np.random.default_rng(0).normal(0, 0.1, (20, 8000))
            >>> model = auscult.fit(noise, "spectral_memory", sample_rate=8000)
            >>> findings, state = model.sensor_check(model.open(np.zeros(8000), 8000))
            >>> [finding.kind for finding in findings]
            ['silence']
        """
        front_end, waveform = self.detector.config.front_end, recording.waveform()
        frames, measures = recording.log_mel(front_end), measure(waveform)
        normal, spectra = self.normal_range, self.normals.spectrum_range
        findings = self.sensor_findings(recording, measures, file_rate=waveform.file_rate)
        if self._is_too_short(waveform):
            findings = (*findings, SensorFinding("length", self._describe_length(waveform), "unusable"))
        if spectra is None or any(f.effect == "unusable" or f.kind == "bandwidth" for f in findings):
            return findings, None
        comparable = normal if self.has_usual_length(waveform.seconds) else None
        return findings, machine_state(frames, measures, front_end, spectra, comparable, above=above)

    def sensor_findings(
        self, recording: AudioClip, measures: Measures, *, file_rate: int | None
    ) -> tuple[SensorFinding, ...]:
        """Return the signs of a sensor fault in a recording that has been measured; it is not decoded again.

        Args:
            recording: at the model's rate, with its log-mel.
            measures: of its samples.
            file_rate: sample rate of the file, Hz, if the recording was resampled.

        Example:
            >>> import auscult, numpy as np
            >>> noise = np.random.default_rng(0).normal(0, 0.1, (20, 8000))
            >>> model = auscult.fit(noise, "spectral_memory", sample_rate=8000)
            >>> from auscult.sound.defects import measure
            >>> recording = model.open(np.zeros(8000), 8000)
            >>> findings = model.sensor_findings(recording, measure(recording.waveform()), file_rate=None)
            >>> [finding.kind for finding in findings]
            ['silence']
        """
        front_end = self.detector.config.front_end
        spectrum, spectra = recording.log_mel(front_end).mean(axis=0), self.normals.spectrum_range
        return sensor_findings(spectrum, measures, front_end, spectra, self.normal_range, file_rate=file_rate)

    def has_usual_length(self, seconds: float) -> bool:
        """Return whether a recording of so many seconds is about as long as the training recordings.

        Example:
            >>> import auscult, numpy as np
            >>> noise = np.random.default_rng(0).normal(0, 0.1, (20, 8000))
            >>> model = auscult.fit(noise, "spectral_memory", sample_rate=8000)
            >>> model.has_usual_length(1.2), model.has_usual_length(5.0)
            (True, False)
        """
        shortest, longest = self.provenance.get("seconds") or (0.0, math.inf)
        return bool(shortest / LENGTH_TOLERANCE <= seconds <= longest * LENGTH_TOLERANCE)

    def _input_findings(self, waveform: Waveform) -> Iterator[Finding]:
        """Reasons to trust the score of a waveform less."""
        if waveform.channels > self.expected_channels:
            yield Finding(
                "channels",
                f"{waveform.channels} channels, only channel {self.channel} (counted from 0) was scored: "
                "the model was fitted on recordings with "
                f"{self.expected_channels}; auscult score --each-channel scores each on its own",
            )
        if not self.has_usual_length(waveform.seconds) and not self._is_too_short(waveform):
            yield Finding("length", self._describe_length(waveform))

    def _is_too_short(self, waveform: Waveform) -> bool:
        """Whether a recording is shorter than those of training, and too short to be judged."""
        shortest, _ = self.provenance.get("seconds") or (0.0, math.inf)
        frames = self.detector.config.front_end.frames_in(len(waveform.samples))
        return frames < MIN_FRAMES and waveform.seconds < shortest / LENGTH_TOLERANCE

    def _describe_length(self, waveform: Waveform) -> str:
        """What it means that a recording is much longer or shorter than those of training, and the remedy."""
        shortest, longest = self.provenance["seconds"]
        difference = (
            f"{waveform.seconds:.3g} s long, but the model was fitted on recordings of {self.lengths}"
        )
        if waveform.seconds > longest:
            return (
                f"{difference}: a score of the entire recording can be wrong, and the false-alarm rate does "
                f"not hold; score its parts with `Model.windows(clip, {longest:.3g})`"
            )
        remedy = (
            f"record at least {shortest:.3g} s, or score longer windows with "
            f"`Model.windows(clip, {shortest:.3g})`"
        )
        if self._is_too_short(waveform):
            return f"{difference}: too short to be judged, with fewer than {MIN_FRAMES} frames; {remedy}"
        return f"{difference}: the false-alarm rate does not hold; {remedy}"

    @property
    def lengths(self) -> str:
        """The lengths of the training recordings in words: ``10 s``, ``2 to 10 s``."""
        lengths = self.provenance.get("seconds") or ()
        return f"{' to '.join(dict.fromkeys(f'{length:.3g}' for length in lengths))} s"

    def score_many(
        self,
        recordings: Recordings,
        sample_rate: int | None = None,
        *,
        threshold: Threshold | float | None = None,
        false_alarms: float | None = None,
        explain: bool = False,
        threads: int | None = None,
    ) -> Iterator[Score | AudioError]:
        """Score recordings in order, holding only a few in memory at a time.

        Each thread takes a recording all the way from the file to the score. Measured on two cores with
        clips of 10 s, this is 1.7 times as fast as one thread. Decoding on one thread and scoring on the
        other is 1.2 times as fast, and ONNX Runtime on both cores is slower than on one. Running the network
        on several clips at once gains nothing for clips of 2 s or more, since the windows of one clip fill a
        run already, and 5 % of the total time for clips of 1 s.

        Args:
            recordings: each as of `score`.
            sample_rate, threshold, false_alarms, explain: as of `score`.
            threads: default one per core, or fewer if ``OMP_NUM_THREADS`` says so.

        Returns:
            An iterator over the recordings: for each its score, or the error if it cannot be used.

        Raises:
            OptionError: arrays without a sample rate, both ``threshold`` and ``false_alarms``, or a value of
                them that is not valid.

        Example:
            >>> import auscult, numpy as np
            >>> noise = np.random.default_rng(0).normal(0, 0.1, (20, 8000))
            >>> model = auscult.fit(noise, "spectral_memory", sample_rate=8000)
            >>> [score.anomalous for score in model.score_many([noise[0], 3 * noise[1]], 8000)]
            [False, True]
        """
        limit = self.decision_threshold(threshold, false_alarms)
        if sample_rate is None:
            check_no_arrays(recordings)

        def opened() -> Iterator[AudioClip | AudioError]:
            # In the thread that iterates: an iterable may fill one array again and again.
            for index, recording in enumerate(each(recordings)):
                if sample_rate is None:
                    check_no_arrays(recording)
                try:
                    yield self.open(recording, sample_rate)
                except AudioError as error:
                    yield error
                except OptionError as error:
                    yield UnsupportedAudio(f"<recording {index}>", str(error))

        def score(recording: AudioClip | AudioError) -> Score:
            if isinstance(recording, AudioError):
                raise recording
            return self.score_recording(recording, threshold=limit, explain=explain)

        return (outcome for _, outcome in prefetch(opened(), score, threads=threads))

    def save(self, path: str) -> None:
        """Write the model file; see `auscult.model.model_file`.

        Example:
            >>> import auscult, numpy as np
            >>> noise = np.random.default_rng(0).normal(0, 0.1, (20, 8000))
            >>> model = auscult.fit(noise, "spectral_memory", sample_rate=8000)
            >>> model.save("fan.auscult")
            >>> auscult.load("fan.auscult").threshold() == model.threshold()
            True
        """
        from auscult.model.model_file import save_model

        save_model(self, path)
