"""Messages about many recordings: one line for each kind, with a count and the names of a few."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from auscult.cli import text

#: Names that are printed of each kind of message.
SHOWN = 3
_NUMBER = re.compile(r"\d[\d.,]*")


@dataclass
class _Kind:
    """Messages that differ only in numbers."""

    message: str  # the first
    count: int = 0
    names: list[str] = field(default_factory=list)
    same: bool = True  # whether all are equal


class RepeatedWarnings:
    """Warnings about recordings, printed at the end."""

    def __init__(self) -> None:
        self._kinds: dict[str, _Kind] = {}

    def add(self, message: str, name: str) -> None:
        """Add a warning about a recording; it counts once for each of its windows."""
        kind = self._kinds.setdefault(_NUMBER.sub("#", message), _Kind(message))
        kind.count += 1
        kind.same = kind.same and message == kind.message
        if name not in kind.names and len(kind.names) <= SHOWN:
            kind.names.append(name)

    def print(self, total: int) -> None:
        """Print a line for each kind of warning: ``Warning: … (4 of 10: a.wav, b.wav, c.wav, …)``.

        Args:
            total: number of recordings or windows.
        """
        for kind in self._kinds.values():
            names = ", ".join([*kind.names[:SHOWN], *(["…"] if len(kind.names) > SHOWN else [])])
            source = "" if kind.same else "; the numbers are those of the first"
            text.warn(f"{kind.message} ({kind.count:,} of {total:,}: {names}{source})")


class RepeatedErrors:
    """Errors of recordings: three with the same reason are printed at once, the others as a number."""

    def __init__(self) -> None:
        self._kinds: dict[str, _Kind] = {}

    def add(self, path: str, reason: str) -> None:
        """Report an error."""
        kind = self._kinds.setdefault(_NUMBER.sub("#", reason), _Kind(reason))
        kind.count += 1
        if kind.count <= SHOWN:
            text.note(f"Error: {path}: {reason}")

    def print(self) -> None:
        """Print how many more there were, for each reason."""
        for kind in self._kinds.values():
            if kind.count > SHOWN:
                text.note(f"Error: {kind.count - SHOWN:,} more with the same reason: {kind.message}")
