"""The model: a fitted detector with the calibration scores that its thresholds are computed from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from auscult.corpus import AudioClip, Clip
from auscult.corpus.prefetch import prefetch
from auscult.decision import Threshold, conformal_threshold
from auscult.detectors import Detector
from auscult.detectors.maps.map_profile import MapProfile
from auscult.errors import (
    AudioError,
    EmptyAudio,
    NonFiniteAudio,
    OptionError,
    TooShortAudio,
    UnsupportedAudio,
)
from auscult.model.normal_index import NormalIndex
from auscult.sound import Waveform
from auscult.sound.level import SILENCE_DB, clipped_samples, level_db

#: A recording that is longer or shorter than the training recordings by more than this factor gets a warning.
LENGTH_TOLERANCE = 1.5


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
class Score:
    """The score of one recording, and the decision.

    Attributes:
        path: the recording, or ``"<memory>"``.
        score: the anomaly score; higher is more anomalous.
        threshold: the decision threshold; ``None`` if no decision is possible.
        anomalous: score > threshold; ``None`` without a threshold.
        warnings: reasons to trust this score less.
        scores: every score of the detector, by name.
        nearest: path of the most similar normal recording among those that the model was given; ``None`` if
            the model holds none.
        map: (T, n_mels) where the score comes from, if requested. With ``maps_are_zscores``, by how many
            standard deviations each time-frequency bin exceeds its mean in normal recordings; otherwise how
            much each bin added to the score.
        maps_are_zscores: whether ``map`` is in standard deviations of normal recordings, which needs a model
            with profiles or a detector that computes such maps.
    """

    path: str
    score: float
    threshold: float | None
    anomalous: bool | None
    warnings: tuple[str, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    nearest: str | None = None
    map: np.ndarray | None = None
    maps_are_zscores: bool = False


class Model:
    """A fitted detector with its calibration and what is needed to explain a score.

    Args:
        detector: a fitted detector.
        calibration: scores of normal clips; without them there is no threshold and no decision.
        profiles: score name to the statistics of its maps on normal recordings.
        normals: index of the normal recordings, to name the nearest one; empty by default.
        channel: the channel to read from files with several.
        provenance: training data, package versions and warnings.
    """

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

    def __repr__(self) -> str:
        return (
            f"Model({self.detector.name}, score {self.detector.decisive_score}, {self.sample_rate} Hz, "
            f"{len(self.calibration)} calibration clips by {self.calibration.method})"
        )

    @property
    def sample_rate(self) -> int:
        """The sample rate that the detector needs, Hz."""
        return self.detector.config.front_end.sample_rate

    def threshold(self, rate: float = 0.05, *, score: str | None = None) -> Threshold:
        """Return the split-conformal threshold for a false-alarm rate.

        Its value is ``None`` if there are too few calibration clips for that rate.
        """
        scores = self.calibration.scores.get(score or self.detector.decisive_score, np.empty(0))
        return conformal_threshold(scores, rate)

    def audio_clip(self, clip: Clip) -> AudioClip:
        """Open a file with the channel and the sample rate of this model."""
        return AudioClip.from_file(clip, channel=self.channel, sample_rate=self.sample_rate)

    def score(
        self,
        samples: np.ndarray,
        sample_rate: int,
        *,
        threshold: Threshold | None = None,
        explain: bool = False,
    ) -> Score:
        """Score samples in memory.

        Args:
            samples: (N,) float samples of one channel, full scale ±1.
            sample_rate: in Hz; audio at another rate than the model's is resampled, with a warning.
            threshold: the decision threshold; default the conformal threshold at 5 % false alarms.
            explain: whether to compute ``Score.map``.

        Raises:
            AudioError: the samples are empty, too short, or not finite.
            OptionError: more than one channel, integer samples, or a sample rate that is not positive.
        """
        samples = np.asarray(samples)
        if samples.ndim != 1:
            raise OptionError(f"samples must be one channel of shape (N,), got shape {samples.shape}")
        if samples.dtype.kind != "f":
            raise OptionError(
                f"samples must be floating point with full scale ±1, got {samples.dtype}; divide 16-bit "
                "samples by 32768"
            )
        if sample_rate < 1:
            raise OptionError(f"sample_rate must be positive, got {sample_rate}")
        if not len(samples):
            raise EmptyAudio("<memory>", "no samples")
        if not np.all(np.isfinite(samples)):
            raise NonFiniteAudio("<memory>", "samples contain NaN or infinity")
        waveform = Waveform(samples.astype(np.float32), int(sample_rate))
        recording = AudioClip.from_waveform(waveform, sample_rate=self.sample_rate)
        return self.score_recording(recording, threshold=threshold, explain=explain)

    def score_recording(
        self, recording: AudioClip, *, threshold: Threshold | None = None, explain: bool = False
    ) -> Score:
        """Score a recording that is at the model's sample rate; arguments and errors as of `score`."""
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
        decoded = AudioClip(recording.clip, lambda: waveform)  # reads the file only once
        evidence = self.detector.score(decoded, explain=explain)
        name = self.detector.decisive_score
        value = evidence.scores[name]
        if not np.isfinite(value):
            reason = f"its {name} score is {value}: the model overflows on this recording"
            raise UnsupportedAudio(recording.clip.path, reason)
        warnings = (*waveform.notes, *self._input_warnings(waveform))
        if threshold.warning:
            warnings = (*warnings, threshold.warning)
        profile = self.profiles.get(name)
        map = evidence.maps[name] if explain else None
        if map is not None and profile is not None:
            map = profile.smoothed_zscore(map)
        return Score(
            path=recording.clip.path,
            score=value,
            threshold=threshold.value,
            anomalous=threshold.is_anomalous(value),
            warnings=warnings,
            scores=dict(evidence.scores),
            nearest=self.normals.nearest(decoded, self.detector.config.front_end),
            map=map,
            maps_are_zscores=map is not None and (profile is not None or self.detector.maps_are_zscores),
        )

    def _input_warnings(self, waveform: Waveform) -> Iterator[str]:
        """Reasons to trust the score of a waveform less."""
        if level_db(waveform) < SILENCE_DB:
            yield "silent: is the microphone connected?"
        if clipped := clipped_samples(waveform):
            share = 100 * clipped / len(waveform.samples)
            yield f"clipped ({share:.2g} % of samples at full scale): lower the gain"
        shortest, longest = self.provenance.get("seconds") or (0.0, math.inf)
        if not shortest / LENGTH_TOLERANCE <= waveform.seconds <= longest * LENGTH_TOLERANCE:
            fitted_on = " to ".join(dict.fromkeys(f"{length:.3g}" for length in (shortest, longest)))
            yield (
                f"{waveform.seconds:.3g} s long, but the model was fitted on recordings of {fitted_on} s: "
                "the false-alarm rate holds only for that length"
            )

    def score_clips(
        self,
        clips: Iterable[Clip],
        *,
        threshold: Threshold | None = None,
        explain: bool = False,
        threads: int | None = None,
    ) -> Iterator[Score | AudioError]:
        """Score files in order, holding only a few in memory at a time.

        Each thread takes a clip all the way from the file to the score. Measured on two cores with clips of
        10 s, this is 1.7 times as fast as one thread. Decoding on one thread and scoring on the other is 1.2
        times as fast, and ONNX Runtime on both cores is slower than on one. Running the network on several
        clips at once gains nothing for clips of 2 s or more, since the windows of one clip fill a run
        already, and 5 % of the total time for clips of 1 s.

        Args:
            clips: the files.
            threshold: the decision threshold; default the conformal threshold at 5 % false alarms.
            explain: whether to compute ``Score.map``.
            threads: default one per core, or fewer if ``OMP_NUM_THREADS`` says so.

        Yields:
            For each clip its score, or the error if it cannot be used.
        """
        threshold = threshold or self.threshold()
        score_clip = partial(self.score_recording, threshold=threshold, explain=explain)
        for _, outcome in prefetch(map(self.audio_clip, clips), score_clip, threads=threads):
            yield outcome

    def save(self, path: str) -> None:
        """Write the model file; see `auscult.model.model_file`."""
        from auscult.model.model_file import save_model

        save_model(self, path)
