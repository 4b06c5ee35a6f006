"""One fitted detector and what normal recordings score with it: what `fit` makes and `score` asks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from auscult.corpus import AudioClip, Clip
from auscult.corpus.prefetch import heard
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
from auscult.model.normal_index import Gallery
from auscult.sound import Waveform
from auscult.sound.level import SILENCE_DB, clipped_samples, level_db

#: A recording that is longer or shorter than those learnt from by more than this factor is told of.
OTHER_LENGTH = 1.5


@dataclass(frozen=True)
class Calibration:
    """What normal clips score that the detector was not fitted on.

    Attributes:
        how: ``crossfit``, ``holdout`` or ``none``.
        scores: score name to (n,) float64.
        domains: (n,) domain of each clip, ``None`` where it is not known.
    """

    how: str = "none"
    scores: Mapping[str, np.ndarray] = field(default_factory=dict)
    domains: Sequence[str | None] = ()

    def __len__(self) -> int:
        return len(self.domains)


@dataclass(frozen=True)
class Score:
    """The verdict on one recording.

    Attributes:
        path: the recording, or ``"<memory>"``.
        score: higher is more anomalous.
        threshold: what the score was compared with; ``None`` where no verdict can be given.
        anomalous: score > threshold; ``None`` without a threshold.
        warnings: what the user should know of this verdict.
        scores: every score of the detector.
        nearest: path of the normal recording, of those that the model was given, most like this one;
            ``None`` where the model knows none.
        map: (T, n_mels) where the score comes from, if asked for. Where ``points``, by how many standard
            deviations of normal running each time-frequency bin is above what is usual; else how much
            it added to the score.
        points: whether the map is measured against normal running, which takes a model with profiles.
    """

    path: str
    score: float
    threshold: float | None
    anomalous: bool | None
    warnings: tuple[str, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    nearest: str | None = None
    map: np.ndarray | None = None
    points: bool = False


class Model:
    """A fitted detector with its calibration, and what is needed to show why.

    Args:
        detector: fitted.
        calibration: what normal clips score; without it there is no verdict.
        profiles: score name to what its maps look like on normal recordings.
        normals: the recordings that the model was given, to name the nearest; empty by default.
        channel: the channel of files with several.
        provenance: fitted on what, by which versions, with which warnings.
    """

    def __init__(
        self,
        detector: Detector,
        calibration: Calibration | None = None,
        *,
        profiles: Mapping[str, MapProfile] | None = None,
        normals: Gallery | None = None,
        channel: int = 0,
        provenance: Mapping[str, Any] | None = None,
    ) -> None:
        self.detector = detector
        self.calibration = calibration or Calibration()
        self.profiles = dict(profiles or {})
        self.normals = normals or Gallery.of([], detector.config.front_end)
        self.channel = channel
        self.provenance = dict(provenance or {})

    def __repr__(self) -> str:
        return (
            f"Model({self.detector.name}, score {self.detector.decisive_score}, {self.sample_rate} Hz, "
            f"{len(self.calibration)} calibration clips by {self.calibration.how})"
        )

    @property
    def sample_rate(self) -> int:
        """Rate at which the detector hears, Hz."""
        return self.detector.config.front_end.sample_rate

    def threshold(self, rate: float = 0.05, *, score: str | None = None) -> Threshold:
        """The split-conformal threshold for a rate of false alarms; without a value if too few clips."""
        scores = self.calibration.scores.get(score or self.detector.decisive_score, np.empty(0))
        return conformal_threshold(scores, rate)

    def audio_clip(self, clip: Clip) -> AudioClip:
        """A file as this model hears it: its channel, its sample rate."""
        return AudioClip.from_file(clip, channel=self.channel, sample_rate=self.sample_rate)

    def score(
        self,
        samples: np.ndarray,
        sample_rate: int,
        *,
        threshold: Threshold | None = None,
        explain: bool = False,
    ) -> Score:
        """Scores samples in memory.

        Args:
            samples: (N,) one channel, full scale ±1.
            sample_rate: Hz; another than the model's is resampled, and a warning says so.
            threshold: what to compare with; default the conformal one at 5 % false alarms.

        Raises:
            AudioError: empty, too short, or not finite.
            OptionError: not one channel, whole numbers, or no sample rate.
        """
        samples = np.asarray(samples)
        if samples.ndim != 1:
            raise OptionError(f"samples of shape {samples.shape}: one channel of shape (N,) is needed")
        if samples.dtype.kind != "f":
            raise OptionError(
                f"samples of type {samples.dtype}: real numbers with full scale ±1 are needed; divide those "
                "of 16 bits by 32768"
            )
        if sample_rate < 1:
            raise OptionError(f"a sample rate of {sample_rate} Hz is none; it must be positive")
        if not len(samples):
            raise EmptyAudio("<memory>", "no samples")
        if not np.all(np.isfinite(samples)):
            raise NonFiniteAudio("<memory>", "NaN or infinity among the samples")
        waveform = Waveform(samples.astype(np.float32), int(sample_rate))
        recording = AudioClip.from_waveform(waveform, sample_rate=self.sample_rate)
        return self.score_recording(recording, threshold=threshold, explain=explain)

    def score_recording(
        self, recording: AudioClip, *, threshold: Threshold | None = None, explain: bool = False
    ) -> Score:
        """Scores one recording that is at the model's sample rate; raises as `score` does."""
        threshold = threshold or self.threshold()
        waveform = recording.waveform()
        if waveform.sample_rate != self.sample_rate:
            raise OptionError(
                f"{recording.clip.path} is heard at {waveform.sample_rate} Hz and the model at "
                f"{self.sample_rate}: take Model.audio_clip(clip), which resamples"
            )
        if len(waveform.samples) < self.detector.minimum_samples():
            needed = self.detector.minimum_samples() / self.sample_rate
            raise TooShortAudio(
                recording.clip.path,
                f"{waveform.seconds:.3f} s is shorter than the {needed:.3f} s "
                f"that {self.detector.name} needs",
            )
        itself = AudioClip(recording.clip, lambda: waveform)  # one read serves both the sound and its notes
        evidence = self.detector.score(itself, explain=explain)
        name = self.detector.decisive_score
        value = evidence.scores[name]
        if not np.isfinite(value):
            reason = f"its {name} score is {value}: the numbers of this model overflow on it"
            raise UnsupportedAudio(recording.clip.path, reason)
        warnings = (*waveform.notes, *self._doubts(waveform))
        if threshold.warning:
            warnings = (*warnings, threshold.warning)
        profile = self.profiles.get(name)
        map = evidence.maps[name] if explain else None
        if map is not None and profile is not None:
            map = profile.pointing(map)
        return Score(
            path=recording.clip.path,
            score=value,
            threshold=threshold.value,
            anomalous=threshold.is_anomalous(value),
            warnings=warnings,
            scores=dict(evidence.scores),
            nearest=self.normals.nearest(itself, self.detector.config.front_end),
            map=map,
            points=map is not None and (profile is not None or self.detector.maps_point),
        )

    def _doubts(self, waveform: Waveform) -> Iterator[str]:
        """What makes the score of this sound say less than it seems to."""
        if level_db(waveform) < SILENCE_DB:
            yield "silent: is the microphone connected?"
        if clipped := clipped_samples(waveform):
            share = 100 * clipped / len(waveform.samples)
            yield f"clipped ({share:.2g} % of samples at full scale): lower the gain"
        shortest, longest = self.provenance.get("seconds") or (0.0, math.inf)
        if not shortest / OTHER_LENGTH <= waveform.seconds <= longest * OTHER_LENGTH:
            usual = " to ".join(dict.fromkeys(f"{length:.3g}" for length in (shortest, longest)))
            yield (
                f"{waveform.seconds:.3g} s long, where the model learnt from recordings of {usual} s: the "
                "promised rate of false alarms is for that length"
            )

    def score_clips(
        self,
        clips: Iterable[Clip],
        *,
        threshold: Threshold | None = None,
        explain: bool = False,
        threads: int | None = None,
    ) -> Iterator[Score | AudioError]:
        """Scores files in their order, in the memory of a few; one that cannot be used gives its error in
        its place.

        Each thread takes a clip all the way from the file to the score. Measured on two cores, clips of 10 s:
        1.7 times as fast as one thread; decoding on one thread and scoring on the other, 1.2 times, and
        ONNX Runtime on both cores slower than on one. Several clips in one run of the network gain nothing
        from 2 s on, for their windows fill a run already, and 5 % of the whole at 1 s.

        Args:
            threads: default one a core, or fewer where ``OMP_NUM_THREADS`` says so.
        """
        threshold = threshold or self.threshold()
        judge = partial(self.score_recording, threshold=threshold, explain=explain)
        for _, outcome in heard(map(self.audio_clip, clips), judge, threads=threads):
            yield outcome

    def save(self, path: str) -> None:
        """Writes the model file; see `auscult.model.model_file`."""
        from auscult.model.model_file import save_model

        save_model(self, path)
