"""Cache of features on disk, log-mels and frames of encoders, shared by all detectors, runs and processes.

Each entry is one file, named by a digest of everything that the values depend on: the bytes of the audio
file (not its time or name), channel, sample rate, front end (or encoder and how it is run), the code that
computes them, library versions and type of processor.
Therefore an entry never becomes stale and no lock is needed: entries are written under a temporary name and
renamed, two processes that write the same entry write the same bytes, and a damaged entry is treated as
missing and written again. If there is no room, the least recently used entries are removed.

The environment variable ``AUSCULT_CACHE`` sets the folder (default: the user's cache folder) or is ``off``;
``AUSCULT_CACHE_BYTES`` sets the maximum size (default: 2 GB).
"""

from __future__ import annotations

import hashlib
import logging
import mmap
import os
import platform
import stat
import struct
import threading
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import astuple, dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO
from weakref import WeakSet

import numpy as np

from auscult.errors import OptionError
from auscult.runtime.cache_folder import cache_folder
from auscult.runtime.code_facts import code_facts
from auscult.runtime.files import PART, write_atomically
from auscult.sound.tables import TableSettings
from auscult.spectrum import FrontEnd

DEFAULT_BYTES = 2_000_000_000
#: Everything between the bytes of a file and its log-mel: where it starts, and the packages it is in.
_FEATURE_CODE = "auscult.corpus.audio_clip"
_FEATURE_PACKAGES = (_FEATURE_CODE, "auscult.sound", "auscult.spectrum")
_HEADER = struct.Struct("<IIQ")  # CRC-32 of the key and the rest, bands, frames; float32 data follows
_SUFFIX = ".log_mel"
_ABANDONED = 3600.0  # seconds after which an incomplete file must be that of a killed process
#: Maximum number of entries mapped by a process; each keeps a file open, and some systems allow only 256.
MAX_MAPPED = 100
_SHARE = 16  # the folder is listed again after writing 1/16 of the maximum size
_maps: WeakSet[mmap.mmap] = WeakSet()  # the mapped entries


class FeatureCache:
    """Features in one folder of limited size; log-mels and frames of encoders share it.

    The size can exceed the limit by 1/16 for each process that writes at the same time.

    Args:
        folder: the cache folder; created when the first entry is written. Other files in it are ignored.
        max_bytes: maximum total size of the entries.
    """

    def __init__(self, folder: Path, max_bytes: int = DEFAULT_BYTES) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._room = 0  # bytes that may be written before listing the folder again
        self._writable = True
        self._lock = threading.Lock()

    def get(self, key: str) -> np.ndarray | None:
        """Return the (T, columns) float32 features of this key, read-only; ``None`` if missing or damaged."""
        path = self._path(key)
        try:
            with open(path, "rb") as file:
                entry = _map_or_read(file)
        except OSError:
            return None
        if len(entry) < _HEADER.size:
            return None
        checksum, bands, frames = _HEADER.unpack_from(entry)
        if len(entry) != _HEADER.size + 4 * bands * frames or checksum != _checksum(key, entry):
            return None
        with suppress(OSError):  # a read-only folder
            os.utime(path)
        return np.frombuffer(entry, np.float32, offset=_HEADER.size).reshape(frames, bands)

    def put(self, key: str, frames: np.ndarray) -> None:
        """Store (T, columns) float32 features, unless they are larger than the cache.

        If writing fails (full disk, read-only folder), a warning is logged once and writing is not tried
        again.
        """
        shape = frames.shape[1], frames.shape[0]
        entry = bytearray(_HEADER.pack(0, *shape) + frames.tobytes())
        _HEADER.pack_into(entry, 0, _checksum(key, entry), *shape)
        if not self._writable or len(entry) > self.max_bytes:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._lock:
                if self._room < len(entry):
                    self._room = self._make_room(max(len(entry), self.max_bytes // _SHARE))
                self._room -= len(entry)
            write_atomically(self._path(key), entry, sync=False)  # the checksum detects incomplete entries
        except OSError as error:
            self._writable = False
            logging.getLogger("auscult").warning(
                "cannot write to the feature cache %s (%s); continuing without it. Set AUSCULT_CACHE to "
                "another folder or to 'off'",
                self.folder,
                error.strerror or error,
            )

    def contents(self) -> tuple[int, int]:
        """Return the number of entries, and the bytes of all cache files, incomplete ones included."""
        files = self._list_files()
        return sum(name.endswith(_SUFFIX) for _, _, name in files), sum(size for _, size, _ in files)

    def _make_room(self, wanted: int) -> int:
        """Remove files of killed processes, then the least recently used entries until ``wanted`` bytes fit.

        Returns:
            ``wanted``.
        """
        total = 0
        entries = []
        for used, size, name in self._list_files():
            if name.endswith(PART) and used < time.time() - _ABANDONED:
                self._remove(name)
                continue
            total += size
            if name.endswith(_SUFFIX):
                entries.append((used, size, name))
        for _, size, name in sorted(entries):
            if total + wanted <= self.max_bytes:
                break
            self._remove(name)
            total -= size
        return wanted

    def _list_files(self) -> list[tuple[float, int, str]]:
        """Return time of last use (seconds), size and name of each file; files that disappear are skipped."""
        files = []
        with suppress(OSError), os.scandir(self.folder) as directory:
            for file in directory:
                with suppress(OSError):
                    if file.name.endswith((_SUFFIX, PART)):
                        status = file.stat()
                        files.append((status.st_mtime, status.st_size, file.name))
        return files

    def _remove(self, name: str) -> None:
        with suppress(OSError):  # another process has removed it already, or has it open (Windows)
            os.unlink(self.folder / name)

    def _path(self, key: str) -> Path:
        return self.folder / (key + _SUFFIX)


class CachedSound:
    """The features of one channel of a file, read from the cache if available.

    Args:
        path: the audio file.
        channel: the channel that is read.
        sample_rate: sample rate after resampling in Hz; ``None`` for that of the file.
        table: how the file is read if it is a table.
    """

    def __init__(
        self, path: str, channel: int, sample_rate: int | None, table: TableSettings | None = None
    ) -> None:
        self._path, self._channel, self._sample_rate = path, channel, sample_rate
        self._table = table
        self._digest: tuple[tuple[int, ...], str] | None = None  # state of the file, and digest of its bytes
        self._decoded_state: tuple[int, ...] | None = None  # state of the file when it was last decoded

    def mark_decoding(self) -> None:
        """Record the state of the file; to be called before decoding it.

        A file that changes after that is not cached, since its bytes are not those that were decoded.
        """
        self._decoded_state = _state(self._path)

    def log_mel(self, front_end: FrontEnd, compute: Callable[[FrontEnd], np.ndarray]) -> np.ndarray:
        """Return the (T, n_mels) float32 log-mel in dB.

        Args:
            front_end: the settings of the log-mel.
            compute: called if the log-mel is not in the cache. If it decodes the file, it must call
                `mark_decoding` before.

        Raises:
            Any exception of ``compute``.
            OptionError: as `feature_cache`.
        """
        entry = self.entry(astuple(front_end))
        frames = entry.read() if entry else None
        if frames is None:
            frames = compute(front_end)
            if entry:
                entry.write(frames)
        return frames

    def entry(self, settings: tuple[Any, ...]) -> CacheEntry | None:
        """Return the entry of the features that were computed with these settings.

        Args:
            settings: everything that the features depend on besides the file; its ``repr`` is in the key.

        Returns:
            The entry, which may not have been written yet, or ``None`` if the cache is off or the file
            cannot be read.

        Raises:
            OptionError: as `feature_cache`.
        """
        cache = feature_cache()
        state = _state(self._path) if cache else None
        key = self._key(settings, state) if state else None
        return CacheEntry(self, cache, key, state) if cache and key and state else None

    def is_state(self, state: tuple[int, ...]) -> bool:
        """Return whether the file has this state now and had it when it was last decoded."""
        return self._decoded_state == state == _state(self._path)

    def file_digest(self) -> str | None:
        """Return the SHA-256 of the file in hexadecimal; ``None`` if it cannot be read.

        It is computed again only if the file has changed.
        """
        state = _state(self._path)
        return self._digest_in(state) if state else None

    def _digest_in(self, state: tuple[int, ...]) -> str | None:
        """Return the SHA-256 of the file in this state, or ``None`` if it cannot be read."""
        if self._digest is None or self._digest[0] != state:
            try:
                with open(self._path, "rb") as file:
                    self._digest = state, hashlib.file_digest(file, "sha256").hexdigest()
            except OSError:
                return None
        return self._digest[1]

    def _key(self, settings: tuple[Any, ...], state: tuple[int, ...]) -> str | None:
        """Return the key of the entry, or ``None`` if the file cannot be read."""
        digest = self._digest_in(state)
        if digest is None:
            return None
        table = [] if self._table is None else [self._table]
        inputs = [digest, self._channel, self._sample_rate, settings, computation_environment(), *table]
        return hashlib.sha256(repr(inputs).encode()).hexdigest()


@dataclass(frozen=True)
class CacheEntry:
    """The place of the features of one file in the cache.

    Attributes:
        sound: the file and channel.
        cache: where the entry is.
        key: of the entry.
        state: of the file whose bytes are in the key.
    """

    sound: CachedSound
    cache: FeatureCache
    key: str
    state: tuple[int, ...]

    def read(self) -> np.ndarray | None:
        """Return the (T, columns) float32 features, read-only, or ``None`` if they are not in the cache."""
        return self.cache.get(self.key)

    def write(self, features: np.ndarray) -> None:
        """Store (T, columns) float32 features, unless the decoded file was another one."""
        if self.sound.is_state(self.state):  # the key belongs to the decoded bytes
            self.cache.put(self.key, features)


def feature_cache() -> FeatureCache | None:
    """Return the cache set by the environment variables, or ``None`` if it is off.

    Raises:
        OptionError: ``AUSCULT_CACHE_BYTES`` is not a number of bytes.
    """
    return _cache(os.environ.get("AUSCULT_CACHE", ""), os.environ.get("AUSCULT_CACHE_BYTES", ""))


@lru_cache(maxsize=4)
def _cache(location: str, size: str) -> FeatureCache | None:
    try:
        max_bytes = int(size or DEFAULT_BYTES)
    except ValueError:
        max_bytes = -1
    if max_bytes < 0:
        raise OptionError(
            f"AUSCULT_CACHE_BYTES must be a number of bytes such as {DEFAULT_BYTES}, got {size!r}"
        )
    folder = cache_folder(location)
    return FeatureCache(folder / "log_mels", max_bytes) if folder else None  # the name in existing caches


@lru_cache(maxsize=1)
def computation_environment() -> tuple[str, ...]:
    """Return what log-mels depend on besides their input: code, versions, and the type of processor."""
    import soundfile
    from threadpoolctl import threadpool_info

    # OpenBLAS reports the processor; other libraries, which may be loaded or not, do not.
    processors = {library["architecture"] for library in threadpool_info() if "architecture" in library}
    return (
        code_facts(_FEATURE_CODE, _FEATURE_PACKAGES).code,
        np.__version__,
        soundfile.__libsndfile_version__,
        version("soxr"),
        platform.machine(),
        *sorted(processors),
    )


def _state(path: str) -> tuple[int, ...] | None:
    """Return inode, size and modification time of a file; ``None`` if it is not a regular file."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _map_or_read(file: BinaryIO) -> mmap.mmap | bytes:
    """Return the bytes of a file, mapped if possible, so that processes share the memory."""
    if len(_maps) < MAX_MAPPED:
        with suppress(OSError, ValueError):  # the file system does not support it, or the file is empty
            entry = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            _maps.add(entry)
            return entry
    return file.read()


def _checksum(key: str, entry: bytes | bytearray | mmap.mmap) -> int:
    return zlib.crc32(memoryview(entry)[4:], zlib.crc32(key.encode()))
