"""Frames of clips from an encoder: from the cache on disk if they are there, else encoded in batches.

What an entry of the cache depends on is in its key: the bytes of the audio, channel and rate (see
`auscult.corpus.feature_cache`), the SHA-256 of the encoder, its output, rate and window, how it is run, and a
digest of the code of this module and of those that it imports.
Pooling, metric and back end are not in the key, so that trying others encodes nothing again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass, replace

import numpy as np

from auscult.corpus import AudioClip
from auscult.detectors.embedding.config import MIN_SECONDS, EmbeddingMemoryConfig
from auscult.detectors.embedding.encoder import Encoder
from auscult.detectors.embedding.encoder_report import encoder_rate
from auscult.errors import AudioError, TooShortAudio, UnsupportedAudio
from auscult.runtime.code_facts import code_facts
from auscult.sound import resample
from auscult.spectrum import log_mel

#: Minimum length of the encoder's input, seconds; a shorter clip is repeated up to it.
MIN_ENCODER_SECONDS = 1.0
_CODE = ("auscult.detectors.embedding",)


@dataclass(frozen=True)
class EncodedClip:
    """A clip as encoded.

    Attributes:
        frames: (F, D) float32.
        seconds: (F,) times of the middles of the frames, rising.
    """

    frames: np.ndarray
    seconds: np.ndarray


class ClipEncoder:
    """An opened encoder, and how clips are passed to it.

    Args:
        encoder: the opened encoder.
        sha256: of its file.
        config: of the detector.

    Raises:
        OptionError: the sample rate in the encoder's file is not usable.
    """

    def __init__(self, encoder: Encoder, sha256: str, config: EmbeddingMemoryConfig) -> None:
        import onnxruntime

        self.encoder, self._config = encoder, config
        self._sample_rate, _ = encoder_rate(encoder, config)
        waveform = encoder.kind == "waveform"
        self._front_end = None if waveform else replace(config.front_end, sample_rate=self._sample_rate)
        # Samples or log-mel frames per second.
        self._rate = self._sample_rate / (self._front_end.hop if self._front_end else 1)
        lengths = (config.window_seconds, MIN_ENCODER_SECONDS)
        self._window, self._minimum = (max(1, round(s * self._rate)) for s in lengths)
        self._settings = (
            "encoder",
            code_facts(__name__, _CODE).code,
            sha256,
            encoder.kind,
            encoder.output,
            self._sample_rate,
            self._window,
            self._minimum,
            tuple(encoder.providers),
            config.encoder_batch,
            astuple(self._front_end) if self._front_end else (),
            onnxruntime.__version__,
        )

    def encode(self, recordings: Sequence[AudioClip]) -> Iterator[EncodedClip]:
        """Encode recordings, in order; as many at a time as there are in a batch.

        Raises:
            AudioError: a recording cannot be used, or the encoder returns NaN or infinity for it.
            OptionError: the encoder cannot run on it.
        """
        size = self._config.encoder_batch
        for start in range(0, len(recordings), size):
            yield from self._encode_batch(recordings[start : start + size])

    def prepare(self, recordings: Sequence[AudioClip]) -> None:
        """Encode recordings in batches into the cache; those that cannot be used are left out.

        Raises:
            OptionError: the encoder cannot run on one of them.
        """
        cached = [r for r in recordings if r.cache_entry(self._settings)]
        for start in range(0, len(cached), self._config.encoder_batch):
            batch = cached[start : start + self._config.encoder_batch]
            try:
                self._encode_batch(batch)
            except AudioError:
                for recording in batch:
                    with suppress(AudioError):
                        self._encode_batch([recording])

    def _encode_batch(self, recordings: Sequence[AudioClip]) -> list[EncodedClip]:
        entries = [recording.cache_entry(self._settings) for recording in recordings]
        cached = [entry.read() if entry else None for entry in entries]
        missing = [i for i, frames in enumerate(cached) if frames is None]
        signals = [self._signal(recordings[i]) for i in missing]
        size = self._config.encoder_batch
        encoded = self.encoder.encode_all(signals, self._window, self._minimum, batch=size)
        clips = {i: _unpacked(packed) for i, packed in enumerate(cached) if packed is not None}
        for i, (frames, positions) in zip(missing, encoded, strict=True):
            if not np.all(np.isfinite(frames)):
                reason = f"{self._config.encoder} returns NaN or infinity for it"
                raise UnsupportedAudio(recordings[i].clip.path, reason)
            clips[i] = EncodedClip(frames, positions / self._rate)
            if (entry := entries[i]) is not None:
                entry.write(_packed(clips[i]))
        return [clips[i] for i in range(len(recordings))]

    def _signal(self, recording: AudioClip) -> np.ndarray:
        """The encoder's input for a recording: (N,) samples or (T, bands) log-mel frames."""
        waveform = recording.waveform()
        if waveform.seconds < MIN_SECONDS:
            raise TooShortAudio(
                recording.clip.path, f"shorter than the {MIN_SECONDS:g} s that embedding_memory needs"
            )
        samples = resample(waveform, self._sample_rate).samples
        return samples if self._front_end is None else log_mel(samples, self._front_end)


def _packed(clip: EncodedClip) -> np.ndarray:
    """One float32 array for the cache, (F, D + 2): the times are float64, so each takes two columns."""
    return np.hstack([clip.frames, clip.seconds.astype(np.float64)[:, None].view(np.float32)])


def _unpacked(packed: np.ndarray) -> EncodedClip:
    """The inverse of `_packed`."""
    frames, seconds = packed[:, :-2], packed[:, -2:]
    return EncodedClip(np.ascontiguousarray(frames), np.ascontiguousarray(seconds).view(np.float64).ravel())
