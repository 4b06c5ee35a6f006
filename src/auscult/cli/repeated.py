"""Messages about many recordings: one line for each kind, with a count and the names of a few."""

from __future__ import annotations

from dataclasses import dataclass, field

from auscult.cli import text
from auscult.runtime.number_ranges import NumberRanges, without_numbers

#: Names that are printed of each kind of message.
SHOWN = 3


@dataclass
class _Kind:
    """Messages that differ only in numbers."""

    message: NumberRanges
    count: int = 0
    names: list[str] = field(default_factory=list)  # one more than are shown


class _Kinds(dict[str, _Kind]):
    """Kinds of messages by their text without numbers."""

    def add(self, message: str) -> _Kind:
        """Count a message, and return its kind."""
        kind = self.setdefault(without_numbers(message), _Kind(NumberRanges(message)))
        kind.message.add(message)
        kind.count += 1
        return kind


class RepeatedWarnings:
    """Warnings about recordings, printed at the end."""

    def __init__(self) -> None:
        self._kinds = _Kinds()

    def add(self, message: str, name: str) -> None:
        """Add a warning about a recording; it counts once for each of its windows."""
        kind = self._kinds.add(message)
        if name not in kind.names and len(kind.names) <= SHOWN:
            kind.names.append(name)

    def print(self, total: int) -> None:
        """Print a line for each kind of warning: ``Warning: … (4 of 10: a.wav, b.wav, c.wav, …)``.

        Args:
            total: number of recordings or windows.
        """
        for kind in self._kinds.values():
            names = ", ".join([*kind.names[:SHOWN], *(["…"] if len(kind.names) > SHOWN else [])])
            text.warn(f"{kind.message} ({kind.count:,} of {total:,}: {names})")


class RepeatedErrors:
    """Errors of recordings: three with the same reason are printed at once, the others as a number."""

    def __init__(self) -> None:
        self._kinds = _Kinds()

    def add(self, path: str, reason: str) -> None:
        """Report an error."""
        if self._kinds.add(reason).count <= SHOWN:
            text.note(f"Error: {path}: {reason}")

    def print(self) -> None:
        """Print how many more there were, for each reason."""
        for kind in self._kinds.values():
            if kind.count > SHOWN:
                text.note(f"Error: {kind.count - SHOWN:,} more with the same reason: {kind.message}")
