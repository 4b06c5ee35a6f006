"""The inputs of ``auscult score``: which recordings they name, and what was left out of their folders."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from auscult.cli import text
from auscult.corpus import Clip, open_corpus
from auscult.corpus.files import LISTING_REMEDY, FolderReport, describe_other_files, walk_audio
from auscult.errors import CorpusError
from auscult.model.model_file import is_model_file
from auscult.sound.tables import TableSettings


@dataclass
class Scan:
    """What a first pass over the inputs gave. The clips are not stored, since there may be millions.

    Attributes:
        count: number of clips and errors.
        width: length of the longest path as printed.
        errors: the inputs without clips, and the folders that cannot be listed.
        left_out: the folders that cannot be listed, and the files of other kinds.
    """

    count: int = 0
    width: int = 0
    errors: list[CorpusError] = field(default_factory=list)
    left_out: FolderReport = field(default_factory=FolderReport)

    def nothing_to_report(self) -> bool:
        """Whether the inputs contain no recording and no folder that cannot be listed."""
        return self.count == len(self.errors) and not self.left_out.unlisted

    def other_files(self) -> str | None:
        """``3 files of other kinds were not scored: 2 .txt, 1 without extension``; ``None`` without any."""
        return describe_other_files(self.left_out.other_files, "scored")


def scan_inputs(inputs: Sequence[str], tables: TableSettings) -> Scan:
    """Count the clips of all inputs; ``tables`` is how tables are read."""
    scan = Scan()
    for clip in expand_inputs(inputs, tables, scan.left_out):
        scan.count, scan.width = scan.count + 1, max(scan.width, len(text.printable(clip.path)))
        if isinstance(clip, CorpusError):
            scan.errors.append(clip)
    return scan


def expand_inputs(
    inputs: Sequence[str], tables: TableSettings, report: FolderReport | None = None
) -> Iterator[Clip | CorpusError]:
    """Yield the clips of all inputs: files, folders and manifests.

    Of a folder all recordings are taken. Its corpus would leave out those outside ``train`` and ``test``.

    Args:
        inputs: paths.
        tables: how tables are read; those in folders are recordings only if this states something.
        report: what the folders contain besides is added to it.

    Yields:
        The clips, and an error for every input without clips and for every folder that cannot be listed.
    """
    for path in inputs:
        if os.path.isdir(path):
            here = FolderReport()
            empty = True
            for name in walk_audio(path, report=here, tables=tables):
                empty = False
                yield Clip(path=name)
            for folder, reason in here.unlisted:
                yield CorpusError(
                    folder,
                    f"the folder cannot be listed ({reason}), so nothing in it was scored; {LISTING_REMEDY}",
                )
            if report is not None:
                report.unlisted += here.unlisted
                report.other_files += here.other_files
            if not empty or here.unlisted:
                continue
        elif path.lower().endswith(".auscult") and is_model_file(path):
            yield CorpusError(
                path, "a model file, not a recording: only one MODEL can be given, as the first"
            )
            continue
        elif os.path.isfile(path) and not path.lower().endswith(".csv"):
            yield Clip(path=path)
            continue
        try:
            yield from open_corpus(path, labels=False, tables=tables)
        except CorpusError as error:
            yield error
