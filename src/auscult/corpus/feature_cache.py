"""Log-mels kept on disk, so that no detector, run or process works out what another has.

One file an entry, named by a digest of all that its numbers depend on: the bytes of the sound file (not its
time or name), channel, sample rate, front end, and the versions and kind of processor that compute. So an
entry never goes stale, and there is nothing to lock: an entry is written under another name and renamed,
whoever writes it a second time writes the same, and one that is damaged counts as none and is written anew.
Those that were not used for longest go first when there is no room.

``AUSCULT_CACHE`` names the folder, or is ``off``; ``AUSCULT_CACHE_BYTES`` is what it may hold.
"""

from __future__ import annotations

import hashlib
import logging
import mmap
import os
import platform
import stat
import struct
import sys
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import astuple
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO
from weakref import WeakSet

import numpy as np

from auscult.errors import OptionError
from auscult.runtime.files import PART, write_atomically
from auscult.spectrum import FrontEnd

DEFAULT_BYTES = 2_000_000_000
#: Raised with every change of the code that changes the numbers of a log-mel.
SCHEMA = 1
_HEADER = struct.Struct("<IIQ")  # checksum of all the rest and the name, bands, frames; then the float32
_SUFFIX = ".log_mel"
_ABANDONED = 3600.0  # seconds after which a file half written belongs to a process that was killed
#: Entries that a process maps at a time; each keeps its file open, of which some systems grant 256.
MOST_MAPPED = 100
_maps: WeakSet[mmap.mmap] = WeakSet()
_SHARE = 16  # this part of the whole is written before it is looked again how much there is


class FeatureCache:
    """Log-mels in one folder, up to a number of bytes.

    Every process that writes at the same moment may go over the bound by a sixteenth of it.

    Args:
        folder: for the entries alone; made when the first is written.
        most_bytes: what all entries together may take.
    """

    def __init__(self, folder: Path, most_bytes: int = DEFAULT_BYTES) -> None:
        self.folder = folder
        self.most_bytes = most_bytes
        self._room = 0  # bytes that may be written before looking again
        self._writes = True
        self._lock = threading.Lock()

    def get(self, key: str) -> np.ndarray | None:
        """The (T, n_mels) float32 log-mel of this name, read-only; ``None`` if none is there whole."""
        path = self._path(key)
        try:
            with open(path, "rb") as file:
                entry = _contents(file)
        except OSError:
            return None
        if len(entry) < _HEADER.size:
            return None
        checksum, bands, frames = _HEADER.unpack_from(entry)
        if len(entry) != _HEADER.size + 4 * bands * frames or checksum != _checksum(key, entry):
            return None
        with suppress(OSError):  # a folder that can only be read
            os.utime(path)
        return np.frombuffer(entry, np.float32, offset=_HEADER.size).reshape(frames, bands)

    def put(self, key: str, frames: np.ndarray) -> None:
        """Keeps a (T, n_mels) float32 log-mel, if there is room for it at all.

        Where nothing can be written, on a full disk or in a folder that can only be read, that is said once
        and not tried again.
        """
        shape = frames.shape[1], frames.shape[0]
        entry = bytearray(_HEADER.pack(0, *shape) + frames.tobytes())
        _HEADER.pack_into(entry, 0, _checksum(key, entry), *shape)
        if not self._writes or len(entry) > self.most_bytes:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._lock:
                if self._room < len(entry):
                    self._room = self._make_room(max(len(entry), self.most_bytes // _SHARE))
                self._room -= len(entry)
            write_atomically(self._path(key), entry, sync=False)  # its checksum tells whether it is whole
        except OSError as error:
            self._writes = False
            logging.getLogger("auscult").warning(
                "the cache of features in %s cannot be written (%s): going on without; AUSCULT_CACHE names "
                "another folder, or is off",
                self.folder,
                error.strerror or error,
            )

    def contents(self) -> tuple[int, int]:
        """Number of entries, and the bytes of all that lies in the folder."""
        found = self._found()
        return sum(name.endswith(_SUFFIX) for _, _, name in found), sum(size for _, size, _ in found)

    def _make_room(self, wanted: int) -> int:
        """Takes away what a killed process left, and the entries unused for longest until ``wanted`` fit."""
        total = 0
        kept = []
        for used, size, name in self._found():
            if name.endswith(PART) and used < time.time() - _ABANDONED:
                self._remove(name)
                continue
            total += size
            if name.endswith(_SUFFIX):
                kept.append((used, size, name))
        for _, size, name in sorted(kept):
            if total + wanted <= self.most_bytes:
                break
            self._remove(name)
            total -= size
        return wanted

    def _found(self) -> list[tuple[float, int, str]]:
        """When last used (seconds), size and name of each file; those that go meanwhile are passed over."""
        found = []
        with suppress(OSError), os.scandir(self.folder) as files:
            for file in files:
                with suppress(OSError):
                    if file.name.endswith((_SUFFIX, PART)):
                        status = file.stat()
                        found.append((status.st_mtime, status.st_size, file.name))
        return found

    def _remove(self, name: str) -> None:
        with suppress(OSError):  # another process was quicker, or has it open (Windows)
            os.unlink(self.folder / name)

    def _path(self, key: str) -> Path:
        return self.folder / (key + _SUFFIX)


class CachedSound:
    """The log-mels of one channel of a file, out of the cache where they are in it.

    Args:
        channel: which channel is heard.
        sample_rate: at which it is heard, Hz; ``None`` for the file's own.
    """

    def __init__(self, path: str, channel: int, sample_rate: int | None) -> None:
        self._path, self._channel, self._sample_rate = path, channel, sample_rate
        self._digest: tuple[tuple[int, ...], str] | None = None  # of the bytes, as of that state of the file
        self._decoded: tuple[int, ...] | None = None  # state of the file when it was last decoded

    def decoding(self) -> None:
        """To be told before the file is decoded: what changes in it from then on is not what is heard."""
        self._decoded = _state(self._path)

    def log_mel(self, front_end: FrontEnd, work_out: Callable[[FrontEnd], np.ndarray]) -> np.ndarray:
        """(T, n_mels) float32 log-mel in dB.

        Args:
            work_out: gives it where it is not in the cache, of a waveform of which `decoding` was told.

        Raises:
            As ``work_out``.
            OptionError: as `feature_cache`.
        """
        cache = feature_cache()
        before = _state(self._path) if cache else None
        key = self._key(front_end, before) if before else None
        if cache is None or key is None:
            return work_out(front_end)
        frames = cache.get(key)
        if frames is None:
            frames = work_out(front_end)
            if self._decoded == before == _state(self._path):  # else who knows which sound was heard
                cache.put(key, frames)
        return frames

    def _key(self, front_end: FrontEnd, state: tuple[int, ...]) -> str | None:
        """Name of the entry, or ``None`` if the file cannot be read."""
        if self._digest is None or self._digest[0] != state:
            try:
                with open(self._path, "rb") as file:
                    self._digest = state, hashlib.file_digest(file, "sha256").hexdigest()
            except OSError:
                return None
        told = [self._digest[1], self._channel, self._sample_rate, astuple(front_end), computed_by()]
        return hashlib.sha256(repr(told).encode()).hexdigest()


def feature_cache() -> FeatureCache | None:
    """The cache that the environment names, or ``None`` where it is off.

    Raises:
        OptionError: ``AUSCULT_CACHE_BYTES`` that is no number of bytes.
    """
    return _cache(os.environ.get("AUSCULT_CACHE", ""), os.environ.get("AUSCULT_CACHE_BYTES", ""))


@lru_cache(maxsize=4)
def _cache(named: str, most: str) -> FeatureCache | None:
    try:
        most_bytes = int(most or DEFAULT_BYTES)
    except ValueError:
        most_bytes = -1
    if most_bytes < 0:
        raise OptionError(f"AUSCULT_CACHE_BYTES={most!r}: give a number of bytes, as {DEFAULT_BYTES}")
    if named.lower() == "off":
        return None
    try:
        folder = Path(named).expanduser().absolute() if named else users_folder(sys.platform, os.environ)
    except RuntimeError:  # nobody's home
        return None
    return FeatureCache(folder / "log_mels", most_bytes)


def users_folder(system: str, environment: Mapping[str, str]) -> Path:
    """Where caches are kept on this kind of system (``sys.platform``), with a folder of our own in it.

    Raises:
        RuntimeError: the user has no home folder.
    """
    if system == "win32":
        local = environment.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "auscult" / "Cache"
    if system == "darwin":
        return Path.home() / "Library" / "Caches" / "auscult"
    named = Path(
        environment.get("XDG_CACHE_HOME", "")
    )  # which counts if it is a full path, says the standard
    return (named if named.is_absolute() else Path.home() / ".cache") / "auscult"


@lru_cache(maxsize=1)
def computed_by() -> tuple[str | int, ...]:
    """What a log-mel's last bits may depend on besides the file and the front end."""
    import soundfile
    from threadpoolctl import threadpool_info

    # As OpenBLAS names them; other libraries, which may be loaded or not, name none.
    processors = {library["architecture"] for library in threadpool_info() if "architecture" in library}
    return (
        SCHEMA,
        np.__version__,
        soundfile.__libsndfile_version__,
        version("soxr"),
        platform.machine(),
        *sorted(processors),
    )


def _state(path: str) -> tuple[int, ...] | None:
    """What changes when a file does, or ``None`` if there is no regular file."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _contents(file: BinaryIO) -> mmap.mmap | bytes:
    """A file's bytes: mapped, so that processes share them and the system may take them back, or read."""
    if len(_maps) < MOST_MAPPED:
        with suppress(OSError, ValueError):  # not on this kind of disk, or a file without a byte
            entry = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            _maps.add(entry)
            return entry
    return file.read()


def _checksum(key: str, entry: bytes | bytearray | mmap.mmap) -> int:
    return zlib.crc32(memoryview(entry)[4:], zlib.crc32(key.encode()))
