"""From recordings of normal running to a model: look, then learn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from auscult.corpus import AudioClip, Clip, Corpus, Finding, attribute_groups
from auscult.corpus.inspection import inspect_recordings
from auscult.corpus.training_checks import (
    LEAST_RECORDINGS,
    likely_cuts,
    refuse_what_is_not_for_learning,
    usual_rate,
)
from auscult.detectors import Config, Progress, detector_type
from auscult.detectors.options import check_nothing_missing, make_config
from auscult.errors import FitError, OptionError
from auscult.model import Model
from auscult.model.fitting import FOLDS, Case, calibration_of, fit_cases

CALIBRATIONS = ("auto", "crossfit", "holdout", "none")
DEFAULT_DETECTOR = "auto"
#: The preset that a detector takes when none is named.
FITTED_BY_DEFAULT = {"gamma_vae": "exact"}


def fit(
    clips: Iterable[Clip],
    detector: str = DEFAULT_DETECTOR,
    *,
    preset: str | None = None,
    calibrate: str = "auto",
    keep_likely_cuts_together: bool = True,
    other_machines: Iterable[Clip] = (),
    channel: int = 0,
    progress: Progress | None = None,
    **settings: Any,
) -> Model:
    """Learns one machine's normal sound.

    Args:
        clips: recordings of normal running; those known as anomalous, or as test clips, are refused.
        detector: a name from `auscult.detectors.DETECTORS`.
        preset: a named set of options; the gamma VAE has ``exact`` (its default) and ``seed``.
        calibrate: where calibration scores come from. ``holdout`` keeps a tenth of the recordings of each
            domain out of fitting; ``crossfit`` scores each fifth of the recordings by a model of the
            other four, and the final model learns from all; ``auto`` cross-fits below 400 clips;
            ``none`` calibrates nothing and keeps the baseline's split of vectors.
        keep_likely_cuts_together: when cross-fitting, clips that share their attributes as cuts of a few
            longer recordings would are taken for such, and none is judged by what heard the others: a
            promise on false alarms that is kept too well rather than not at all. A warning says so.
        others: recordings of other machines running normally, for detectors that learn how machines
            differ; the rest do not read them.
        channel: the channel of files with several.
        progress: told what is being done.
        settings: the detector's options: ``epochs=30``, ``score="mahalanobis"``, ``n_mels=64``, …

    Raises:
        FitError: nothing to learn from, or learning diverged.
        OptionError: an unknown detector, preset, option or value, or an option without a default missing.
    """
    task = planned(
        clips,
        detector,
        preset=preset,
        calibrate=calibrate,
        keep_likely_cuts_together=keep_likely_cuts_together,
        other_machines=other_machines,
        channel=channel,
        settings=settings,
    )
    (model,) = fit_cases([looked_at(task, progress)], progress)
    if not isinstance(model, Model):
        raise model
    return model


@dataclass(frozen=True)
class Task:
    """A model to be fitted, before any of its recordings is heard.

    Attributes:
        cuts: what is to be said where clips are taken for cuts.
        The rest as in `auscult.model.fitting.Case`.
    """

    detector: str
    config: Config
    clips: Sequence[Clip]
    calibrate: str
    preset: str | None
    other_machines: Sequence[Clip]
    channel: int
    cuts: tuple[Finding, ...]

    @property
    def networks(self) -> int:
        """What learns: the detector, and its fold_models where it is cross-fitted."""
        return 1 + FOLDS if calibration_of(self.calibrate, len(self.clips)) == "crossfit" else 1


def check_options(
    detector: str, *, preset: str | None, calibrate: str, settings: Mapping[str, Any]
) -> str | None:
    """What can be told of options before there are recordings.

    Returns:
        The preset, where none is named the usual one.

    Raises:
        OptionError: an unknown detector, preset, option or value, or an option without a default missing.
        MissingExtraError: fitting needs an optional part that is not installed.
    """
    if calibrate not in CALIBRATIONS:
        raise OptionError(f"calibrate={calibrate!r}: choose one of {', '.join(CALIBRATIONS)}")
    if calibrate != "none" and "validation" in settings:
        raise OptionError(
            "validation keeps vectors out of training for the log alone, and calibrating keeps out whole "
            "recordings: give one of them, validation with calibrate=none"
        )
    check_nothing_missing(detector, settings)
    preset = preset or FITTED_BY_DEFAULT.get(detector)
    make_config(detector, preset=preset, settings=settings)
    detector_type(detector).check_can_fit()
    return preset


def planned(
    clips: Iterable[Clip],
    detector: str,
    *,
    preset: str | None,
    calibrate: str,
    keep_likely_cuts_together: bool,
    other_machines: Iterable[Clip],
    channel: int,
    settings: Mapping[str, Any],
) -> Task:
    """What `fit` is going to do with these arguments, which are its own and raise as there."""
    clips, other_machines = list(clips), list(other_machines)
    for these in (clips, other_machines) if other_machines else (clips,):
        refuse_what_is_not_for_learning(these)
    preset = check_options(detector, preset=preset, calibrate=calibrate, settings=settings)
    cuts: tuple[Finding, ...] = ()
    if calibration_of(calibrate, len(clips)) == "crossfit" and keep_likely_cuts_together:
        clips, cuts = _as_cuts(clips)
    config = make_config(detector, preset=preset, settings={"sample_rate": usual_rate(clips), **settings})
    return Task(detector, config, clips, calibrate, preset, other_machines, channel, cuts)


def looked_at(task: Task, progress: Progress | None = None) -> Case:
    """The recordings of a task, once each was listened to.

    Raises:
        FitError: none of them can be used.
    """
    recordings, beside = (
        [
            AudioClip.from_file(
                c, channel=task.channel, sample_rate=task.config.front_end.sample_rate, cached=True
            )
            for c in these
        ]
        for these in (task.clips, task.other_machines)
    )
    kind = detector_type(task.detector)
    inspection = inspect_recordings(
        recordings,
        minimum_samples=kind(task.config).minimum_samples(),
        front_ends=kind.front_ends(task.config),
        progress=progress,
    )
    if not inspection.usable:
        reasons = "; ".join(f.message for f in inspection.findings)
        raise FitError(f"nothing to learn from: {reasons}")
    return Case(
        task.detector,
        task.config,
        replace(inspection, findings=(*inspection.findings, *task.cuts)),
        task.calibrate,
        beside,
        task.channel,
        task.preset,
    )


def _as_cuts(clips: list[Clip]) -> tuple[list[Clip], tuple[Finding, ...]]:
    """The clips as cuts of longer recordings, if they look so, and what is to be said of it."""
    names, recordings = likely_cuts(clips)
    if not names or recordings < LEAST_RECORDINGS or not all(clip.attributes for clip in clips):
        return clips, ()
    told = (
        f"{len(clips)} clips share {recordings} sets of attributes ({', '.join(names)}): they are taken for "
        "cuts of that many recordings, and none is judged by what heard the others; if each was recorded by "
        "itself, --group-by none gives a sharper threshold"
    )
    return list(attribute_groups(Corpus(clips), names)), (Finding("cuts", told),)
