"""Sound files of a store: FLAC, complete or absent, with names that only the store chooses."""

from __future__ import annotations

import io
import math
import os
import re
import secrets
from collections.abc import Collection
from pathlib import Path

import numpy as np
import soundfile

from auscult.errors import OptionError, StoreError
from auscult.monitor.store.connection import store_errors
from auscult.runtime.files import PART, write_atomically

FOLDER = "sounds"
#: Highest sample rate and most channels of FLAC.
MAX_RATE, MAX_CHANNELS = 655_350, 8
#: Longest sound in samples of all channels, 1 GB in memory.
MAX_SAMPLES = 1 << 28

_NAME = re.compile(r"[0-9a-f]{32}\.flac")
_FULL_SCALE = 1 << 23  # of 24 bits
#: Peaks below which the samples are scaled up, since 24 bits would be too coarse.
_QUIET = 2.0**-12


class SoundFiles:
    """The folder of sound files.

    Args:
        folder: of the store.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / FOLDER

    def path(self, name: str) -> Path:
        """Return the path of a file.

        Raises:
            StoreError: the name is not one that a store gives, so that the database was changed by others.
        """
        if not _NAME.fullmatch(name):
            raise StoreError(self.folder, f"{name!r:.80} is not a name of a sound")
        return self.folder / name

    def write(self, data: bytes) -> str:
        """Write a new file to the disk.

        Args:
            data: the content, from `encode`.

        Returns:
            The name.

        Raises:
            StoreError: there is no room, or the folder cannot be written.
        """
        name = f"{secrets.token_hex(16)}.flac"
        with store_errors(self.folder):
            self.folder.mkdir(exist_ok=True)
            write_atomically(self.folder / name, data)
            _sync_folder(self.folder)
        return name

    def read(self, name: str, scale: float) -> tuple[np.ndarray, int]:
        """Return (N, channels) float32 samples and their rate in Hz.

        Raises:
            StoreError: the file is missing or damaged.
        """
        path = self.path(name)
        try:
            samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        except (soundfile.SoundFileError, OSError) as error:
            raise StoreError(path, f"cannot be read: {error}") from None
        return samples * np.float32(scale), rate

    def read_bytes(self, name: str) -> bytes:
        """Return the content of a file.

        Raises:
            StoreError: it is missing or cannot be read.
        """
        path = self.path(name)
        with store_errors(path):
            return path.read_bytes()

    def remove(self, name: str) -> None:
        """Delete a file, if it is there.

        Raises:
            StoreError: it cannot be deleted.
        """
        with store_errors(self.folder):
            self.path(name).unlink(missing_ok=True)

    def has_files(self) -> bool:
        """Return whether there are sounds of a store, which its database should know."""
        with store_errors(self.folder):
            return self.folder.is_dir() and any(_NAME.fullmatch(name) for name in os.listdir(self.folder))

    def repair(self, known: Collection[str]) -> tuple[list[str], list[str]]:
        """Delete files that no row names, which a killed process leaves behind.

        Args:
            known: names in the database.

        Returns:
            The names of the deleted files, and of those that are missing or empty.

        Raises:
            StoreError: the folder cannot be read or written.
        """
        with store_errors(self.folder):
            self.folder.mkdir(exist_ok=True)
            sizes = {entry.name: entry.stat().st_size for entry in os.scandir(self.folder) if entry.is_file()}
            # Files with names of others are left alone.
            ours = [name for name in sizes if _NAME.fullmatch(name) or name.endswith(PART)]
            orphans = [name for name in ours if name not in known]
            for name in orphans:
                (self.folder / name).unlink(missing_ok=True)
        return orphans, [name for name in known if not sizes.get(name)]


def encode(samples: np.ndarray, sample_rate: int) -> tuple[bytes, float]:
    """Return samples as a FLAC of 24 bits.

    Integers of up to 24 bits that were decoded to full scale ±1 are restored exactly. Samples of another
    unit, or so small that 24 bits would be coarse, are divided by a power of two.

    Args:
        samples: (N,) or (N, channels) finite floating point.
        sample_rate: in Hz.

    Returns:
        The bytes, and the factor that restores the samples.

    Raises:
        OptionError: FLAC cannot contain them.
    """
    samples = np.asarray(samples)
    if samples.dtype.kind != "f" or samples.ndim not in (1, 2) or not samples.size:
        raise OptionError(f"samples must be floating point, (N,) or (N, channels), got {samples.shape}")
    channels = samples.shape[1] if samples.ndim == 2 else 1
    if channels > MAX_CHANNELS or samples.size > MAX_SAMPLES:
        raise OptionError(f"a sound of shape {samples.shape} is too large")
    if isinstance(sample_rate, bool) or not 1 <= sample_rate <= MAX_RATE or sample_rate != int(sample_rate):
        raise OptionError(f"sample_rate must be between 1 and {MAX_RATE} Hz, got {sample_rate!r}")
    peak = float(np.abs(samples).max())
    if not math.isfinite(peak):
        raise OptionError("samples contain NaN or infinity")
    scale = 1.0 if _QUIET <= peak <= 1 or peak == 0 else 2.0 ** math.ceil(math.log2(peak))
    steps = np.clip(
        np.rint(samples.astype(np.float64) * (_FULL_SCALE / scale)), -_FULL_SCALE, _FULL_SCALE - 1
    )
    file = io.BytesIO()
    # soundfile takes the upper 24 of 32 bits.
    soundfile.write(file, steps.astype(np.int32) << 8, int(sample_rate), format="FLAC", subtype="PCM_24")
    return file.getvalue(), scale


def _sync_folder(folder: Path) -> None:
    """Write the names in a folder to the disk, so that a renamed file survives a power loss."""
    if os.name == "nt":  # folders cannot be opened there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
