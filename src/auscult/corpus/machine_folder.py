"""Machine folders of the DCASE Challenge: ``<machine>/{train,test,supplemental}/``.

In 2021 the evaluation test clips are in ``source_test/`` and ``target_test/``. ``test_rename/``, if present,
contains copies of the evaluation clips under names that state domain and condition, and is used instead of
``test/``. Tables in the machine folder describe its clips, see `auscult.corpus.attribute_tables`.
"""

from __future__ import annotations

import os
from os import PathLike

from auscult.corpus.attribute_tables import add_attributes
from auscult.corpus.clip import Corpus
from auscult.corpus.dcase_names import (
    LABELLED_TEST_FOLDER,
    SPLIT_FOLDERS,
    UNLABELLED_TEST_FOLDERS,
    clip_at,
    split_folder_key,
)
from auscult.corpus.files import FolderReport, audio_files, holds_audio, subfolders, with_table
from auscult.corpus.simulated import mark_simulated
from auscult.errors import CorpusError
from auscult.sound.tables import TableSettings


def is_machine_folder(
    folder: str | PathLike[str], *, report: FolderReport | None = None, tables: TableSettings | None = None
) -> bool:
    """Whether this folder has recordings in at least one split folder and none directly in it.

    Folders that cannot be listed are added to the report; without one, they are an error. Split folders that
    cannot be listed count as if they had recordings. ``tables`` is what the user states about tables.
    """
    folder = os.fspath(folder)
    names = subfolders(folder, report=report)
    splits = [os.path.join(folder, name) for name in names if split_folder_key(name)]
    return (
        bool(splits)
        and not holds_audio(folder, recursive=False, report=report, tables=tables)
        and any(holds_audio(split, report=report, tables=tables) for split in splits)
    )


def machine_corpus(
    folder: str | PathLike[str],
    *,
    machine: str | None = None,
    report: FolderReport | None = None,
    tables: TableSettings | None = None,
) -> Corpus:
    """Return all clips of one machine folder: training, then test, then supplemental clips, then others.

    Others are those in folders that are no split folder; their split is unknown.

    If ``test_rename/`` contains clips, these are the test clips, since their names state domain and
    condition; `auscult.corpus.hidden_names` returns the names that a submission must use.

    Args:
        folder: the machine folder.
        machine: the machine's name; by default the folder's name.
        report: what is left out of the split folders is added to it.
        tables: what the user states about tables.

    Raises:
        CorpusError: there are no clips, a folder cannot be listed (without ``report``, or if there are no
            clips elsewhere), or an attribute table cannot be read.
    """
    folder = os.fspath(folder)
    machine = machine or os.path.basename(os.path.abspath(folder))
    present: dict[str | None, list[str]] = {key: [] for key in (*SPLIT_FOLDERS, None)}
    for name in subfolders(folder):
        files = audio_files(os.path.join(folder, name), report=report, tables=tables)
        present[split_folder_key(name)] += files
    ignored = UNLABELLED_TEST_FOLDERS if present[LABELLED_TEST_FOLDER] else ()
    clips = [
        with_table(clip_at(path, machine=machine, split_folder=key), tables)
        for key, paths in present.items()
        if key not in ignored
        for path in paths
    ]
    if not clips:
        if report is not None:
            report.check_listed()
        raise CorpusError(folder, f"no audio files in any of {', '.join(SPLIT_FOLDERS)}")
    return Corpus(mark_simulated(add_attributes(clips, folder), folder), root=folder)
