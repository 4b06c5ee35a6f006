"""A file of results that may be stopped at any moment and gone on with: no recording twice, none missing.

Each result is written with its line's end in one go, so that a kill leaves at most one torn line, the last,
which is cut off when the file is opened again. Beside the file stands a small JSON, ``FILE.made-by.json``:
the model and the settings that its results rest on, without which none are added.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from typing import BinaryIO

from auscult import __version__
from auscult.cli.score_forms import Form, Tally, header, line, row_of
from auscult.cli.score_rows import Judging, Row
from auscult.errors import OptionError
from auscult.runtime.files import write_atomically

_SUFFIXES: dict[str, Form] = {".csv": "csv", ".jsonl": "json", ".json": "json"}


def form_of(path: str) -> Form:
    """The form that a file's name asks for.

    Raises:
        OptionError: it asks for none.
    """
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in _SUFFIXES:
        raise OptionError(
            f"--output {path}: by its name neither CSV nor JSON lines; name it .csv or .jsonl, or give --csv "
            "or --json"
        )
    return _SUFFIXES[suffix]


class ResultFile:
    """Results on disk; a context, within which rows can be written.

    Args:
        path: the file, which is made or gone on with.
        form: of its lines.
        judging: what its results rest on.
        relative: whether recordings are named from the folder that this runs in, and not by full paths.

    Attributes:
        tally: of the rows that were in it when it was opened.
        before: how many recordings were in it when it was opened.

    Raises:
        OptionError: the file is there, and was made by something else, with other settings or, if
            ``relative``, from another folder; or another run writes it.
    """

    def __init__(self, path: str, form: Form, judging: Judging, *, relative: bool) -> None:
        self.path = path
        self.tally = Tally()
        self._form = form
        self._windows = judging.window is not None
        self._known: set[str] = set()
        self._folder = os.getcwd()  # from which the names in the file count
        self._origin = {
            "auscult": __version__,
            "form": form,
            "model": judging.digest,
            "threshold": judging.limit.value,
            **{k: v for k, v in asdict(judging).items() if k in ("channel", "window", "hop")},
        }
        if os.path.exists(path) and not os.path.isfile(path):
            raise OptionError(f"{path}: no file but a pipe or device; without --output results are printed")
        self._file: BinaryIO = open(path, "ab", buffering=0)  # noqa: SIM115 - closed by __exit__
        try:
            self._go_on(relative=relative)
        except BaseException:
            self._file.close()
            raise
        self.before = len(self._known)

    def __enter__(self) -> ResultFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def takes(self, path: str) -> bool:
        """Whether a recording has no result yet; from now on it counts as one that has."""
        known = self._known_as(path)
        fresh = known not in self._known
        self._known.add(known)
        return fresh

    def write(self, row: Row) -> None:
        """Adds one result, at once and whole."""
        self._add(_bytes(line(row, self._form, windows=self._windows)))

    def _go_on(self, *, relative: bool) -> None:
        """Finds out what is in the file, which is this run's alone from here on, and makes its end whole."""
        _lock(self._file, self.path)
        if os.fstat(self._file.fileno()).st_size:
            self._check_origin(relative=relative)
            end = self._read()
        else:
            origin = {**self._origin, "folder": self._folder}
            write_atomically(self._beside, json.dumps(origin).encode())
            end = 0
        self._file.truncate(end)
        if not end:
            self._add(header(self._form, windows=self._windows).encode())

    def _add(self, data: bytes) -> None:
        while data:  # a disk that is nearly full takes a part, and refuses the rest
            data = data[self._file.write(data) :]

    def _known_as(self, path: str) -> str:
        """The full path, spelt as the file would."""
        return _bytes(os.path.normpath(os.path.join(self._folder, path))).decode()

    @property
    def _beside(self) -> str:
        return f"{self.path}.made-by.json"

    def _check_origin(self, *, relative: bool) -> None:
        try:
            with open(self._beside, encoding="utf-8") as file:
                origin = json.load(file)
        except (OSError, ValueError) as error:
            raise OptionError(
                f"{self.path} is there, and nothing beside it ({self._beside}) says that auscult made it: "
                "name another file, or move that one away"
            ) from error
        other = [k for k, v in self._origin.items() if not isinstance(origin, dict) or origin.get(k) != v]
        if other:
            raise OptionError(
                f"{self.path} was made with another {', '.join(other)}: give the same model and options as "
                "then, or name another file"
            )
        here, self._folder = self._folder, str(origin.get("folder"))
        if relative and self._folder != here:
            raise OptionError(
                f"{self.path} was begun in the folder {self._folder}, from which names count: run it there, "
                "or give full paths"
            )

    def _read(self) -> int:
        """Takes in what is in the file; where the last whole result of it ends."""
        last: str | None = None
        tally = Tally()  # of what comes before the rows of that recording
        first_line = header(self._form, windows=self._windows).encode()
        with open(self.path, "rb") as file:
            if file.read(len(first_line)) != first_line:
                file.seek(0, os.SEEK_END)
                if file.tell() > len(first_line):
                    raise OptionError(f"{self.path} is not as auscult wrote it: its header is another")
                return 0
            whole = start = len(first_line)
            for number, record in enumerate(_records(file, self._form), start=1):
                try:
                    row = row_of(record.decode(), self._form, windows=self._windows)
                    if row["path"] != last:
                        start, tally = whole, Tally(**vars(self.tally))
                        last = row["path"]
                    self.tally.add(row)
                except (ValueError, KeyError) as error:
                    raise OptionError(
                        f"{self.path} is damaged: result {number} cannot be read; name another file, or take "
                        "that line out"
                    ) from error
                self._known.add(self._known_as(row["path"]))
                whole += len(record)
        if not self._windows or last is None:
            return whole
        self._known.discard(self._known_as(last))  # some of its windows may be missing
        self.tally = tally
        return start


def _lock(file: BinaryIO, path: str) -> None:
    """Keeps a second run out until the file is closed or this process ends, however it does.

    Raises:
        OptionError: another run writes it.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OptionError(f"{path} is being written by another run: wait for it, or stop it") from error
    except OSError:  # a disk of another machine that knows no locks
        return


def _records(file: BinaryIO, form: Form) -> Iterator[bytes]:
    """Every whole result; in CSV a name may hold line ends, within quotes."""
    record = b""
    for part in file:
        record += part
        if part.endswith(b"\n") and (form == "json" or record.count(b'"') % 2 == 0):
            yield record
            record = b""


def _bytes(line: str) -> bytes:
    """Names of files may hold bytes that are no text."""
    return line.encode(errors="backslashreplace")
