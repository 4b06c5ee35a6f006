"""A result file that can be interrupted at any time and continued, without missing or duplicate recordings.

Each result is written with its line end in a single write, so that a kill leaves at most one incomplete line
at the end, which is cut off when the file is opened again. Size and modification time in each result show
which recordings have changed since; their results are removed before they are scored again. Next to the
file, a small JSON file ``FILE.made-by.json`` records the model and the settings of its results; results of
other models or settings are never added.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import BinaryIO

from auscult import __version__
from auscult.cli.score_formats import Format, Layout, Tally
from auscult.cli.score_rows import Row, ScoreSettings
from auscult.cli.score_stamp import FileStamp
from auscult.corpus import Clip
from auscult.errors import CorpusError, OptionError
from auscult.runtime.files import write_atomically


class ResultFile:
    """Results on disk; a context manager within which rows can be written.

    Nothing is written before it is entered.

    Args:
        path: the file, which is created or continued.
        layout: format and fields of its lines.
        settings: the model and settings that its results depend on.
        relative: whether recordings are given by paths relative to the current folder.

    Attributes:
        tally: counts of the rows that were in the file when it was opened.
        scored_again: number of recordings that had a result, which was removed because the recording has
            changed or could not be read.

    Raises:
        OptionError: the file exists and was not written by auscult, or with other settings or fields or, if
            ``relative``, from another folder. On entering also: it is damaged, or another process is writing
            it.
    """

    def __init__(self, path: str, layout: Layout, settings: ScoreSettings, *, relative: bool) -> None:
        self.path = path
        self.tally = Tally()
        self.scored_again = 0
        self._outdated: set[str] = set()
        self._layout = layout
        self._known: dict[str, FileStamp | None] = {}  # of each recording; None: a result of it is an error
        self._new: set[str] = set()
        self._folder = os.getcwd()  # the folder that relative paths in the file start from
        self._origin = {
            "auscult": __version__,
            "form": layout.format,
            "model": settings.digest,
            "threshold": settings.threshold.value,
            **{
                k: v for k, v in asdict(settings).items() if k in ("channel", "each_channel", "window", "hop")
            },
            **({"tables": settings.tables.to_json()} if settings.tables else {}),
            "columns": layout.columns,
        }
        if os.path.exists(path) and not os.path.isfile(path):
            raise OptionError(f"{path} is a pipe or device, not a file; omit --output to print the results")
        self._relative = relative
        if self._has_content():
            self._check_origin()
            self._check_header()

    @property
    def before(self) -> int:
        """Number of recordings with a result in the file that is not computed again."""
        return len(self._known)

    def __enter__(self) -> ResultFile:
        self._file = _open_locked(self.path)
        try:
            self._resume()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def remove_outdated(self, inputs: Sequence[str], clips: Iterable[Clip | CorpusError]) -> None:
        """Remove results of recordings that have changed, and errors.

        A recording that no longer exists keeps its result.

        Args:
            inputs: errors at or below these paths are removed.
            clips: the recordings and errors of this run.
        """
        roots = [self._path_key(path) for path in inputs]
        self._outdated = {
            key
            for key, recorded in self._known.items()
            if recorded is None and any(key == root or key.startswith(root + os.sep) for root in roots)
        }
        in_seconds = self._layout.format == "excel"
        for clip in clips:
            key = self._path_key(clip.path)
            if key in self._known:
                recorded, current = self._known[key], FileStamp.of(clip.path)
                if recorded is None or (
                    current is not None and not current.matches(recorded, in_seconds=in_seconds)
                ):
                    self._outdated.add(key)
        if self._outdated:
            self._rewrite_without(self._outdated)

    def mark_if_new(self, path: str) -> bool:
        """Whether a recording has no result yet; from now on it counts as having one."""
        key = self._path_key(path)
        is_new = key not in self._known and key not in self._new
        self._new.add(key)
        self.scored_again += is_new and key in self._outdated
        return is_new

    def write(self, row: Row) -> None:
        """Append one result in a single write."""
        self._append(_encode(self._layout.line(row)))

    def _has_content(self) -> bool:
        return os.path.exists(self.path) and os.path.getsize(self.path) > 0

    def _resume(self) -> None:
        """Read the results in the file, and cut off an incomplete last line."""
        if self._has_content():
            self._check_origin()  # again: another process may have made it in the meantime
            end = self._read()
        else:
            origin = {**self._origin, "folder": self._folder}
            write_atomically(self._origin_path, json.dumps(origin).encode())
            end = 0
        self._file.truncate(end)
        if not end:
            self._append(self._layout.header().encode())

    def _append(self, data: bytes) -> None:
        while data:  # a nearly full disk accepts a part, then raises for the rest
            data = data[self._file.write(data) :]

    def _path_key(self, path: str) -> str:
        """The absolute path, encoded as in the file."""
        return _encode(os.path.normpath(os.path.join(self._folder, path))).decode()

    @property
    def _origin_path(self) -> str:
        return f"{self.path}.made-by.json"

    def _check_origin(self) -> None:
        try:
            with open(self._origin_path, encoding="utf-8") as file:
                origin = json.load(file)
        except (OSError, ValueError) as error:
            raise OptionError(
                f"{self.path} exists but is not a result file of auscult ({self._origin_path} is missing "
                "or invalid): choose another file, or move that one away"
            ) from error
        if not isinstance(origin, dict) or "columns" not in origin:
            raise OptionError(
                f"{self.path} was started by an earlier version of auscult and lacks columns (time and size) "
                "that show which recordings have changed: choose another file, or move that one away"
            )
        names = [*self._origin, *({"tables"} & origin.keys() - self._origin.keys())]
        changed = [name for name in names if origin.get(name) != self._origin.get(name)]
        if len(changed) > 1 and "columns" in changed:
            changed.remove("columns")  # they follow from another setting
        if changed:
            titles = {"form": "format", "auscult": "version of auscult", "columns": "set of columns"}
            titles["tables"] = "--rate, --column or --scale"
            settings = ", ".join(titles.get(name, name) for name in changed)
            raise OptionError(
                f"{self.path} was written with another {settings}: use the same model and options, "
                "or choose another file"
            )
        here, self._folder = os.getcwd(), str(origin.get("folder"))
        if self._relative and self._folder != here:
            raise OptionError(
                f"{self.path} was started in the folder {self._folder}, and its paths are relative to that: "
                "run the command there, or give absolute paths"
            )

    def _check_header(self) -> bool:
        """Return whether the header line is complete.

        Raises:
            OptionError: it is another one.
        """
        expected = self._layout.header().encode()
        with open(self.path, "rb") as file:
            header = file.read(len(expected))
        if header != expected[: len(header)]:
            raise OptionError(
                f"{self.path} was changed: its header line is not the one auscult wrote; restore it, or "
                "choose another file"
            )
        return len(header) == len(expected)

    def _read(self) -> int:
        """Read the results in the file.

        Returns:
            The position behind the last complete result; if a recording may have several, that before the
            last recording.
        """
        last_path: str | None = None
        tally = Tally()  # without the rows of the last recording
        if not self._check_header():
            return 0
        end = start = len(self._layout.header().encode())
        with open(self.path, "rb") as file:
            file.seek(end)
            for number, record in enumerate(_records(file, self._layout.format), start=1):
                try:
                    row = self._layout.parse(record.decode())
                    stamp = None if "error" in row else FileStamp.from_row(row)
                except ValueError as error:
                    raise OptionError(
                        f"{self.path} is corrupt: result {number} cannot be read; remove that line, or "
                        "choose another file"
                    ) from error
                if row["path"] != last_path:
                    start, tally = end, Tally(**vars(self.tally))
                    last_path = row["path"]
                self._count(row, stamp)
                end += len(record)
        if not self._layout.rows_per_recording or last_path is None:
            return end
        del self._known[self._path_key(last_path)]  # some of its rows may be missing
        self.tally = tally
        return start

    def _rewrite_without(self, keys: set[str]) -> None:
        """Replace the file, in a single step, by one without the results of some recordings."""
        kept = [self._layout.header().encode()]
        self._known, self.tally = {}, Tally()
        with open(self.path, "rb") as file:
            file.seek(len(kept[0]))
            for record in _records(file, self._layout.format):
                row = self._layout.parse(record.decode())
                if self._path_key(row["path"]) not in keys:
                    self._count(row, None if "error" in row else FileStamp.from_row(row))
                    kept.append(record)
        old = self._file
        if sys.platform == "win32":  # an open file cannot be replaced there
            old.close()
        write_atomically(self.path, b"".join(kept))
        self._file = _open_locked(self.path)
        old.close()  # only now, so that no other process writes the file before it is replaced

    def _count(self, row: Row, stamp: FileStamp | None) -> None:
        """Add a result to the known ones and to the tally."""
        self.tally.add(row)
        key = self._path_key(row["path"])
        self._known[key] = stamp if self._known.get(key, stamp) is not None else None


def _open_locked(path: str) -> BinaryIO:
    """Open a file for appending, and lock it.

    Raises:
        OptionError: another process is writing it.
    """
    file: BinaryIO = open(path, "ab", buffering=0)  # noqa: SIM115 - closed by ResultFile
    try:
        _lock(file, path)
        if not os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
            raise OptionError(f"{path} was just replaced by another process: run the command again")
    except BaseException:
        file.close()
        raise
    return file


def _lock(file: BinaryIO, path: str) -> None:
    """Keep other processes from writing the file until it is closed or this process ends in any way.

    Raises:
        OptionError: another process is writing it.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OptionError(f"{path} is being written by another process: wait for it, or stop it") from error
    except OSError:  # a network file system without locks
        return


def _records(file: BinaryIO, output_format: Format) -> Iterator[bytes]:
    """Yield every complete result; in CSV, a quoted file name may contain line ends."""
    record = b""
    for line in file:
        record += line
        if line.endswith(b"\n") and (output_format == "json" or record.count(b'"') % 2 == 0):
            yield record
            record = b""


def _encode(line: str) -> bytes:
    """Encode as UTF-8; bytes of file names that are not valid text become backslash escapes."""
    return line.encode(errors="backslashreplace")
