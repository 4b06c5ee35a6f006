"""What the challenge calls the clips of an evaluation set whose labelled copies lie beside them.

The clips of ``test/`` say neither domain nor condition; ``test_rename/`` holds copies that do, which metrics
need. Score files of a submission bear the names of ``test/``. A copy has the bytes of what it was copied
from, so that the two are told to belong together by their content, whatever their names.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from os import PathLike

from auscult.corpus.dcase_names import HIDDEN, RENAMED
from auscult.corpus.files import audio_files
from auscult.errors import CorpusError


def hidden_names(folder: str | PathLike[str]) -> dict[str, str | None]:
    """The file name in ``test/`` of each file in ``test_rename/`` of a machine folder.

    Files of the same content are matched in the order of their names; which of them is which makes no
    difference to their scores.

    Returns:
        Labelled to hidden name, ``None`` for a copy of nothing in ``test/``; empty unless both folders hold
        clips.

    Raises:
        CorpusError: a file cannot be read.
    """
    folder = os.fspath(folder)
    copies = audio_files(os.path.join(folder, RENAMED))
    originals = [path for name in HIDDEN for path in audio_files(os.path.join(folder, name))]
    if not copies or not originals:  # nothing to match, so nothing to read
        return {}
    waiting: dict[bytes, list[str]] = defaultdict(list)
    for path in reversed(originals):  # so that pop() gives the first
        waiting[_digest(path)].append(os.path.basename(path))
    found: dict[str, str | None] = {}
    for path in copies:
        same = waiting[_digest(path)]
        found[os.path.basename(path)] = same.pop() if same else None
    return found


def _digest(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise CorpusError(path, f"cannot be read: {error.strerror or error}") from error
