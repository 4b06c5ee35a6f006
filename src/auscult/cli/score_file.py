"""A result file that can be interrupted at any time and continued, without missing or duplicate recordings.

Each result is written with its line end in a single write, so that a kill leaves at most one incomplete line
at the end, which is cut off when the file is opened again. Next to the file, a small JSON file
``FILE.made-by.json`` records the model and the settings of its results; results of other models or settings
are never added.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from typing import BinaryIO

from auscult import __version__
from auscult.cli.score_formats import Format, Tally, format_header, format_row, parse_row
from auscult.cli.score_rows import Row, ScoreSettings
from auscult.errors import OptionError
from auscult.runtime.files import write_atomically

_SUFFIXES: dict[str, Format] = {".csv": "csv", ".jsonl": "json", ".json": "json"}


def format_from_name(path: str) -> Format:
    """The format given by the suffix of a file name.

    Raises:
        OptionError: the suffix is unknown.
    """
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in _SUFFIXES:
        raise OptionError(
            f"--output {path}: the file name must end in .csv or .jsonl, or --csv or --json must be given"
        )
    return _SUFFIXES[suffix]


class ResultFile:
    """Results on disk; a context manager within which rows can be written.

    Args:
        path: the file, which is created or continued.
        output_format: format of its lines.
        settings: the model and settings that its results depend on.
        relative: whether recordings are given by paths relative to the current folder.

    Attributes:
        tally: counts of the rows that were in the file when it was opened.
        before: number of recordings that were in the file when it was opened.

    Raises:
        OptionError: the file exists and was not written by auscult, or with other settings or, if
            ``relative``, from another folder; or another process is writing it.
    """

    def __init__(self, path: str, output_format: Format, settings: ScoreSettings, *, relative: bool) -> None:
        self.path = path
        self.tally = Tally()
        self._format = output_format
        self._windows = settings.window is not None
        self._known: set[str] = set()
        self._folder = os.getcwd()  # the folder that relative paths in the file start from
        self._origin = {
            "auscult": __version__,
            "form": output_format,
            "model": settings.digest,
            "threshold": settings.threshold.value,
            **{k: v for k, v in asdict(settings).items() if k in ("channel", "window", "hop")},
        }
        if os.path.exists(path) and not os.path.isfile(path):
            raise OptionError(f"{path} is a pipe or device, not a file; omit --output to print the results")
        self._file: BinaryIO = open(path, "ab", buffering=0)  # noqa: SIM115 - closed by __exit__
        try:
            self._resume(relative=relative)
        except BaseException:
            self._file.close()
            raise
        self.before = len(self._known)

    def __enter__(self) -> ResultFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def mark_if_new(self, path: str) -> bool:
        """Whether a recording has no result yet; from now on it counts as having one."""
        key = self._path_key(path)
        is_new = key not in self._known
        self._known.add(key)
        return is_new

    def write(self, row: Row) -> None:
        """Append one result in a single write."""
        self._append(_encode(format_row(row, self._format, windows=self._windows)))

    def _resume(self, *, relative: bool) -> None:
        """Lock the file, read the results in it, and cut off an incomplete last line."""
        _lock(self._file, self.path)
        if os.fstat(self._file.fileno()).st_size:
            self._check_origin(relative=relative)
            end = self._read()
        else:
            origin = {**self._origin, "folder": self._folder}
            write_atomically(self._origin_path, json.dumps(origin).encode())
            end = 0
        self._file.truncate(end)
        if not end:
            self._append(format_header(self._format, windows=self._windows).encode())

    def _append(self, data: bytes) -> None:
        while data:  # a nearly full disk accepts a part, then raises for the rest
            data = data[self._file.write(data) :]

    def _path_key(self, path: str) -> str:
        """The absolute path, encoded as in the file."""
        return _encode(os.path.normpath(os.path.join(self._folder, path))).decode()

    @property
    def _origin_path(self) -> str:
        return f"{self.path}.made-by.json"

    def _check_origin(self, *, relative: bool) -> None:
        try:
            with open(self._origin_path, encoding="utf-8") as file:
                origin = json.load(file)
        except (OSError, ValueError) as error:
            raise OptionError(
                f"{self.path} exists but is not a result file of auscult ({self._origin_path} is missing "
                "or invalid): choose another file, or move that one away"
            ) from error
        changed = [k for k, v in self._origin.items() if not isinstance(origin, dict) or origin.get(k) != v]
        if changed:
            titles = {"form": "format", "auscult": "version of auscult"}
            settings = ", ".join(titles.get(name, name) for name in changed)
            raise OptionError(
                f"{self.path} was written with another {settings}: use the same model and options, "
                "or choose another file"
            )
        here, self._folder = self._folder, str(origin.get("folder"))
        if relative and self._folder != here:
            raise OptionError(
                f"{self.path} was started in the folder {self._folder}, and its paths are relative to that: "
                "run the command there, or give absolute paths"
            )

    def _read(self) -> int:
        """Read the results in the file.

        Returns:
            The position behind the last complete result; with windows, that before the last recording.
        """
        last_path: str | None = None
        tally = Tally()  # without the rows of the last recording
        first_line = format_header(self._format, windows=self._windows).encode()
        with open(self.path, "rb") as file:
            if file.read(len(first_line)) != first_line:
                file.seek(0, os.SEEK_END)
                if file.tell() > len(first_line):
                    raise OptionError(
                        f"{self.path} was changed: its header line is not the one auscult wrote"
                    )
                return 0
            end = start = len(first_line)
            for number, record in enumerate(_records(file, self._format), start=1):
                try:
                    row = parse_row(record.decode(), self._format, windows=self._windows)
                    if row["path"] != last_path:
                        start, tally = end, Tally(**vars(self.tally))
                        last_path = row["path"]
                    self.tally.add(row)
                except (ValueError, KeyError) as error:
                    raise OptionError(
                        f"{self.path} is corrupt: result {number} cannot be read; remove that line, or "
                        "choose another file"
                    ) from error
                self._known.add(self._path_key(row["path"]))
                end += len(record)
        if not self._windows or last_path is None:
            return end
        self._known.discard(self._path_key(last_path))  # some of its windows may be missing
        self.tally = tally
        return start


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
