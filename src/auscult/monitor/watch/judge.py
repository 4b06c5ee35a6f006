"""Judges one recording, as `auscult score` does."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from auscult.corpus import AudioClip, Clip
from auscult.errors import UnreadableAudio
from auscult.model import Score
from auscult.monitor.stream.bands import band_levels
from auscult.monitor.watch.model_folder import MachineModel
from auscult.sound import Waveform
from auscult.sound.audio_file import audio_info
from auscult.sound.live.folder_files import SettledFile, Version

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Judgement:
    """The result of a recording.

    Attributes:
        file: the file.
        model: the model of its machine.
        score: as of `auscult.Model.score`, without a map.
        digest: of the content of the file.
        levels: (K,) level and energies of bands, dB, for the trend.
        recording: the recording, for an explanation; ``None`` unless it is anomalous.
        waveforms: those of the recording, which is not decoded again as long as they exist.
    """

    file: SettledFile
    model: MachineModel
    score: Score
    digest: str
    levels: np.ndarray = field(repr=False)
    recording: AudioClip | None = field(default=None, repr=False)
    waveforms: tuple[Waveform, ...] = field(default=(), repr=False)


def judge(path: str, file: SettledFile, model: MachineModel) -> Judgement:
    """Score a recording and decide.

    Args:
        path: the file.
        file: what is known of it; an error if it has another size or time of modification.
        model: the model of its machine.

    Raises:
        AudioError: it cannot be used, or is not there any more.
    """
    _check_unchanged(path, file)
    with _audio_errors(path):
        recording = model.model.audio_clip(Clip(path))
        waveforms = tuple(axis.waveform() for axis in recording.axes or (recording,))
        score = model.model.score_recording(recording, threshold=model.threshold)
    first = recording.axes[0] if recording.axes else recording
    spectrum = first.log_mel(model.model.detector.config.front_end).mean(axis=0)
    digest = content_digest(path)
    _check_unchanged(path, file)
    levels = band_levels(spectrum)
    if score.verdict != "anomaly":
        return Judgement(file, model, score, digest, levels)
    return Judgement(file, model, score, digest, levels, recording, waveforms)


def declares_length(path: str, model: MachineModel) -> bool:
    """Return whether the header of a file says how long it is; if not, it may not be complete.

    Raises:
        AudioError: it cannot be read.
    """
    with _audio_errors(path):
        return audio_info(path, table=model.model.with_table(Clip(path)).table).seconds is not None


def content_digest(path: str) -> str:
    """Return a digest of the bytes of a file.

    Raises:
        UnreadableAudio: it cannot be read.
    """
    digest = hashlib.blake2b(digest_size=16)
    with _audio_errors(path), open(path, "rb") as content:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _check_unchanged(path: str, file: SettledFile) -> None:
    """Check that a file is the one that was seen in the folder.

    Raises:
        UnreadableAudio: it has another size or time of modification, or is not there any more.
    """
    with _audio_errors(path):
        status = os.stat(path)
    if Version.of(status) != file.version:
        raise UnreadableAudio(path, "changed while it was read")


@contextmanager
def _audio_errors(path: str) -> Iterator[None]:
    """Raise errors of the file system as `UnreadableAudio`: a file may be deleted at any moment."""
    try:
        yield
    except OSError as error:
        raise UnreadableAudio(path, error.strerror or str(error)) from error
