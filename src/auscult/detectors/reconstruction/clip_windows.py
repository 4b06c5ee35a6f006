"""Context windows of recordings: those of one recording for its score, those of a fleet for training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import methodcaller
from typing import TYPE_CHECKING

import numpy as np

from auscult.corpus import AudioClip
from auscult.corpus.prefetch import prefetch
from auscult.detectors.base import Progress
from auscult.detectors.reconstruction.window_network import NetworkConfig
from auscult.errors import AudioError, FitError, TooShortAudio
from auscult.spectrum import FrontEnd, context_windows

if TYPE_CHECKING:
    from auscult.detectors.training.training import FleetVectors


def load_log_mels(
    recordings: Sequence[AudioClip], front_end: FrontEnd, progress: Progress | None
) -> Iterator[tuple[AudioClip, np.ndarray]]:
    """Yield every recording with its log-mel (T, bands); the next ones are read in the meantime.

    Raises:
        AudioError: a recording cannot be used.
    """
    compute_log_mel = methodcaller("log_mel", front_end)
    for done, (recording, frames) in enumerate(prefetch(recordings, compute_log_mel), start=1):
        if isinstance(frames, AudioError):
            raise frames
        yield recording, frames
        if progress:
            progress("features", done, len(recordings), {})


def windows_of(
    recording: AudioClip, front_end: FrontEnd, context: int, dtype: type[np.floating] = np.float32
) -> np.ndarray:
    """Return the (V, context · bands) windows of a recording.

    Raises:
        TooShortAudio: the recording is shorter than one window.
    """
    windows = context_windows(recording.log_mel(front_end).astype(dtype, copy=False), context)
    if not len(windows):
        seconds = (context - 1) * front_end.hop / front_end.sample_rate
        raise TooShortAudio(
            recording.clip.path, f"shorter than the {seconds:.3f} s of a window of {context} frames"
        )
    return windows


class FleetWindows:
    """The training and held-out windows of each machine, on frames that are loaded once for all.

    Args:
        name: of the detector, for messages.
        config: of the detectors, which differ only in the seed.
        seeds: of the machines; they decide which windows are held out.
        training_sets: normal recordings of each machine.
        progress: called for each recording that is loaded.

    Attributes:
        frames: (F, bands) float32, the frames of all recordings one after the other.
        is_target: (F,) bool, true for frames of the target domain.
        train: for every machine the first frame of each of its training windows.
        validation: the same for its held-out windows.
        errors: for every machine the error if it has too few windows, or ``None``.

    Raises:
        AudioError: a recording cannot be used.
    """

    def __init__(
        self,
        name: str,
        config: NetworkConfig,
        seeds: Sequence[int],
        training_sets: Sequence[Sequence[AudioClip]],
        progress: Progress | None = None,
    ) -> None:
        self.context = config.context
        unique = list({id(r): r for recordings in training_sets for r in recordings}.values())
        spectra = [np.empty((0, config.front_end.n_mels), np.float32)]
        first_frames, is_target, count = {}, [np.empty(0, bool)], 0
        for recording, frames in load_log_mels(unique, config.front_end, progress):
            spectra.append(frames)
            is_target.append(np.full(len(frames), recording.clip.domain == "target"))
            first_frames[id(recording)] = count + np.arange(max(0, len(frames) - config.context + 1))
            count += len(frames)
        self.frames, self.is_target = np.concatenate(spectra), np.concatenate(is_target)
        self.train: list[np.ndarray] = []
        self.validation: list[np.ndarray] = []
        self.errors: list[FitError | None] = []
        for seed, recordings in zip(seeds, training_sets, strict=True):
            starts = np.concatenate([np.empty(0, np.int64), *(first_frames[id(r)] for r in recordings)])
            self.errors.append(
                FitError(
                    f"{name}: {len(recordings)} recordings hold {len(starts)} windows of {config.context} "
                    "frames; at least 2 are needed"
                )
                if len(starts) < 2
                else None
            )
            order = np.random.default_rng([seed, 10]).permutation(len(starts))
            held_out = min(round(config.validation * len(starts)), len(starts) - 2)
            self.validation.append(starts[order[:held_out]])  # shuffled, so that batches mix recordings
            self.train.append(starts[np.sort(order[held_out:])])

    def vectors(self, machines: Sequence[int]) -> FleetVectors:
        """Return the training data of some of the machines."""
        from auscult.detectors.training.training import FleetVectors

        train, validation = ([starts[i] for i in machines] for starts in (self.train, self.validation))
        return FleetVectors(self.frames, train, validation, self.context)
