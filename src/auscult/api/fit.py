"""Fits a model on recordings of normal running: `auscult.fit`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from auscult.api.training_clips import assumed_normal, training_clips, without_anomalies
from auscult.corpus import AudioClip, Clip, Corpus, Finding, attribute_groups
from auscult.corpus.conditions import apply_conditions
from auscult.corpus.findings import channel_findings, other_files_findings
from auscult.corpus.grouping import IF_INDEPENDENT, keep_cuts_together
from auscult.corpus.inspection import Inspection, inspect_recordings
from auscult.corpus.long_recording import release
from auscult.corpus.several_channels import common_channels, grouped_alike, usable_in_all
from auscult.corpus.sources import Recordings, split_paths
from auscult.corpus.time_blocks import MIN_RECORDINGS
from auscult.corpus.training_checks import (
    check_training_clips,
    common_format,
    likely_segments,
)
from auscult.corpus.windowing import cut_into_windows
from auscult.detectors import Config, Detector, Progress, detector_type
from auscult.detectors.options import (
    DEFAULT_PRESET,
    check_nothing_missing,
    config_for_recordings,
    make_config,
    name_and_settings,
    preset_for_recordings,
)
from auscult.errors import FitError, OptionError
from auscult.findings import issue_warnings
from auscult.model import Model
from auscult.model.axes import ALL, joined
from auscult.model.calibration_plan import PreparedFit, crossfit_folds, resolve_calibration
from auscult.model.fitting import fit_models

CALIBRATIONS = ("auto", "crossfit", "holdout", "none")
DEFAULT_DETECTOR = "auto"


def fit(
    recordings: Recordings,
    detector: str | type[Detector] | Detector = DEFAULT_DETECTOR,
    *,
    sample_rate: int | None = None,
    preset: str | None = None,
    calibrate: str = "auto",
    keep_likely_cuts_together: bool = True,
    window: float | None = None,
    other_machines: Iterable[Clip] = (),
    channel: int | str = 0,
    conditions: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Model:
    """Fit a detector on normal recordings of one machine, and calibrate it.

    Args:
        recordings: recordings of normal running: a folder, which is searched as by `auscult.open_corpus`, a
            path or several; a `Corpus` or `Clip` objects; an array (N,) of one recording or (M, N) of
            several, a list of arrays, or `Waveform` objects. In folders anomalies and test clips are left
            out, with a warning in the model; `Clip` objects that are labelled as such are refused.
        sample_rate: of arrays, which require it, in Hz. Files are resampled to it; default their own rate.
        detector: a name that ``auscult detectors`` lists, a detector class, or an instance with options.
        preset: a named set of options; the gamma VAE has ``exact`` (its default) and ``report``. All
            detectors have ``vibration``: the front end that resolves the orders of shafts. With `auto` it
            adds members with that front end, and is the default for tables of signals.
        calibrate: how calibration scores are obtained. ``holdout`` holds out a tenth of the recordings of
            each domain. ``crossfit`` scores each recording with a model that was not fitted on it, and fits
            the final model on all. There is one such model for each independent recording, at most 50, or
            five for a detector that trains a network. ``auto`` is ``crossfit`` below 400 clips, else
            ``holdout``. ``none`` skips calibration and keeps the baseline's split of vectors.
        keep_likely_cuts_together: whether clips that seem to be cut from a few longer recordings are assigned
            to the same fold: they share attributes in that way, their ends continue each other, or they are
            closer to each other than to the rest. The threshold may then be higher than necessary, but the
            false-alarm rate is kept. A warning is added to the model. Copies always share a fold.
        window: cut the recordings into windows of so many seconds and fit on these. Windows of one recording
            share a fold. With fewer than five recordings the folds are blocks of time, and the threshold is
            labelled "within these recordings".
        other_machines: normal recordings of other machines, for detectors that are trained to tell machines
            apart; other detectors ignore them.
        channel: the channel to read from files with several, from 0; or ``"all"``: one model of all channels,
            such as the axes of an accelerometer, with one score (see `auscult.model.axes`).
        conditions: what recordings are whose names do not say it: pattern to ``normal`` or ``anomaly``, as
            for `auscult.open_corpus`. Anomalies among the clips are then left out, with a warning in the
            model.
        progress: called with the current stage and the steps done.
        settings: the detector's options: ``epochs=30``, ``score="mahalanobis"``, ``n_mels=64``, …

    Returns:
        The fitted model.

    Warns:
        AuscultWarning: for each of ``Model.warnings``, with its kind and the affected recordings.

    Raises:
        CorpusError: a folder contains no recordings.
        FitError: there are no usable recordings, or training diverged.
        OptionError: an unknown detector, preset, option or value, or a required option is missing.

    Example:
        >>> import auscult, numpy as np
        >>> noise = np.random.default_rng(0).normal(0, 0.1, (20, 16000))  # 20 recordings of 1 s
        >>> model = auscult.fit(noise, sample_rate=16000)
        >>> louder = 2 * noise[0]
        >>> model.score(louder, 16000).anomalous
        True
    """
    corpus, findings = _training_corpus(recordings, sample_rate, conditions)
    if sample_rate is not None:
        settings["sample_rate"] = sample_rate
    name, of_instance = name_and_settings(detector)
    spec = plan_fit(
        corpus,
        name,
        preset=preset,
        calibrate=calibrate,
        keep_likely_cuts_together=keep_likely_cuts_together,
        window=window,
        other_machines=other_machines,
        channel=channel,
        settings={**of_instance, **settings},
    )
    try:
        prepared = inspect_clips(spec, progress, findings)
        model = joined(fit_models(prepared, progress), prepared[0].inspection.channel_names)
    finally:
        release()
    if not isinstance(model, Model):
        raise model
    if corpus.conditions:
        model.provenance["conditions"] = corpus.conditions
    issue_warnings(model.warnings)
    return model


def _training_corpus(
    recordings: Recordings, sample_rate: int | None, conditions: Mapping[str, str] | None
) -> tuple[Corpus, tuple[Finding, ...]]:
    """The clips to fit on, and what was found when they were selected."""
    if isinstance(recordings, Corpus):
        corpus = recordings
    else:
        paths, clips = split_paths(recordings, sample_rate)
        if paths and clips:
            raise OptionError("give either paths, or clips, arrays and waveforms")
        if paths:
            return training_clips(paths, conditions=conditions)
        corpus = Corpus(clips)
    if not conditions:
        return corpus, assumed_normal(corpus)
    (corpus,) = apply_conditions([corpus], conditions)
    return without_anomalies(corpus)


@dataclass(frozen=True)
class FitSpec:
    """Settings and clips of a model to be fitted, before any recording is read.

    Attributes:
        segment_findings: findings about the clips before they are read: that they appear to be cut from
            longer recordings by their attributes, or are too short for the orders of a shaft.
        keep_likely_cuts_together: as in `fit`.
        other_files: as in `Corpus.other_files`.
        detector, config, calibrate, preset, other_machines, channel: as in
            `auscult.model.fitting.PreparedFit`.
        clips: the training clips.
    """

    detector: str
    config: Config
    clips: Sequence[Clip]
    calibrate: str
    preset: str | None
    other_machines: Sequence[Clip]
    channel: int | str
    segment_findings: tuple[Finding, ...]
    keep_likely_cuts_together: bool = True
    other_files: Mapping[str, int] = field(default_factory=dict)

    @property
    def networks(self) -> int:
        """Number of detectors to fit: the final one, and the fold models if it is cross-fitted."""
        if resolve_calibration(self.calibrate, len(self.clips)) != "crossfit":
            return 1
        return 1 + crossfit_folds(self.detector, self.config)


def check_options(
    detector: str, *, preset: str | None, calibrate: str, settings: Mapping[str, Any]
) -> str | None:
    """Check the options that do not depend on the recordings.

    Returns:
        The preset, or the detector's default preset if none is given.

    Raises:
        OptionError: an unknown detector, preset, option or value, or a required option is missing.
        MissingExtraError: fitting needs an optional part that is not installed.
    """
    if calibrate not in CALIBRATIONS:
        raise OptionError(f"calibrate={calibrate!r}: choose one of {', '.join(CALIBRATIONS)}")
    if calibrate != "none" and "validation" in settings:
        raise OptionError(
            "validation cannot be combined with calibration: it holds out vectors only to log a validation "
            "loss, while calibration holds out entire recordings; use it with --calibrate none "
            '(in Python calibrate="none")'
        )
    check_nothing_missing(detector, settings)
    preset = preset or DEFAULT_PRESET.get(detector)
    make_config(detector, preset=preset, settings=settings)
    detector_type(detector).check_can_fit()
    return preset


def plan_fit(
    clips: Iterable[Clip],
    detector: str,
    *,
    preset: str | None,
    calibrate: str,
    keep_likely_cuts_together: bool,
    window: float | None,
    other_machines: Iterable[Clip],
    channel: int | str,
    settings: Mapping[str, Any],
) -> FitSpec:
    """Check the arguments of `fit` and resolve presets and defaults; raises as `fit` does."""
    if channel != ALL and (not isinstance(channel, int) or channel < 0):
        raise OptionError(f"channel={channel!r}: give a number from 0, or {ALL!r}")
    other_files = clips.other_files if isinstance(clips, Corpus) else {}
    clips, other_machines = list(clips), list(other_machines)
    check_training_clips(clips)
    if other_machines:
        check_training_clips(other_machines)
    if window is not None and not 0.0 < window < math.inf:
        raise OptionError(f"window={window:g} is not a valid duration in seconds")
    preset = check_options(detector, preset=preset, calibrate=calibrate, settings=settings)
    segment_findings: tuple[Finding, ...] = ()
    if resolve_calibration(calibrate, len(clips)) == "crossfit" and keep_likely_cuts_together:
        clips, segment_findings = group_likely_segments(clips)
    sample_rate, seconds = common_format(clips)
    if window is not None:
        cut = cut_into_windows(clips, window)
        clips = cut.clips
        segment_findings = (*segment_findings, *cut.findings)
        seconds = window if seconds is None else min(seconds, window)
    preset, note = preset_for_recordings(detector, preset, clips, sample_rate, seconds, settings)
    if note:
        segment_findings = (*segment_findings, Finding("orders", note))
    config = config_for_recordings(detector, sample_rate, seconds, preset=preset, settings=settings)
    return FitSpec(
        detector,
        config,
        clips,
        calibrate,
        preset,
        other_machines,
        channel,
        segment_findings,
        keep_likely_cuts_together,
        other_files,
    )


def inspect_clips(
    spec: FitSpec, progress: Progress | None = None, findings: Sequence[Finding] = ()
) -> list[PreparedFit]:
    """Read and check all recordings of a fit.

    Args:
        spec: the fit.
        progress: called with the progress.
        findings: further findings, for the model.

    Returns:
        What to fit, for each channel; of the same recordings and folds.

    Raises:
        FitError: none of the recordings is usable.
    """
    channels = [spec.channel] if isinstance(spec.channel, int) else [*range(common_channels(spec.clips))]
    inspections = [_inspect(spec, channel, progress) for channel in channels]
    if len(channels) > 1:
        inspections = usable_in_all(inspections)
    for inspection in inspections:
        if not inspection.usable:
            reasons = "; ".join(f.message for f in inspection.findings)
            raise FitError(f"no usable training recordings: {reasons}")
    if spec.calibrate != "none":
        copies_only = not spec.keep_likely_cuts_together
        inspections[0] = keep_cuts_together(inspections[0], copies_only=copies_only)
    if len(channels) > 1:
        inspections = grouped_alike(inspections)
    findings = (*findings, *spec.segment_findings, *other_files_findings(spec.other_files))
    if isinstance(spec.channel, int):
        findings = (*findings, *channel_findings(inspections[0].channels, spec.channel))
    return [
        PreparedFit(
            spec.detector,
            spec.config,
            replace(inspection, findings=(*inspection.findings, *findings)),
            spec.calibrate,
            _recordings(spec, spec.other_machines, channel),
            channel,
            spec.preset,
        )
        for channel, inspection in zip(channels, inspections, strict=True)
    ]


def _inspect(spec: FitSpec, channel: int, progress: Progress | None) -> Inspection:
    """Read one channel of all recordings of a fit."""
    kind = detector_type(spec.detector)
    return inspect_recordings(
        _recordings(spec, spec.clips, channel),
        minimum_samples=kind(spec.config).minimum_samples(),
        front_ends=kind.front_ends(spec.config),
        progress=progress,
    )


def _recordings(spec: FitSpec, clips: Sequence[Clip], channel: int) -> list[AudioClip]:
    rate = spec.config.front_end.sample_rate
    return [AudioClip.from_file(clip, channel=channel, sample_rate=rate, cached=True) for clip in clips]


def group_likely_segments(clips: list[Clip]) -> tuple[list[Clip], tuple[Finding, ...]]:
    """If clips appear to be cut from longer recordings, set ``source_recording`` and report it as a
    finding."""
    names, recordings = likely_segments(clips)
    if not names or recordings < MIN_RECORDINGS or not all(clip.attributes for clip in clips):
        return clips, ()
    message = (
        f"{len(clips)} clips have only {recordings} combinations of {', '.join(names)} in their names: those "
        "with the same are taken as parts of one recording, so that none is judged by a model that learned "
        f"another. {IF_INDEPENDENT}"
    )
    return list(attribute_groups(Corpus(clips), names)), (Finding("cuts", message),)
