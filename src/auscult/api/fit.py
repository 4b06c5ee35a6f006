"""Fits a model on recordings of normal running: `auscult.fit`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from auscult.api.plan import plan_fit
from auscult.api.training_clips import clips_to_fit
from auscult.corpus import AudioClip, Clip, attribute_groups
from auscult.corpus.findings import channel_findings
from auscult.corpus.grouping import keep_cuts_together
from auscult.corpus.inspection import Inspection, inspect_recordings
from auscult.corpus.long_recording import release
from auscult.corpus.several_channels import common_channels, grouped_alike, usable_in_all
from auscult.corpus.sources import Recordings
from auscult.detectors import Detector, Progress
from auscult.detectors.options import name_and_settings
from auscult.errors import FitError
from auscult.findings import issue_warnings
from auscult.model import Model
from auscult.model.axes import joined
from auscult.model.fit_spec import FitSpec, InspectedFit
from auscult.model.fitting import fit_models

DEFAULT_DETECTOR = "auto"


def fit(
    recordings: Recordings,
    detector: str | type[Detector] | Detector = DEFAULT_DETECTOR,
    *,
    sample_rate: int | None = None,
    preset: str | None = None,
    calibrate: str = "auto",
    group_by: Sequence[str] | None = None,
    group_likely_segments: bool = True,
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
        detector: a name that ``auscult detectors`` lists, a detector class, or an instance with options,
            such as ``PooledGaussian(components=3)``.
        preset: a named set of options; the gamma VAE has ``exact`` (its default) and ``report``. All
            detectors have ``vibration``: the front end that resolves the orders of shafts. With `auto` it
            adds members with that front end, and is the default for tables of signals.
        calibrate: how calibration scores are obtained. ``holdout`` holds out a tenth of the recordings of
            each domain. ``crossfit`` scores each recording with a model that was not fitted on it, and fits
            the final model on all. There is one such model for each independent recording, at most 50, or
            five for a detector that trains a network. ``auto`` is ``crossfit`` below 400 clips, else
            ``holdout``. ``none`` skips calibration and keeps the baseline's split of vectors.
        group_by: attributes of the clips, such as ``["motor", "spd"]``. Clips with equal values of them, in
            the same domain and section, were cut from one longer recording and share a fold.
        group_likely_segments: whether clips that seem to be cut from a few longer recordings are assigned
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
        FitError: there are no usable recordings, several machines, or training diverged.
        OptionError: an unknown detector, preset, option or value, a required option is missing, no clip
            has an attribute of ``group_by``, or an array seems to be transposed.

    Example:
        >>> import auscult, numpy as np
        >>> noise = np.random.default_rng(0).normal(0, 0.1, (20, 16000))  # 20 recordings of 1 s
        >>> model = auscult.fit(noise, sample_rate=16000)
        >>> louder = 2 * noise[0]
        >>> model.score(louder, 16000).anomalous
        True
    """
    corpus, findings = clips_to_fit(recordings, sample_rate, conditions)
    if group_by:
        corpus = attribute_groups(corpus, group_by)
    if sample_rate is not None:
        settings["sample_rate"] = sample_rate
    name, settings = name_and_settings(detector, settings)
    spec = plan_fit(
        corpus,
        name,
        preset=preset,
        calibrate=calibrate,
        group_likely_segments=group_likely_segments,
        window=window,
        channel=channel,
        settings=settings,
        other_machines=other_machines,
        findings=findings,
    )
    try:
        inspected = inspect_fit(spec, progress)
        model = joined(fit_models(inspected, progress), inspected[0].inspection.channel_names)
    finally:
        release()
    if not isinstance(model, Model):
        raise model
    if corpus.conditions:
        model.provenance["conditions"] = corpus.conditions
    issue_warnings(model.warnings)
    return model


def inspect_fit(spec: FitSpec, progress: Progress | None = None) -> list[InspectedFit]:
    """Read and check all recordings of a fit.

    Args:
        spec: the fit.
        progress: called with the progress.

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
        copies_only = not spec.group_likely_segments
        inspections[0] = keep_cuts_together(inspections[0], copies_only=copies_only)
    if len(channels) > 1:
        inspections = grouped_alike(inspections)
    findings = tuple(spec.findings)
    if isinstance(spec.channel, int):
        findings += channel_findings(inspections[0].channels, spec.channel)
    return [
        InspectedFit(
            spec,
            replace(inspection, findings=(*inspection.findings, *findings)),
            channel,
            _recordings(spec, spec.other_machines, channel),
        )
        for channel, inspection in zip(channels, inspections, strict=True)
    ]


def _inspect(spec: FitSpec, channel: int, progress: Progress | None) -> Inspection:
    """Read one channel of all recordings of a fit."""
    return inspect_recordings(
        _recordings(spec, spec.clips, channel),
        minimum_samples=spec.detector_class(spec.config).minimum_samples(),
        front_ends=spec.detector_class.front_ends(spec.config),
        progress=progress,
    )


def _recordings(spec: FitSpec, clips: Sequence[Clip], channel: int) -> list[AudioClip]:
    rate = spec.config.front_end.sample_rate
    return [AudioClip.from_file(clip, channel=channel, sample_rate=rate, cached=True) for clip in clips]
