"""The results of ``auscult score`` in the order of the inputs, computed here or by workers."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, cast

from auscult.cli.flags import messages_with_flags, with_flags
from auscult.cli.score_stamp import FileStamp
from auscult.corpus import AudioClip, Clip
from auscult.corpus.prefetch import prefetch
from auscult.decision import Threshold
from auscult.errors import AudioError, CorpusError, ModelFileError, TooShortAudio, UnreadableAudio
from auscult.model.model_file import load_model, read_header_and_arrays
from auscult.runtime.parallel import parallel_map, worker_count
from auscult.sound.audio_file import audio_info
from auscult.sound.tables import TableSettings

if TYPE_CHECKING:
    from auscult.model import Model, Score

#: One result: the fields of ``--json``; an unreadable input has ``path`` and ``error``, and ``time`` and
#: ``size`` if the file exists.
Row = dict[str, Any]

#: The most that one task of a worker reads, about a second of work: bytes, and recordings.
_BLOCK_BYTES, _BLOCK_CLIPS = 2**26, 256
_BLOCKS_PER_WORKER = 4  # at least, so that the workers finish at about the same time


@dataclass(frozen=True)
class ScoreSettings:
    """The model and the settings that results depend on; what a worker needs.

    Attributes:
        model: path of the model file.
        digest: digest of its contents.
        channel: channel to read.
        expected_channels: files with more channels get a warning.
        each_channel: score every channel, instead of ``channel``.
        threshold: the threshold that scores are compared with.
        warnings: reasons to trust all scores of the model less.
        window, hop: length and hop of the windows, in seconds; ``None``: each file is scored as one clip.
        tables: what the user states about tables.
    """

    model: str
    digest: str
    channel: int
    expected_channels: int
    threshold: Threshold
    warnings: tuple[str, ...] = ()
    window: float | None = None
    hop: float | None = None
    each_channel: bool = False
    tables: TableSettings = field(default_factory=TableSettings)


def rows(
    model: Model, settings: ScoreSettings, clips: Iterable[Clip | CorpusError], count: int
) -> Iterator[Row]:
    """Yield the rows of all clips, in order, as soon as they are available.

    Args:
        model: the loaded model of ``settings``, used if this process does the work.
        count: upper bound of the number of clips.
    """
    if worker_count() == 1:
        yield from _rows(model, settings, clips)
        return
    block_clips = max(1, min(_BLOCK_CLIPS, count // (_BLOCKS_PER_WORKER * worker_count())))
    settings = replace(settings, model=os.path.abspath(settings.model))  # workers may run in another folder
    score_block = partial(_rows_by_worker, settings, os.getcwd())
    for block_rows in parallel_map(score_block, _blocks(clips, block_clips)):
        yield from block_rows


def _rows_by_worker(settings: ScoreSettings, folder: str, clips: Sequence[Clip | CorpusError]) -> list[Row]:
    """The rows of one block, computed in a worker.

    Args:
        folder: the folder that relative paths of clips start from; a worker of a cluster runs in another.
    """
    model = _worker_model(settings.model, settings.digest)
    model.channel, model.expected_channels = settings.channel, settings.expected_channels
    model.stated_tables = settings.tables
    given_paths = {os.path.join(folder, clip.path): clip.path for clip in clips}
    absolute = (
        replace(clip, path=os.path.join(folder, clip.path)) if isinstance(clip, Clip) else clip
        for clip in clips
    )
    return [
        {**row, "path": given_paths.get(row["path"], row["path"])}
        for row in _rows(model, settings, absolute, threads=1)
    ]


@lru_cache(maxsize=1)
def _worker_model(path: str, digest: str) -> Model:
    """Load the model, once per worker.

    Raises:
        ModelFileError: the file has changed since scoring started.
    """
    if read_header_and_arrays(path)[0]["digest"] != digest:
        raise ModelFileError(path, "the model file was changed while scoring; run the command again")
    return load_model(path)


def _blocks(clips: Iterable[Clip | CorpusError], block_clips: int) -> Iterator[list[Clip | CorpusError]]:
    """Group consecutive clips into the tasks of workers, of at most ``block_clips`` clips each."""
    block: list[Clip | CorpusError] = []
    size = 0
    for clip in clips:
        block.append(clip)
        size += os.path.getsize(clip.path) if os.path.exists(clip.path) else 0
        if len(block) == block_clips or size >= _BLOCK_BYTES:
            yield block
            block, size = [], 0
    if block:
        yield block


def _rows(
    model: Model, settings: ScoreSettings, clips: Iterable[Clip | CorpusError], *, threads: int | None = None
) -> Iterator[Row]:
    for usable, group in groupby(clips, lambda clip: isinstance(clip, Clip)):
        if not usable:
            yield from (error_row(error) for error in cast("Iterator[CorpusError]", group))
            continue
        files = map(model.with_table, cast("Iterator[Clip]", group))
        if settings.window is None:
            yield from _file_rows(model, settings, files, threads)
        else:
            for clip in files:
                for part in _parts(clip, settings):
                    yield from _window_rows(model, settings, settings.window, clip, part, threads)


def _parts(clip: Clip, settings: ScoreSettings) -> Iterator[Row]:
    """The channels to score, each as the field ``channel``; one part without it unless each is scored."""
    if not settings.each_channel:
        yield {}
        return
    try:
        channels = audio_info(clip.path, table=clip.table).channels
    except AudioError:  # the error is reported when the file is scored
        yield {}
        return
    yield from ({"channel": channel} for channel in range(channels))


def _file_rows(
    model: Model, settings: ScoreSettings, clips: Iterable[Clip], threads: int | None
) -> Iterator[Row]:
    parts: deque[Row] = deque()

    def recordings() -> Iterator[AudioClip]:
        for clip in clips:
            for part in _parts(clip, settings):
                parts.append(part)
                yield _of_channel(model, part).audio_clip(clip)

    def score(recording: AudioClip) -> Row:
        stamp = FileStamp.of(recording.clip.path)
        scored = model.score_recording(recording, threshold=settings.threshold)
        _check_unchanged(recording.clip.path, stamp)
        return row_of(scored, stamp, settings.warnings)

    for _, outcome in prefetch(recordings(), score, threads=threads):
        part = parts.popleft()
        if isinstance(outcome, AudioError):
            yield error_row(outcome, part)
        else:
            yield _with_part(outcome, part)


def _window_rows(
    model: Model, settings: ScoreSettings, seconds: float, clip: Clip, part: Row, threads: int | None
) -> Iterator[Row]:
    starts: deque[float] = deque()
    errors: list[AudioError] = []
    stamp = FileStamp.of(clip.path)

    def windows() -> Iterator[AudioClip]:
        try:
            for start, window in _of_channel(model, part).windows(clip, seconds, settings.hop):
                starts.append(start)
                yield window
            _check_unchanged(clip.path, stamp)
        except AudioError as error:  # the windows before it are scored all the same
            errors.append(error)

    score = partial(model.score_recording, threshold=settings.threshold)
    for window, outcome in prefetch(windows(), score, threads=threads):
        start = starts.popleft()
        if isinstance(outcome, TooShortAudio) and start > 0:
            continue  # the rest at the end of a file may be too short for the detector
        if isinstance(outcome, AudioError):
            yield error_row(outcome, part)
            return
        end = start + window.waveform().seconds
        times = {"start": round(start, 6), "end": round(end, 6)}
        yield _with_part(row_of(outcome, stamp, settings.warnings), {**part, **times})
    yield from (error_row(error, part) for error in errors)


def _of_channel(model: Model, part: Row) -> Model:
    """The model, or a copy that reads the channel of a part."""
    if "channel" not in part:
        return model
    model = copy(model)
    model.channel = part["channel"]
    return model


def _check_unchanged(path: str, before: FileStamp | None) -> None:
    """Raise an error if a file has another size or time than before it was read.

    Raises:
        UnreadableAudio: it was written in the meantime.
    """
    if FileStamp.of(path) != before:
        reason = "changed while it was read: run the command again when it is complete"
        raise UnreadableAudio(path, reason)


def error_row(error: AudioError | CorpusError, part: Row | None = None) -> Row:
    """Return the row of a recording that cannot be used, with the fields of a part of it."""
    return {
        "path": error.path,
        **(part or {}),
        "error": with_flags(error.reason),
        **_stamp_fields(FileStamp.of(error.path)),
    }


def row_of(score: Score, stamp: FileStamp | None, warnings: Sequence[str] = ()) -> Row:
    """Return the row of a score.

    Args:
        score: the score.
        stamp: of the file.
        warnings: reasons to trust all scores of the model less.
    """
    return {
        "path": score.path,
        "score": score.score,
        "threshold": score.threshold,
        "anomalous": score.anomalous,
        "verdict": score.verdict,
        "p_value": score.p_value,
        "nearest": score.nearest,
        "nearest_window": score.nearest_window,
        "warnings": [*messages_with_flags(score.warnings), *warnings],
        "findings": [finding.to_json() for finding in score.findings],
        "state": score.state,
        "seconds": round(score.seconds, 6),
        **_stamp_fields(stamp),
        **({} if score.axis_name is None else {"axis": score.axis_name}),
    }


def _stamp_fields(stamp: FileStamp | None) -> Row:
    return {"time": stamp.time, "size": stamp.size} if stamp else {}


def _with_part(row: Row, part: Row) -> Row:
    """A row with the fields of a part of the recording after its path."""
    return {"path": row["path"], **part, **row}
