"""Where the organisers have published the ground truth of the evaluation sets, and fetching it.

The files are those of the official evaluators' repositories on GitHub, and for 2020 of a Zenodo record. They
are fetched from there and not part of auscult. They are saved in the layout that `auscult.dcase.ground_truth`
reads::

    <to>/dcase<YYYY>t2/eval_data/ground_truth/{ground_truth_data,ground_truth_domain,ground_truth_attributes}/

and each machine folder gets a table ``attributes_ground_truth.csv`` with condition, domain and attributes of
the test clips, whose file names do not state them.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from auscult.corpus.dcase_names import parse_name
from auscult.dcase.ground_truth import GroundTruth, read_ground_truth
from auscult.dcase.transfer import fetch_bytes
from auscult.errors import DownloadError
from auscult.evaluation.textfile import write_rows

GITHUB = "https://raw.githubusercontent.com"
TABLE = "attributes_ground_truth.csv"
_LIST_OF_2020 = "eval_data_list.csv"  # all machines in one file, a line with the machine before its clips
_RECORD_OF_2020 = 3951620
_LATER_SECTIONS = ("03", "04", "05")
_KINDS = ("data", "domain", "attributes")


@dataclass(frozen=True)
class LabelSource:
    """A repository with the ground truth of one year.

    Attributes:
        repository: ``owner/name`` on GitHub.
        revision: commit, or branch.
        sections: sections of the evaluation set.
        kinds: which of the folders ``ground_truth_<kind>`` it has.
        parts: parts of a section that have a file each: domains in 2021.
    """

    repository: str
    revision: str
    sections: tuple[str, ...] = ("00",)
    kinds: tuple[str, ...] = _KINDS
    parts: tuple[str, ...] = ("",)

    def files(self, machine: str) -> Iterator[str]:
        """Yield the paths of a machine's files in the repository."""
        for kind in self.kinds:
            for section in self.sections:
                for part in self.parts:
                    yield f"ground_truth_{kind}/ground_truth_{machine}_section_{section}{part}_test.csv"


LABEL_SOURCES = {
    2021: LabelSource(
        "y-kawagu/dcase2021_task2_evaluator",
        "0c11634ba7259e4ae4a655646aebd6cd056cc523",
        _LATER_SECTIONS,
        ("data",),
        ("_source", "_target"),
    ),
    2022: LabelSource(
        "Kota-Dohi/dcase2022_evaluator",
        "9785ae5c63f6308c699b8b82cff3bfcd08667df3",
        _LATER_SECTIONS,
        ("data", "domain"),
    ),
    2023: LabelSource("nttcslab/dcase2023_task2_evaluator", "c850537ff8e3b81ab09d90041279dbf86811738b"),
    2024: LabelSource("nttcslab/dcase2024_task2_evaluator", "576e3272d3d829031b246b3d270de52518af18d6"),
    2025: LabelSource("nttcslab/dcase2025_task2_evaluator", "main"),
}


def labels_address(year: int, *, zenodo: str, github: str = GITHUB) -> str | None:
    """Return where the ground truth of a year is, for the user; ``None`` if it has not been published."""
    if year == 2020:
        return f"{zenodo}/records/{_RECORD_OF_2020}"
    source = LABEL_SOURCES.get(year)
    return f"{github}/{source.repository}" if source else None


def fetch_labels(
    year: int,
    machines: Iterable[str],
    eval_data: Path,
    *,
    zenodo: str,
    github: str = GITHUB,
    backoff: float = 1.0,
) -> Path:
    """Fetch the ground truth of machines unless it is there, and write the tables of their test clips.

    Args:
        year: a year for which `labels_address` is not ``None``.
        machines: machines of its evaluation set.
        eval_data: the folder ``eval_data`` of the year; machine folders are in ``raw/``.
        zenodo, github: addresses of the servers.
        backoff: seconds before a second attempt.

    Returns:
        The folder of the ground truth, for ``auscult dcase evaluate``.

    Raises:
        DownloadError: a file cannot be fetched or written.
        EvaluationError: a file is not a ground truth.
    """
    folder = eval_data / "ground_truth"
    if year == 2020:
        url = f"{zenodo}/records/{_RECORD_OF_2020}/files/{_LIST_OF_2020}?download=1"
        if not (folder / "ground_truth_data").is_dir():
            _save_list_of_2020(url, fetch_bytes(url, backoff=backoff), folder)
    else:
        source = LABEL_SOURCES[year]
        for path in (path for machine in machines for path in source.files(machine)):
            if not (folder / path).exists():
                url = f"{github}/{source.repository}/{source.revision}/{path}"
                _save(folder / path, fetch_bytes(url, backoff=backoff))
    truths = read_ground_truth(folder)
    for machine in machines:
        machine_folder = eval_data / "raw" / machine
        if machine_folder.is_dir():
            own = {section: truth for (name, section), truth in truths.items() if name == machine}
            write_rows(machine_folder / TABLE, _table(own.values()))
    return folder


def _save(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        part.write_bytes(content)
        os.replace(part, path)
    except OSError as error:
        raise DownloadError(path, f"cannot be written: {error.strerror or error}") from error


def _save_list_of_2020(url: str, content: bytes, folder: Path) -> None:
    """Convert the list of 2020 to one file a machine and id; its rows are name, labelled name, label."""
    files: dict[tuple[str, str], list[list[str]]] = {}
    machine = None
    for row in csv.reader(io.StringIO(content.decode("utf-8-sig", "replace"))):
        fields = [field.strip() for field in row if field.strip()]
        if len(fields) == 1:
            machine = fields[0]
        elif fields:
            parsed = parse_name(fields[0])
            if machine is None or parsed is None or len(fields) != 3 or fields[2] not in ("0", "1"):
                raise DownloadError(url, f"not a list of labels of the known format: {','.join(row)!r}")
            files.setdefault((machine, parsed.section), []).append(fields)
    if not files:
        raise DownloadError(url, "contains no labels")
    # The folder whose presence shows that the list was fetched is written last.
    for kind, column in (("attributes", 1), ("data", 2)):
        for (machine, section), rows in files.items():
            text = "".join(f"{row[0]},{row[column]}\n" for row in rows)
            name = f"ground_truth_{machine}_section_{section}_test.csv"
            _save(folder / f"ground_truth_{kind}" / name, text.encode())


def _table(truths: Iterable[GroundTruth]) -> Iterator[list[str]]:
    """Rows of an attribute table: file name, condition, domain, then parameters and values in turn."""
    yield ["file_name", "condition", "domain"]
    for truth in truths:
        target = truth.labels.target
        for index, name in enumerate(truth.names):
            condition = "anomaly" if truth.labels.anomaly[index] else "normal"
            domain = "" if target is None else "target" if target[index] else "source"
            labelled = truth.labelled.get(name, ())
            fields = parse_name(labelled[-1]) if labelled else None
            pairs = fields.attributes.items() if fields else ()
            yield [f"test/{name}", condition, domain, *(part for pair in pairs for part in pair)]
