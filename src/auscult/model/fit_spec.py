"""What is asked of a fit, `FitSpec`, and the recordings that were read for it, `InspectedFit`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from auscult.corpus import AudioClip, Clip, Finding, alone_in_domain, folds_of
from auscult.corpus.folds import FOLDS
from auscult.corpus.inspection import Inspection
from auscult.detectors import Config, Detector, detector_type
from auscult.detectors.crossfit import TrainingSet
from auscult.errors import FitError

CALIBRATIONS = ("auto", "crossfit", "holdout", "none")
#: Maximum number of folds for detectors with cheap folds; the others have `FOLDS`.
MANY_FOLDS = 50
#: ``calibrate="auto"`` uses cross-fitting below this number of clips, and a holdout of a tenth of the clips
#: from this number upwards.
CROSSFIT_BELOW = 400
#: A holdout is one of so many folds.
HOLDOUT_FOLDS = 10


@dataclass(frozen=True)
class FitSpec:
    """What is asked of a fit, before any recording is read.

    Attributes:
        detector: a name from the table of detectors.
        config: the detector's configuration.
        clips: the training clips.
        calibrate: as in `auscult.fit`.
        preset: the preset that the configuration was made from.
        other_machines: clips of other machines, for detectors that are trained to tell machines apart.
        channel: the channel to read from files with several, or ``"all"``.
        group_likely_segments: as in `auscult.fit`.
        findings: findings about the clips before they are read.
    """

    detector: str
    config: Config
    clips: Sequence[Clip]
    calibrate: str = "auto"
    preset: str | None = None
    other_machines: Sequence[Clip] = ()
    channel: int | str = 0
    group_likely_segments: bool = True
    findings: Sequence[Finding] = ()

    @property
    def detector_class(self) -> type[Detector]:
        """The class of the detector."""
        return detector_type(self.detector)

    @property
    def detector_count(self) -> int:
        """Number of detectors to fit: the final one, and the fold models if it is cross-fitted."""
        if resolve_calibration(self.calibrate, len(self.clips)) != "crossfit":
            return 1
        return 1 + crossfit_folds(self.detector_class, self.config)


@dataclass(frozen=True)
class InspectedFit:
    """A fit whose recordings have been read.

    Attributes:
        spec: what is asked.
        inspection: the usable recordings, read from ``channel`` at the configuration's sample rate, and the
            findings about them.
        channel: the channel that was read.
        other_machines: the recordings of other machines.
    """

    spec: FitSpec
    inspection: Inspection
    channel: int = 0
    other_machines: Sequence[AudioClip] = ()

    @property
    def recordings(self) -> Sequence[AudioClip]:
        """The usable recordings."""
        return self.inspection.usable

    @property
    def method(self) -> str:
        """The calibration method: ``crossfit``, ``holdout`` or ``none``."""
        return resolve_calibration(self.spec.calibrate, len(self.recordings))

    @property
    def config(self) -> Config:
        """The configuration to fit with: if calibration holds out recordings, training holds out none."""
        if self.method == "none":
            return self.spec.config
        return self.spec.detector_class.without_validation_split(self.spec.config)

    @cached_property
    def folds(self) -> list[int]:
        """The fold of each recording; with a holdout, fold 0 is held out.

        Raises:
            FitError: all recordings are cut from one.
        """
        count = HOLDOUT_FOLDS
        if self.method == "crossfit":
            count = crossfit_folds(self.spec.detector_class, self.config)
        folds = folds_of(self.recordings, count, self.config.seed)
        if max(folds) < 1:
            raise FitError(
                f"calibration by {self.method} needs at least two recordings that are not cut from the same "
                "one: add recordings, cut a long one into windows with `window=SECONDS`, or "
                "fit without a threshold with `calibrate='none'`"
            )
        return folds

    @cached_property
    def training(self) -> TrainingSet:
        """The recordings to fit on, with their folds if they are cross-fitted; raises as `folds`."""
        if self.method == "crossfit":
            return TrainingSet(self.recordings, self.folds, self.other_machines)
        recordings = self.recordings
        if self.method == "holdout":
            recordings = [r for r, fold in zip(recordings, self.folds, strict=True) if fold]
        return TrainingSet(recordings, other_machines=self.other_machines)

    @cached_property
    def calibrated_on(self) -> list[bool]:
        """Whether the threshold of a cross-fitted detector uses the score of each recording."""
        return calibrated_on(self.spec.detector_class, self.config, self.recordings)

    @property
    def held_out(self) -> list[tuple[int | None, AudioClip]]:
        """The recordings to score for the calibration, each with the index of the fold model that scores it,
        or ``None`` for the final detector."""
        if self.method == "none":
            return []
        with_fold = list(zip(self.folds, self.recordings, strict=True))
        if self.method == "holdout":
            return [(None, recording) for fold, recording in with_fold if fold == 0]
        return [item for item, is_used in zip(with_fold, self.calibrated_on, strict=True) if is_used]


def resolve_calibration(calibrate: str, n_clips: int) -> str:
    """Return the calibration method that ``auto`` selects for a number of clips; other methods unchanged."""
    if calibrate != "auto":
        return calibrate
    return "crossfit" if n_clips < CROSSFIT_BELOW else "holdout"


def crossfit_folds(detector_class: type[Detector], config: Config) -> int:
    """Return the maximum number of folds that a detector is cross-fitted with.

    Fold models that are fitted on nearly all recordings give scores, and with them a threshold, that are
    hardly too high for the final model (see docs/explanation/calibration.md). But a network is trained again
    for each fold.
    """
    return MANY_FOLDS if detector_class.has_cheap_folds(config) else FOLDS


def calibrated_on(
    detector_class: type[Detector], config: Config, recordings: Sequence[AudioClip]
) -> list[bool]:
    """Return for each recording whether the threshold of a cross-fitted detector uses its score.

    With cheap folds it does not use a recording that is alone in its domain, if there are others.
    """
    alone = alone_in_domain([r.clip for r in recordings])
    if all(alone) or not detector_class.has_cheap_folds(config):
        return [True] * len(recordings)
    return [not is_alone for is_alone in alone]


def alone_finding(recordings: Sequence[AudioClip], used: Sequence[bool]) -> list[Finding]:
    """Return what it means that recordings that are one, and all of their domain, are not used (see
    `calibrated_on`); empty if all are used."""
    alone = [r for r, is_used in zip(recordings, used, strict=True) if not is_used]
    if not alone:
        return []
    domain, count = ("target" if alone[0].clip.domain == "target" else "source"), len(alone)
    which = f"the {count} clips of the {domain} domain are" if count > 1 else f"the {domain} domain is"
    message = (
        f"{which} one recording: the model is fitted on it, but the threshold ignores it, since a model that "
        f"is fitted without it knows nothing of the {domain} domain. No false-alarm rate is promised for "
        "this domain: record it again, on other days and with other units"
    )
    return [Finding("alone_in_domain", message)]
