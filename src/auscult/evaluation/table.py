"""Tables of text for a terminal, Markdown and LaTeX, with notes."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

from auscult.evaluation.latex_text import latex_text

#: The text of a cell without a value.
NONE = "–"

#: The space between two columns of text.
_GAP = "  "


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes:
        header: titles of the columns.
        rows: the rows; rows with the same machine in the first column follow each other.
        notes: sentences below the table.
        name_columns: number of columns with names, to the left, before the columns with numbers.
        groups: titles above the columns with numbers, each with the number of its columns; may be empty.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    name_columns: int = 2
    groups: tuple[tuple[str, int], ...] = ()

    def to_text(self) -> str:
        """The table in aligned columns for a terminal: names to the left, numbers to the right."""
        widths = [max(_width(row[i]) for row in (self.header, *self.rows)) for i in range(len(self.header))]
        lines = [*self._text_groups(widths), self._aligned(self.header, widths)]
        for is_first, row in self._grouped_rows():
            if is_first:
                lines.append(_GAP.join("─" * width for width in widths))
            lines.append(self._aligned(row, widths))
        return "\n".join([*lines, *wrapped(self.notes)]) + "\n"

    def to_markdown(self) -> str:
        """The table in Markdown, with the notes below."""
        titles = [title for title, number in self.groups for _ in range(number)]
        above = [*[""] * self.name_columns, *titles] if titles else [""] * len(self.header)
        header = [f"{group} {title}".strip() for group, title in zip(above, self.header, strict=True)]
        ruler = ["---" if i < self.name_columns else "---:" for i in range(len(header))]
        lines = ["| " + " | ".join(_escaped(cell) for cell in row) + " |" for row in (header, *self.rows)]
        lines.insert(1, "| " + " | ".join(ruler) + " |")
        notes = [""] + [f"{note}  " for note in self.notes] if self.notes else []
        return "\n".join(lines + notes) + "\n"

    def to_latex(self) -> str:
        """The table as a LaTeX ``tabular`` with rules of the package ``booktabs``, and the notes below it."""
        columns = "l" * self.name_columns + "r" * (len(self.header) - self.name_columns)
        lines = [f"\\begin{{tabular}}{{{columns}}}", "\\toprule", *self._latex_groups()]
        lines.append(_latex_row(self.header))
        for is_first, row in self._grouped_rows():
            if is_first:
                lines.append("\\midrule")
            lines.append(_latex_row(row))
        return "\n".join([*lines, "\\bottomrule", "\\end{tabular}", *self._latex_notes()]) + "\n"

    def _grouped_rows(self) -> Iterator[tuple[bool, tuple[str, ...]]]:
        """Whether a rule is above a row, and the row; a machine is named in the first of its rows.

        With only one column of names all rows are one group.
        """
        previous = None
        for first, *cells in self.rows:
            is_first = first != previous if self.name_columns > 1 else previous is None
            repeated = first == previous and self.name_columns > 1
            yield is_first, ("" if repeated else first, *cells)
            previous = first

    def _aligned(self, row: tuple[str, ...], widths: list[int]) -> str:
        cells = []
        for index, (cell, width) in enumerate(zip(row, widths, strict=True)):
            space = " " * (width - _width(cell))
            cells.append(cell + space if index < self.name_columns else space + cell)
        return _GAP.join(cells).rstrip()

    def _spans(self) -> Iterator[tuple[str, slice]]:
        """The title of each group, and its columns."""
        first = self.name_columns
        for title, number in self.groups:
            yield title, slice(first, first + number)
            first += number

    def _text_groups(self, widths: list[int]) -> list[str]:
        """A line with the titles of the groups over the middle of their columns; empty without groups.

        Args:
            widths: of the columns; those of a group with a longer title are made wider.
        """
        cells = []
        for title, columns in self._spans():
            widths[columns.start] += max(0, _width(title) - _joined(widths[columns]))
            space = _joined(widths[columns]) - _width(title)
            cells.append(" " * (space // 2) + title + " " * (space - space // 2))
        names = [" " * width for width in widths[: self.name_columns]]
        return [_GAP.join([*names, *cells]).rstrip()] if cells else []

    def _latex_notes(self) -> list[str]:
        """The notes in small print, over the whole width of the text; empty without notes."""
        if not self.notes:
            return []
        paragraphs = [f"{latex_text(note)}\\par" for note in self.notes]
        start = ["\\par\\smallskip", "\\begin{minipage}{\\linewidth}", "\\footnotesize\\raggedright"]
        return [*start, *paragraphs, "\\end{minipage}"]

    def _latex_groups(self) -> list[str]:
        """A row with the titles of the groups over their columns, and the rules below them."""
        cells, rules = [""] * self.name_columns, []
        for title, columns in self._spans():
            cells.append(f"\\multicolumn{{{columns.stop - columns.start}}}{{c}}{{{latex_text(title)}}}")
            rules.append(f"\\cmidrule(lr){{{columns.start + 1}-{columns.stop}}}")
        return [" & ".join(cells) + " \\\\", " ".join(rules)] if rules else []


def wrapped(notes: Iterable[str], width: int = 100) -> list[str]:
    """The lines of notes for a terminal; the further lines of a note are indented."""
    return [
        line
        for note in notes
        for line in wrap(note, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    ]


def _joined(widths: Sequence[int]) -> int:
    """The width of several columns together."""
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _width(text: str) -> int:
    """The width of text in a terminal, in columns."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def _latex_row(cells: Iterable[str]) -> str:
    row = " & ".join(map(latex_text, cells))
    return f"{'{}' if row.startswith('[') else ''}{row} \\\\"  # a bracket would belong to the row before


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")
