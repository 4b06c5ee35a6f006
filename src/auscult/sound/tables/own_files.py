"""Files that auscult writes, which are never read as signals: results, lists, embeddings and masks."""

from __future__ import annotations

import os
import zipfile

from auscult.errors import TableError
from auscult.sound.tables.kinds import EXTENSIONS, table_kind
from auscult.sound.tables.text_table import read_head

#: The first cell of the header of a CSV file that auscult writes, and another cell of it.
_HEADERS = (
    ("path", "score"),  # score
    ("machine", "pauc"),  # results of bench
    ("machine", "metric"),  # table
    ("section", "curve"),  # ROC curves of evaluate
    ("section", "low"),  # histograms of evaluate
    ("network", "epoch"),  # training curves of inspect
    ("file_name", "file_name"),  # attributes of simulate and of DCASE data
)
#: Arrays of a file that ``auscult embed`` writes.
_OF_EMBEDDINGS = {"paths.npy", "conditions.npy", "domains.npy", "detector.npy"}
#: Folder of the masks of simulated faults, and the file beside it.
_MASKS, _METADATA = "masks", "simulation.json"
#: Extensions of recordings in lists of them.
_LINES = 50  # at the start of a file, by which it is known to be a list
_RECORDINGS = frozenset({".wav", ".flac", ".mp3", ".ogg", *EXTENSIONS})


def is_written_by_auscult(path: str) -> bool:
    """Whether a table is a file that auscult wrote, or a list of recordings."""
    try:
        match table_kind(path):
            case "text":
                return _is_list(path)
            case "npz":
                with zipfile.ZipFile(path) as archive:
                    return set(archive.namelist()) >= _OF_EMBEDDINGS
            case "npy":
                return is_mask(path)
    except (OSError, zipfile.BadZipFile):
        pass
    return False


def is_mask(path: str) -> bool:
    """Whether a file is the mask of a simulated fault, by its name and folder."""
    folder = os.path.dirname(os.path.abspath(path))
    return (
        path.endswith(".npy")
        and os.path.basename(folder) == _MASKS
        and os.path.isfile(os.path.join(os.path.dirname(folder), _METADATA))
    )


def consists_of_words(path: str) -> bool:
    """Whether a text file is a list rather than a signal.

    Most cells at its start are words, or a column has the names of recordings or of existing files.
    """
    try:
        head = [line for line in read_head(path)[1 : _LINES + 1] if line.strip()]
    except (TableError, OSError):
        return False
    separator = max(",;\t", key="".join(head).count)
    lines = [[cell.strip().strip('"') for cell in line.split(separator)] for line in head]
    cells = [cell for line in lines for cell in line if cell]
    words = sum(cell[0].isalpha() and not _is_number(cell) for cell in cells)
    if 2 * words > len(cells):
        return True
    folder = os.path.dirname(path)
    return any(
        os.path.splitext(cell)[1].lower() in _RECORDINGS or os.path.isfile(os.path.join(folder, cell))
        for cell in cells
        if not _is_number(cell)
    )


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def is_manifest(path: str) -> bool:
    """Whether a text file has a column ``path`` in its first line: it lists recordings."""
    return "path" in _first_cells(path)


def _is_list(path: str) -> bool:
    cells = _first_cells(path)
    if any(cells[:1] == [first] and second in cells for first, second in _HEADERS) or "path" in cells:
        return True
    return len(cells) == 2 and os.path.splitext(cells[0])[1] in _RECORDINGS  # scores or decisions as in DCASE


def _first_cells(path: str) -> list[str]:
    """The cells of the first line, in lower case."""
    try:
        lines = read_head(path)
    except (TableError, OSError):
        return []
    line = lines[0] if lines else ""
    separator = max(",;\t", key=line.count)
    return [cell.strip().strip('"').lower() for cell in line.split(separator)]
