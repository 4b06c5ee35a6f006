"""Which recordings a model is fitted on, and which are scored afterwards for its calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from auscult.corpus import AudioClip, alone_in_domain, folds_of
from auscult.corpus.inspection import Inspection
from auscult.detectors import Config, detector_type
from auscult.detectors.crossfit import FitJob
from auscult.errors import FitError
from auscult.findings import Finding

#: Number of folds of cross-fitting, at most one for each independent recording. The first is for networks and
#: other detectors that are fitted again for each fold, the second for those that have cheap folds.
FEW_FOLDS, MANY_FOLDS = 5, 50
#: ``calibrate="auto"`` uses cross-fitting below this number of clips, and a holdout of a tenth of the clips
#: from this number upwards.
CROSSFIT_BELOW = 400
#: A holdout is one of so many folds.
HOLDOUT_FOLDS = 10


@dataclass(frozen=True)
class PreparedFit:
    """A model to be fitted on recordings that have been inspected.

    Attributes:
        detector: a name from the table of detectors.
        config: the detector's configuration.
        inspection: the usable recordings, read from ``channel`` at the configuration's sample rate, and the
            findings that become warnings of the model.
        calibrate: as in `auscult.fit`.
        other_machines: recordings of other machines, for detectors that are trained to tell machines apart.
        channel: the channel to read from multichannel files.
        preset: the preset that the configuration was made from.
    """

    detector: str
    config: Config
    inspection: Inspection
    calibrate: str = "auto"
    other_machines: Sequence[AudioClip] = ()
    channel: int = 0
    preset: str | None = None


@dataclass(frozen=True)
class CalibrationPlan:
    """Which recordings a model is fitted on, and which are scored afterwards for its calibration.

    Attributes:
        method: the calibration method: ``crossfit``, ``holdout`` or ``none``.
        job: the training data.
        to_score: recordings to score after fitting, each with the index of the fold model that scores it, or
            ``None`` for the final detector.
        alone: recordings that are not scored, since they are all of their domain.
    """

    method: str
    job: FitJob
    to_score: Sequence[tuple[int | None, AudioClip]]
    alone: Sequence[AudioClip] = ()

    @property
    def cost(self) -> int:
        """Number of training recordings, summed over the final detector and the fold models: roughly
        proportional to the fitting time."""
        return sum(map(len, self.job.training_sets()))


def resolve_calibration(calibrate: str, n_clips: int) -> str:
    """Return the calibration method that ``auto`` selects for a number of clips; other methods unchanged."""
    if calibrate != "auto":
        return calibrate
    return "crossfit" if n_clips < CROSSFIT_BELOW else "holdout"


def crossfit_folds(detector: str, config: Config) -> int:
    """Return the maximum number of folds that a detector is cross-fitted with.

    Fold models that are fitted on nearly all recordings give scores, and with them a threshold, that are
    hardly too high for the final model (see docs/explanation/calibration.md).
    """
    return MANY_FOLDS if detector_type(detector).has_cheap_folds(config) else FEW_FOLDS


def calibrated_on(detector: str, config: Config, recordings: Sequence[AudioClip]) -> list[bool]:
    """Return for each recording whether the threshold of a cross-fitted detector uses its score.

    With cheap folds it does not use a recording that is alone in its domain, if there are others.
    """
    alone = alone_in_domain([r.clip for r in recordings])
    if all(alone) or not detector_type(detector).has_cheap_folds(config):
        return [True] * len(recordings)
    return [not is_alone for is_alone in alone]


def calibration_plan(fit: PreparedFit, profile_clips: int) -> CalibrationPlan:
    """Split the recordings into those to fit on and those to score; without calibration, ``profile_clips`` of
    them are scored for the profiles of their maps."""
    kind, recordings = detector_type(fit.detector), fit.inspection.usable
    method = resolve_calibration(fit.calibrate, len(recordings))
    if method == "none":
        profiled = [] if kind.maps_are_zscores else profile_sample(recordings, profile_clips)
        to_score = [(None, recordings[i]) for i in profiled]
        job = FitJob(fit.config, recordings, other_machines=fit.other_machines)
        return CalibrationPlan(method, job, to_score)
    config = kind.without_validation_split(fit.config)
    count = crossfit_folds(fit.detector, config) if method == "crossfit" else HOLDOUT_FOLDS
    folds = folds_of(recordings, count, config.seed)
    if max(folds) < 1:
        raise FitError(
            f"calibration by {method} needs at least two recordings that are not cut from the same one: add "
            "recordings, cut a long one into windows with --window S (in Python window=S), or fit without a "
            'threshold with --calibrate none (in Python calibrate="none")'
        )
    with_fold = list(zip(folds, recordings, strict=True))
    if method == "crossfit":
        used = calibrated_on(fit.detector, config, recordings)
        return CalibrationPlan(
            method,
            FitJob(config, recordings, folds, fit.other_machines),
            [item for item, is_used in zip(with_fold, used, strict=True) if is_used],
            [r for r, is_used in zip(recordings, used, strict=True) if not is_used],
        )
    held_out = [(None, r) for fold, r in with_fold if fold == 0]
    training = [r for fold, r in with_fold if fold]
    return CalibrationPlan(method, FitJob(config, training, other_machines=fit.other_machines), held_out)


def alone_finding(recordings: Sequence[AudioClip]) -> Finding:
    """What it means that some recordings are one recording, and all of their domain."""
    domain, count = ("target" if recordings[0].clip.domain == "target" else "source"), len(recordings)
    which = f"the {count} clips of the {domain} domain are" if count > 1 else f"the {domain} domain is"
    return Finding(
        "alone_in_domain",
        f"{which} one recording: the model is fitted on it, but the threshold ignores it, since a model that "
        f"is fitted without it knows nothing of the {domain} domain. No false-alarm rate is promised for "
        "this domain: record it again, on other days and with other units",
    )


def number_of_sources(recordings: Sequence[AudioClip]) -> int:
    """Return the number of independent recordings that clips were cut from, as far as that is known."""
    return len({r.clip.source_recording or i for i, r in enumerate(recordings)})


def profile_sample(recordings: Sequence[AudioClip], count: int) -> list[int]:
    """Indices of at most ``count`` recordings, evenly spaced and in proportion to the domains."""
    by_domain = sorted(range(len(recordings)), key=lambda i: recordings[i].clip.domain or "")
    positions = np.linspace(0, len(by_domain) - 1, min(count, len(by_domain))).round().astype(int)
    return [by_domain[position] for position in positions]
