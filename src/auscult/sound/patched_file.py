"""A view of a file with another beginning, or with an earlier end, for decoders that trust headers."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer


class PatchedFile(io.RawIOBase):
    """A file whose content before the byte offset ``start`` is replaced by ``header``.

    Args:
        name: path of the file.
        start: byte offset in the file from which its own content is used.
        header: replaces what is before.
        end: byte offset in the file at which the view ends; ``None`` is the end of the file.
    """

    def __init__(self, name: str, start: int, header: bytes = b"", end: int | None = None) -> None:
        self._file = io.BufferedReader(io.FileIO(name))
        self._start, self._header = start, header
        end = os.fstat(self._file.fileno()).st_size if end is None else end
        self._size = len(header) + max(0, end - start)
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, origin + offset)
        return self._position

    def readinto(self, buffer: Buffer) -> int:
        size = min(memoryview(buffer).nbytes, max(0, self._size - self._position))
        data = self._header[self._position : self._position + size]
        if len(data) < size:
            self._file.seek(self._start + max(0, self._position - len(self._header)))
            data += self._file.read(size - len(data))
        memoryview(buffer)[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()
