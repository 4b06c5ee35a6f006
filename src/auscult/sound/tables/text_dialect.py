"""How a text file holds a table: separator, decimal sign, header, and which columns are numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

#: Lines by which separator and decimal sign are chosen. They are taken from the end of what was read, since
#: files may begin with a description.
_SAMPLE = 60
#: Fraction of these that has to have the same numbers of cells and of numbers.
_SHARE = 0.5
#: Separators, ``None`` for white space, each with the decimal signs that are possible with it; the first that
#: fits is chosen.
_CANDIDATES: Sequence[tuple[str | None, str]] = (
    (";", "."),
    (";", ","),
    ("\t", "."),
    ("\t", ","),
    (",", "."),
    ("|", "."),
    (None, "."),
    (None, ","),
)
_NUMBER = {
    ".": re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?:nan|inf)(?:inity)?", re.IGNORECASE),
    ",": re.compile(r"[+-]?(?:\d+(?:,\d+)?|,\d+)(?:[eE][+-]?\d+)?|[+-]?(?:nan|inf)(?:inity)?", re.IGNORECASE),
}
_INTEGER = re.compile(r"[+-]?\d+")
_HEADER_LINES = 3  # names, units, and one more
_WORD = re.compile(r"[^\W\d_]{3}")
_MISSING = frozenset({"err", "error", "null", "none", "n/a", "value", "invalid", "overflow", "over", "ovl"})
_COMMENT = re.compile(r"^\s*[#%]+\s*")


@dataclass(frozen=True)
class Dialect:
    """How a text file holds a table.

    Attributes:
        separator: between cells; ``None`` for white space.
        decimal: the decimal sign.
        first: index of the first line of data, from 0.
        cells: number of cells in a line of data.
        numeric: indices of the columns of numbers.
        names: name of each column; empty without a header.
        units: unit of each column; empty if the file states none.
        quoted: whether cells are in quotation marks.
        damaged: index of the line above ``first`` if it is a damaged line of data.
    """

    separator: str | None
    decimal: str
    first: int
    cells: int
    numeric: tuple[int, ...]
    names: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    quoted: bool = False
    damaged: int | None = None

    def split(self, line: str) -> list[str]:
        """Return the cells of a line."""
        return _split(line, self.separator)

    def is_number(self, cell: str) -> bool:
        """Whether a cell is a number."""
        return bool(_NUMBER[self.decimal].fullmatch(cell))


def find_dialect(lines: Sequence[str]) -> Dialect | None:
    """Find out how lines from the start of a file hold a table of numbers; ``None`` if they do not.

    Args:
        lines: complete lines.
    """
    sample = [line for line in lines if line.strip()][-_SAMPLE:]
    if not sample:
        return None
    best: tuple[float, ...] = ()
    chosen: tuple[str | None, str, tuple[bool, ...]] | None = None
    for order, (separator, decimal) in enumerate(_CANDIDATES):
        patterns = Counter(_pattern(line, separator, decimal) for line in sample)
        pattern, count = patterns.most_common(1)[0]
        share = count / len(sample)
        if not any(pattern) or share < _SHARE:
            continue
        texts = _texts(sample, separator, pattern)
        rank = (round(share, 1), -texts, sum(pattern), -order)
        if not best or rank > best:
            best, chosen = rank, (separator, decimal, pattern)
    if chosen is None:
        return None
    separator, decimal, pattern = chosen
    first = next(i for i, line in enumerate(lines) if _pattern(line, separator, decimal) == pattern)
    header = _header(lines[:first], separator, decimal, len(pattern))
    if separator == "," and _is_one_number(sample, pattern, "".join(lines[:first]).rstrip()):
        separator, decimal, pattern = None, ",", (True,)
        header = _header(lines[:first], separator, decimal, 1)
    numeric = tuple(i for i, is_number in enumerate(pattern) if is_number)
    names = tuple(header[0]) if header else ()
    units = tuple(header[1]) if len(header) > 1 else ()
    quoted = '"' in lines[first]
    damaged = first - 1 if first and _is_damaged(lines[first - 1], separator, decimal, len(pattern)) else None
    return Dialect(separator, decimal, first, len(pattern), numeric, names, units, quoted, damaged)


def _split(line: str, separator: str | None) -> list[str]:
    cells = line.split() if separator is None else line.rstrip("\r\n").split(separator)
    return [_unquoted(cell.strip()) for cell in cells]


def _unquoted(cell: str) -> str:
    return cell[1:-1].strip() if len(cell) > 1 and cell[0] == cell[-1] == '"' else cell


def _pattern(line: str, separator: str | None, decimal: str) -> tuple[bool, ...]:
    """For each cell of a line whether it is a number."""
    number = _NUMBER[decimal]
    return tuple(bool(number.fullmatch(cell)) for cell in _split(line, separator))


def _texts(sample: Sequence[str], separator: str | None, pattern: tuple[bool, ...]) -> int:
    """The number of columns that hold texts, in lines with as many cells as the pattern."""
    lines = [cells for line in sample if len(cells := _split(line, separator)) == len(pattern)]
    return sum(not is_number and any(cells[i] for cells in lines) for i, is_number in enumerate(pattern))


def _header(lines: Sequence[str], separator: str | None, decimal: str, cells: int) -> list[list[str]]:
    """The lines directly above the data that have as many cells: names, and perhaps units.

    Names of a single column, which any line has, are the last line only. Integers can be names, other numbers
    cannot.
    """
    header: list[list[str]] = []
    for line in reversed(lines):
        if not line.strip() and not header:
            continue
        content = _COMMENT.sub("", line)
        split = _split(content, separator) if separator is not None or cells > 1 else [content.strip()]
        if len(split) != cells or len(header) == (_HEADER_LINES if cells > 1 else 1):
            break
        if any(_NUMBER[decimal].fullmatch(cell) and not _INTEGER.fullmatch(cell) for cell in split):
            break
        header.insert(0, split)
    return header


def _is_damaged(line: str, separator: str | None, decimal: str, cells: int) -> bool:
    """Whether a line above the data is one of the data: some cells are numbers, the others are no words."""
    split = _split(line, separator)
    others = [cell for cell in split if not _NUMBER[decimal].fullmatch(cell)]
    if (
        len(split) != cells
        or len(others) == cells
        or all(_INTEGER.fullmatch(c) for c in split if c not in others)
    ):
        return False
    return all(not _WORD.search(cell) or cell.casefold().strip("#!") in _MISSING for cell in others)


def _is_one_number(sample: Sequence[str], pattern: Sequence[bool], above: str) -> bool:
    """Whether two integers with a comma between them are one number with a decimal comma.

    They are if the second one begins with a zero, or if the line above the data has no comma.
    """
    pairs = [pair for line in sample if len(pair := _split(line, ",")) == 2]
    if len(pattern) != 2 or not pairs or not all(_INTEGER.fullmatch(a) and b.isdecimal() for a, b in pairs):
        return False
    zero = any((len(b) > 1 and b[0] == "0") or a == "-0" for a, b in pairs)
    return zero or (above != "" and "," not in above.splitlines()[-1])
