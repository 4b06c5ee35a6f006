"""Plans a fit: checks what is asked, and resolves presets and defaults by the metadata of the clips."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any

from auscult.corpus import Clip, Corpus, Finding, attribute_groups
from auscult.corpus.findings import opening_findings
from auscult.corpus.grouping import IF_INDEPENDENT
from auscult.corpus.time_blocks import MIN_RECORDINGS
from auscult.corpus.training_checks import check_training_clips, common_format, likely_segments
from auscult.corpus.windowing import cut_into_windows
from auscult.detectors import detector_type
from auscult.detectors.options import (
    DEFAULT_PRESET,
    check_nothing_missing,
    config_for_recordings,
    make_config,
    preset_for_recordings,
)
from auscult.errors import OptionError
from auscult.model.axes import ALL
from auscult.model.fit_spec import CALIBRATIONS, FitSpec, resolve_calibration


def plan_fit(
    clips: Iterable[Clip],
    detector: str,
    *,
    preset: str | None,
    calibrate: str,
    group_likely_segments: bool,
    window: float | None,
    channel: int | str,
    settings: Mapping[str, Any],
    other_machines: Iterable[Clip],
    findings: Sequence[Finding],
) -> FitSpec:
    """Check the arguments of `auscult.fit`, and resolve presets and defaults.

    Args:
        clips: the training clips.
        findings: findings about the selection of the clips.
        detector, preset, calibrate, group_likely_segments, window, channel, settings, other_machines: as
            in `auscult.fit`, which raises the same errors.
    """
    if channel != ALL:
        if isinstance(channel, bool) or not isinstance(channel, Integral) or channel < 0:
            raise OptionError(f"channel={channel!r}: give a number from 0, or {ALL!r}")
        channel = int(channel)  # NumPy integers cannot be stored
    of_opening = opening_findings(clips)
    clips, other_machines = list(clips), list(other_machines)
    check_training_clips(clips)
    if other_machines:
        check_training_clips(other_machines)
    if window is not None and not 0.0 < window < math.inf:
        raise OptionError(f"window={window:g} is not a valid duration in seconds")
    preset = check_options(detector, preset=preset, calibrate=calibrate, settings=settings)
    findings = list(findings)
    if resolve_calibration(calibrate, len(clips)) == "crossfit" and group_likely_segments:
        clips, of_segments = with_likely_sources(clips)
        findings += of_segments
    sample_rate, seconds = common_format(clips)
    if window is not None:
        cut = cut_into_windows(clips, window)
        clips = cut.clips
        findings += cut.findings
        seconds = window if seconds is None else min(seconds, window)
    preset, note = preset_for_recordings(detector, preset, clips, sample_rate, seconds, settings)
    if note:
        findings.append(Finding("orders", note))
    return FitSpec(
        detector,
        config_for_recordings(detector, sample_rate, seconds, preset=preset, settings=settings),
        clips,
        calibrate,
        preset,
        other_machines,
        channel,
        group_likely_segments,
        (*findings, *of_opening),
    )


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
    check_nothing_missing(detector, settings)
    preset = preset or DEFAULT_PRESET.get(detector)
    config = make_config(detector, preset=preset, settings=settings)
    if calibrate != "none" and "validation" in settings and getattr(config, "validation", None):
        raise OptionError(
            "validation cannot be combined with calibration: it holds out vectors only to log a validation "
            "loss, while calibration holds out entire recordings; use it with `calibrate='none'`"
        )
    detector_type(detector).check_can_fit()
    return preset


def with_likely_sources(clips: list[Clip]) -> tuple[list[Clip], tuple[Finding, ...]]:
    """If clips appear to be cut from longer recordings, set ``source_recording`` and report it as a
    finding."""
    names, recordings = likely_segments(clips)
    if not names or recordings < MIN_RECORDINGS or not all(clip.attributes for clip in clips):
        return clips, ()
    message = (
        f"{len(clips)} clips have only {recordings} combinations of attributes ({', '.join(names)}): those "
        "with the same are taken as parts of one recording, so that none is judged by a model that learned "
        f"another. {IF_INDEPENDENT}"
    )
    return list(attribute_groups(Corpus(clips), names)), (Finding("cuts", message),)
