"""Checks of the metadata of recordings before a model is fitted on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from auscult.corpus.audio_clip import AudioClip
from auscult.corpus.clip import Clip
from auscult.corpus.conditions import unclear_conditions
from auscult.corpus.files import clip_info
from auscult.errors import AudioError, FitError
from auscult.findings import Finding

#: With this many clips per set of attributes, on average, these may be segments of one recording.
CLIPS_PER_RECORDING = 3
#: Unreadable recordings that are named with their reason, if none can be read.
_MAX_ERRORS = 3


def likely_segments(clips: Sequence[Clip]) -> tuple[list[str], int]:
    """Detect clips that are likely to be segments of a few longer recordings, from their attributes.

    Clips whose source recording is known are ignored.

    Returns:
        The names of the attributes that identify the recordings, empty if the clips do not look like
        segments; and the number of different sets of attributes.
    """
    unknown = [clip for clip in clips if clip.attributes and clip.source_recording is None]
    groups = Counter(tuple(sorted(clip.attributes.items())) for clip in unknown)
    likely = len(groups) > 1 and len(unknown) >= CLIPS_PER_RECORDING * len(groups)
    names = dict.fromkeys(name for clip in unknown for name in clip.attributes) if likely else ()
    return list(names), len(groups)


def segment_findings(recordings: Sequence[AudioClip]) -> Iterator[Finding]:
    """Report if clips may be segments of a few longer recordings, which would be split between folds."""
    clips = [r.clip for r in recordings if r.clip.attributes and r.clip.source_recording is None]
    attributes, n_groups = likely_segments(clips)
    if attributes:
        names = ",".join(attributes)
        yield Finding(
            "likely_segments",
            f"{len(clips)} clips have only {n_groups} combinations of attributes ({names}): if they were cut "
            f"from {n_groups} longer recordings, group them with `group_by={attributes}`. "
            "Otherwise parts of one recording are both learned and used to set the threshold, and there will "
            "be more false alarms than accepted",
        )


def check_no_anomalies(clips: Sequence[Clip]) -> None:
    """Raise `FitError` if there are no clips, or if some are labelled as anomalies or may be anomalies."""
    if not clips:
        raise FitError("no training recordings: there are no clips")
    anomalies = [c.path for c in clips if c.condition == "anomaly"]
    if anomalies:
        raise FitError(
            f"{len(anomalies)} of {len(clips)} recordings are labelled as anomalies ({anomalies[0]}): "
            "models are fitted on normal recordings only"
        )
    if unclear := unclear_conditions(clips):
        raise FitError(unclear)


def check_training_clips(clips: Sequence[Clip]) -> None:
    """Raise `FitError` if there are no clips, or if some are labelled as anomalies or are test clips."""
    check_no_anomalies(clips)
    test_paths = [c.path for c in clips if c.split == "test"]
    if test_paths:
        raise FitError(
            f"{len(test_paths)} of {len(clips)} recordings are test clips ({test_paths[0]}): a model fitted "
            "on them cannot be evaluated on them; Corpus.for_training() leaves them out"
        )


class CommonFormat(NamedTuple):
    """What most recordings have in common, by the headers of their files.

    Attributes:
        sample_rate: the most common sample rate, Hz.
        seconds: the length that nine of ten recordings reach; ``None`` if no file declares its length.
    """

    sample_rate: int
    seconds: float | None


def common_format(clips: Sequence[Clip]) -> CommonFormat:
    """Read the header of every file once.

    Files that cannot be read are ignored here, since inspection reports them.

    Raises:
        FitError: no file can be read.
    """
    rates: Counter[int] = Counter()
    lengths: list[float] = []
    errors: list[AudioError] = []
    for clip in clips:
        try:
            info = clip_info(clip)
        except AudioError as error:
            errors.append(error)
            continue
        rates[info.sample_rate] += 1
        seconds = clip.window[1] - clip.window[0] if clip.window else info.seconds
        if seconds is not None:
            lengths.append(seconds)
    if not rates:
        shown = "; ".join(str(error) for error in errors[:_MAX_ERRORS])
        more = f"; and {len(errors) - _MAX_ERRORS:,} more" if len(errors) > _MAX_ERRORS else ""
        raise FitError(
            f"no usable training recordings: none of {len(clips):,} recordings can be read: {shown}{more}"
        )
    seconds = sorted(lengths)[len(lengths) // 10] if lengths else None
    return CommonFormat(rates.most_common(1)[0][0], seconds)
