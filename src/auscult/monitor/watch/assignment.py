"""Which machine a recording belongs to: by the folders that it lies in, or by its file name.

The names of machines are those of their models, as `auscult fit` writes them: ``fan.auscult`` is of the
machine ``fan``, and ``fan-id_00.auscult`` of recordings in ``fan/id_00/``. Where names leave a doubt, a
recording is assigned to no machine, since a score by the model of another machine means nothing.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from auscult.corpus.files import without_extension
from auscult.corpus.machine_mixture import names_a_part

_WORDS = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Assignment:
    """The machine of a recording; ``None`` with the reason if it is not clear."""

    machine: str | None
    reason: str = ""


class Assigner:
    """Assigns recordings to machines by their paths in a folder.

    A folder names a machine if its name is that of the machine, whatever the letter case and the signs
    between words; so do several folders in a row whose names, joined by ``-``, are. If no folder names one,
    the file name does, if the words of the machine's name follow each other in it: ``2026-11-28_fan.wav``. A
    recording is refused if these rules name several machines, if folder and file name contradict each other,
    and if its folder lies beside folders that name machines: it may be that of a machine without a model.

    Args:
        machines: the names of all machines.
        stated: pattern to machine, as stated by the user, with precedence. A pattern has the wildcards ``*``
            and ``?``, and matches the path of a recording in the folder, or the name of the file or of one of
            its folders.
    """

    def __init__(self, machines: Iterable[str], stated: Mapping[str, str] | None = None) -> None:
        self.machines = frozenset(machines)
        self._stated = dict(stated or {})
        self._by_words: dict[tuple[str, ...], set[str]] = {}
        for machine in self.machines:
            if words := _words(machine):
                self._by_words.setdefault(words, set()).add(machine)
        self._longest = max(map(len, self._by_words), default=0)

    def assign(self, name: str, siblings: Sequence[Iterable[str]] = ()) -> Assignment:
        """Return the machine of a recording.

        Args:
            name: its path in the folder.
            siblings: for each folder of the path, the outermost first, the names of all folders beside it.
        """
        *folders, file = name.split(os.sep)
        if stated := self._stated_for(name, folders, file):
            if missing := stated - self.machines:
                return Assignment(None, f"there is no model of {_listed(missing)}, which is stated for it")
            return _single(stated, "stated for it")
        by_folder, by_file = self._of_folders(folders), self._in_name(file)
        if by_folder:
            words = {word for machine in by_folder for word in _words(machine)}
            others = {machine for machine in by_file if not words.issuperset(_words(machine))}
            if len(by_folder) == 1 and others and not by_folder & by_file:
                return Assignment(
                    None, f"its folder names {_listed(by_folder)}, but its file name {_listed(others)}"
                )
            return _single(by_folder, "named by its folders")
        if not by_file:
            return Assignment(None, f"its path names no machine: there are models of {self._known()}")
        for folder, beside in zip(folders, siblings, strict=False):
            others = self._of_folders([f for f in beside if f != folder], in_a_row=False)
            if others and not names_a_part(folder):
                return Assignment(
                    None,
                    f"there is no model of {folder}, whose folder lies beside that of {sorted(others)[0]}",
                )
        return _single(by_file, "named by its file name")

    def _stated_for(self, name: str, folders: Sequence[str], file: str) -> set[str]:
        path = name.replace(os.sep, "/")
        return {
            machine
            for pattern, machine in self._stated.items()
            if any(fnmatchcase(text, pattern) for text in (path, *folders, file))
        }

    def _of_folders(self, folders: Sequence[str], *, in_a_row: bool = True) -> set[str]:
        """The machines that folders name; the longest name of those that overlap."""
        words = [_words(folder) for folder in folders]
        runs = [
            (start, end)
            for start in range(len(words))
            for end in range(start + 1, len(words) + 1 if in_a_row else start + 2)
            if sum(words[start:end], ()) in self._by_words
        ]
        longest = [
            (start, end)
            for start, end in runs
            if not any(s <= start and end <= e and (s, e) != (start, end) for s, e in runs)
        ]
        return {machine for start, end in longest for machine in self._by_words[sum(words[start:end], ())]}

    def _in_name(self, file: str) -> set[str]:
        """The machines whose words follow each other in a file name."""
        words = _words(without_extension(file))
        return {
            machine
            for start in range(len(words))
            for end in range(start + 1, min(len(words), start + self._longest) + 1)
            for machine in self._by_words.get(words[start:end], ())
        }

    def _known(self) -> str:
        names = sorted(self.machines)
        return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _single(machines: set[str], how: str) -> Assignment:
    if len(machines) == 1:
        return Assignment(next(iter(machines)))
    return Assignment(None, f"several machines are {how}: {_listed(machines)}")


def _listed(machines: set[str]) -> str:
    return " and ".join(sorted(machines))


def _words(name: str) -> tuple[str, ...]:
    """The words of a name, without letter case: ``Pump_3 (copy)`` is ``pump``, ``3``, ``copy``."""
    return tuple(_WORDS.findall(unicodedata.normalize("NFKC", name).casefold()))
