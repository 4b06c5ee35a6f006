"""Whether exported files of `auto` find what auscult finds, on the test clips of all real machines.

    python -m bench.edge_verdicts [--print]

The real machines are those of ``AUSCULT_REAL_DATA``. For each, `auto` is fitted without options and exported.
Every test clip is then scored with the file and with auscult, from the same samples. Writes its table between
its markers in docs/results/edge.md; with ``--print`` only to the terminal.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before the import

import onnxruntime

import auscult
from auscult.corpus import machine_folders
from bench.fusion_scores import real_data
from bench.markdown import table, this_machine, write_section


@dataclass(frozen=True)
class Verdicts:
    """Comparison of an exported file with auscult on the test clips of one machine.

    Attributes:
        machine: its name.
        training: number of training clips.
        megabytes: size of the file.
        clips: number of test clips.
        anomalous: number of clips that are anomalous for auscult, at 5 % promised false alarms.
        same: number of clips with the same verdict from the file.
        difference: largest difference of the scores, relative to that of auscult.
    """

    machine: str
    training: int
    megabytes: float
    clips: int
    anomalous: int
    same: int
    difference: float


def compare(home: Path, folder: Path, *, step: int = 1, **settings: Any) -> Verdicts:
    """Fit `auto` to one machine, export it to ``folder``, and score every ``step``-th test clip."""
    corpus, file = auscult.open_corpus(home), folder / f"{home.name}.onnx"
    training, test = corpus.for_training(), list(corpus.for_evaluation())[::step]
    model = auscult.fit(training, "auto", **settings)
    threshold = model.threshold().value
    assert threshold is not None, "the real machines have enough training clips for 5 % false alarms"
    auscult.export(model, file)
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    anomalous, same, difference = 0, 0, 0.0
    for clip in test:
        recording = model.audio_clip(clip)
        expected = model.score_recording(recording)
        score = float(session.run(["score", "map"], {"samples": recording.waveform().samples})[0])
        anomalous += bool(expected.anomalous)
        same += (score > threshold) == expected.anomalous
        difference = max(difference, abs(score - expected.score) / abs(expected.score))
    size = file.stat().st_size / 1e6
    return Verdicts(home.name, len(training), size, len(test), anomalous, same, difference)


def as_page(machines: Sequence[Verdicts]) -> str:
    """The table and its note, as Markdown."""
    header = [
        *("machine", "training clips", "file, MB", "test clips", "anomalous for auscult"),
        *("same verdict", "largest relative score difference"),
    ]
    rows = [
        [
            f"`{m.machine}`",
            str(m.training),
            f"{m.megabytes:.2f}",
            str(m.clips),
            str(m.anomalous),
            str(m.same),
            f"{m.difference:.0e}",
        ]
        for m in machines
    ]
    return (
        f"{table(header, rows)}\n\n`auto` fitted without options, thresholds at 5 % false alarms, real "
        f"recordings. {this_machine()}."
    )


def main() -> None:
    """Compare all machines, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--print", action="store_true", help="only print to the terminal")
    arguments = parser.parse_args()
    homes = {**machine_folders(real_data() / "bldc"), **machine_folders(real_data() / "real")}
    with TemporaryDirectory() as name:
        page = as_page([compare(Path(home), Path(name)) for home in homes.values()])
    if arguments.print:
        print(page)
    else:
        write_section("results/edge.md", "verdicts", page)


if __name__ == "__main__":
    main()
