"""What ``auscult score`` says of each recording, in the order of the inputs: here, or by workers."""

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
from auscult.corpus.prefetch import heard
from auscult.decision import Threshold
from auscult.errors import AudioError, CorpusError, ModelFileError, TooShortAudio
from auscult.model.model_file import load_model, read_header_and_arrays
from auscult.runtime.parallel import each, worker_count

if TYPE_CHECKING:
    from auscult.model import Model, Score

#: One result: the fields of ``--json``; an unreadable input has ``path`` and ``error`` alone.
Row = dict[str, Any]

#: What one task of a worker reads, a second or so of work: bytes, and recordings.
_BLOCK_BYTES, _BLOCK_CLIPS = 2**26, 256
_BLOCKS_A_WORKER = 4  # at the least, so that they end together


@dataclass(frozen=True)
class Judging:
    """How recordings are judged; what a worker needs to know.

    Attributes:
        model: the model file.
        digest: of its contents.
        channel: that is heard.
        limit: what scores are compared with.
        window, hop: seconds of the windows that files are cut into; ``None``: they are judged whole.
    """

    model: str
    digest: str
    channel: int
    limit: Threshold
    window: float | None = None
    hop: float | None = None


def named(inputs: Sequence[str]) -> Iterator[Clip | CorpusError]:
    """Every recording named, or in a folder or manifest named; what yields none gives its error.

    Of a folder all recordings, not its corpus: that leaves out what lies beside ``train`` and ``test``.
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


def rows(model: Model, judging: Judging, clips: Iterable[Clip | CorpusError], count: int) -> Iterator[Row]:
    """The rows of all clips, as they come.

    Args:
        model: that of ``judging``, for the work of this process.
        count: how many clips there are at the most.
    """
    if worker_count() == 1:
        yield from _rows(model, judging, clips)
        return
    most = max(1, min(_BLOCK_CLIPS, count // (_BLOCKS_A_WORKER * worker_count())))
    found_anywhere = replace(judging, model=os.path.abspath(judging.model))
    for part in each(partial(_rows_by_worker, found_anywhere, os.getcwd()), _blocks(clips, most)):
        yield from part


def _rows_by_worker(judging: Judging, folder: str, clips: Sequence[Clip | CorpusError]) -> list[Row]:
    """Args: folder: from which names of clips count; a cluster's workers run in another."""
    model = _model_of(judging.model, judging.digest)
    model.channel = judging.channel
    names = {os.path.join(folder, clip.path): clip.path for clip in clips}
    full = (
        replace(clip, path=os.path.join(folder, clip.path)) if isinstance(clip, Clip) else clip
        for clip in clips
    )
    return [
        {**row, "path": names.get(row["path"], row["path"])} for row in _rows(model, judging, full, threads=1)
    ]


@lru_cache(maxsize=1)
def _model_of(path: str, digest: str) -> Model:
    """The model, read once by a worker."""
    if read_header_and_arrays(path)[0]["digest"] != digest:
        raise ModelFileError(path, "not the model that scoring began with: it was changed meanwhile")
    return load_model(path)


def _blocks(clips: Iterable[Clip | CorpusError], most: int) -> Iterator[list[Clip | CorpusError]]:
    """Consecutive clips, as many as make a task."""
    block: list[Clip | CorpusError] = []
    size = 0
    for clip in clips:
        block.append(clip)
        size += os.path.getsize(clip.path) if os.path.exists(clip.path) else 0
        if len(block) == most or size >= _BLOCK_BYTES:
            yield block
            block, size = [], 0
    if block:
        yield block


def _rows(
    model: Model, judging: Judging, clips: Iterable[Clip | CorpusError], *, threads: int | None = None
) -> Iterator[Row]:
    for usable, run in groupby(clips, lambda clip: isinstance(clip, Clip)):
        if not usable:
            yield from map(_failure, cast("Iterator[CorpusError]", run))
            continue
        files = cast("Iterator[Clip]", run)
        if judging.window is None:
            for outcome in model.score_clips(files, threshold=judging.limit, threads=threads):
                yield _failure(outcome) if isinstance(outcome, AudioError) else _row(outcome)
        else:
            for clip in files:
                yield from _rows_of_windows(model, judging, judging.window, clip, threads)


def _rows_of_windows(
    model: Model, judging: Judging, seconds: float, clip: Clip, threads: int | None
) -> Iterator[Row]:
    from auscult.sound import stream_audio

    starts: deque[float] = deque()
    damage: list[AudioError] = []

    def windows() -> Iterator[AudioClip]:
        try:
            for window in stream_audio(
                clip.path,
                seconds=seconds,
                hop_seconds=judging.hop,
                channel=judging.channel,
                sample_rate=model.sample_rate,
            ):
                starts.append(window.start_seconds)
                yield AudioClip.from_waveform(window.waveform)
        except AudioError as error:  # those before it are judged all the same
            damage.append(error)

    judge = partial(model.score_recording, threshold=judging.limit)
    for recording, outcome in heard(windows(), judge, threads=threads):
        start = starts.popleft()
        if isinstance(outcome, TooShortAudio) and start > 0:
            continue  # what is left at the end of a file may be shorter than the detector can hear
        if isinstance(outcome, AudioError):
            yield _failure(outcome)
            return
        row = _row(outcome)
        end = start + recording.waveform().seconds
        yield {"path": row.pop("path"), "start": round(start, 6), "end": round(end, 6), **row}
    yield from map(_failure, damage)


def _failure(error: AudioError | CorpusError) -> Row:
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
