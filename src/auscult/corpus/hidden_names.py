"""Original file names of the evaluation clips whose labelled copies a machine folder also contains.

The file names in ``test/`` show neither domain nor condition. ``test_rename/`` contains copies whose names
do, which metrics need, but the score files of a submission must use the names in ``test/``. A copy and its
original have the same bytes, so that they are matched by content, independent of their names.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from os import PathLike

from auscult.corpus.dcase_names import LABELLED_TEST_FOLDER, UNLABELLED_TEST_FOLDERS
from auscult.corpus.files import audio_files
from auscult.errors import CorpusError


def hidden_names(folder: str | PathLike[str]) -> dict[str, str | None]:
    """Return the file name in ``test/`` of each file in ``test_rename/`` of a machine folder.

    Files with identical content are matched in the order of their names; how they are matched does not
    affect their scores.

    Returns:
        Labelled name to hidden name, ``None`` if no file in ``test/`` has the same content; empty unless
        both folders contain clips.

    Raises:
        CorpusError: a file cannot be read.
    """
    folder = os.fspath(folder)
    copies = audio_files(os.path.join(folder, LABELLED_TEST_FOLDER))
    originals = [p for name in UNLABELLED_TEST_FOLDERS for p in audio_files(os.path.join(folder, name))]
    if not copies or not originals:  # nothing to match, so that no file needs to be read
        return {}
    unmatched: dict[bytes, list[str]] = defaultdict(list)
    for path in reversed(originals):  # so that pop() returns the first one
        unmatched[_digest(path)].append(os.path.basename(path))
    names: dict[str, str | None] = {}
    for path in copies:
        candidates = unmatched[_digest(path)]
        names[os.path.basename(path)] = candidates.pop() if candidates else None
    return names


def _digest(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise CorpusError(path, f"cannot be read: {error.strerror or error}") from error
