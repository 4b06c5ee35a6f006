"""The results of ``auscult score`` in the order of the inputs, computed here or by workers."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, cast

from auscult.corpus import AudioClip, Clip, open_corpus
from auscult.corpus.files import walk_audio
from auscult.corpus.prefetch import prefetch
from auscult.decision import Threshold
from auscult.errors import AudioError, CorpusError, ModelFileError, TooShortAudio
from auscult.model.model_file import load_model, read_header_and_arrays
from auscult.runtime.parallel import parallel_map, worker_count

if TYPE_CHECKING:
    from auscult.model import Model, Score

#: One result: the fields of ``--json``; an unreadable input has only ``path`` and ``error``.
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
        threshold: the threshold that scores are compared with.
        window, hop: length and hop of the windows, in seconds; ``None``: each file is scored as one clip.
    """

    model: str
    digest: str
    channel: int
    threshold: Threshold
    window: float | None = None
    hop: float | None = None


def expand_inputs(inputs: Sequence[str]) -> Iterator[Clip | CorpusError]:
    """Yield the clips of all inputs: files, folders and manifests; an error for an input without clips.

    Of a folder all recordings are taken. Its corpus would leave out those outside ``train`` and ``test``.
    """
    for path in inputs:
        if os.path.isdir(path):
            empty = True
            for name in walk_audio(path):
                empty = False
                yield Clip(path=name)
            if not empty:
                continue
        elif os.path.isfile(path) and not path.lower().endswith(".csv"):
            yield Clip(path=path)
            continue
        try:
            yield from open_corpus(path)
        except CorpusError as error:
            yield error


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
    model.channel = settings.channel
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
            yield from map(_error_row, cast("Iterator[CorpusError]", group))
            continue
        files = cast("Iterator[Clip]", group)
        if settings.window is None:
            for outcome in model.score_clips(files, threshold=settings.threshold, threads=threads):
                yield _error_row(outcome) if isinstance(outcome, AudioError) else _row(outcome)
        else:
            for clip in files:
                yield from _window_rows(model, settings, settings.window, clip, threads)


def _window_rows(
    model: Model, settings: ScoreSettings, seconds: float, clip: Clip, threads: int | None
) -> Iterator[Row]:
    from auscult.sound import stream_audio

    starts: deque[float] = deque()
    errors: list[AudioError] = []

    def windows() -> Iterator[AudioClip]:
        try:
            for window in stream_audio(
                clip.path,
                seconds=seconds,
                hop_seconds=settings.hop,
                channel=settings.channel,
                sample_rate=model.sample_rate,
            ):
                starts.append(window.start_seconds)
                yield AudioClip.from_waveform(window.waveform)
        except AudioError as error:  # the windows before it are scored all the same
            errors.append(error)

    score = partial(model.score_recording, threshold=settings.threshold)
    for window, outcome in prefetch(windows(), score, threads=threads):
        start = starts.popleft()
        if isinstance(outcome, TooShortAudio) and start > 0:
            continue  # the rest at the end of a file may be too short for the detector
        if isinstance(outcome, AudioError):
            yield _error_row(outcome)
            return
        row = _row(outcome)
        end = start + window.waveform().seconds
        yield {"path": row.pop("path"), "start": round(start, 6), "end": round(end, 6), **row}
    yield from map(_error_row, errors)


def _error_row(error: AudioError | CorpusError) -> Row:
    return {"path": error.path, "error": error.reason}


def _row(score: Score) -> Row:
    return {
        "path": score.path,
        "score": score.score,
        "threshold": score.threshold,
        "anomalous": score.anomalous,
        "nearest": score.nearest,
        "warnings": list(score.warnings),
    }
