"""Measure what the framing of an encoder changes: fixed patches, or the whole clip at once.

    python -m bench.encoder_framing -o results/framing yamnet.onnx yamnet_whole.onnx [--print]

The files have the same weights and differ only in the length of their input; the script in
docs/how-to/export-an-encoder.md writes both. Each is fitted on the five real machines (``AUSCULT_REAL_DATA``)
with the default pooling and with the plain mean over the frames, and with both distances. The first table
gives the mean over the five scores, so that no score is chosen by its result, and the mean of the default
score; the second one gives every score with default options. Finished runs are reused. Writes its tables to
docs/results/encoders.md, with ``--print`` only to the terminal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

os.environ.setdefault("OMP_NUM_THREADS", "1")  # as in a fit by a user

from auscult.detectors.embedding.embedding_memory import EmbeddingMemory
from auscult.evaluation import Result
from bench.encoders import METRICS, parse_options, row, run
from bench.markdown import table, write_section

#: Name of a pooling to its options; the plain mean weights all frames and all values equally.
POOLINGS = {"default": {}, "plain mean": {"gem_power": 1, "rdp_gamma": 0}}


#: Columns after those of the machines.
HEADER = ("mean", f"`{EmbeddingMemory.scores[0]}` alone")


def cells(results: Sequence[Result], machines: Sequence[str]) -> list[str]:
    """The harmonic mean of AUC source, AUC target and pAUC in per cent, as the mean over the five scores.

    Returns:
        One value per machine, their mean, and the mean over the machines of the default score.
    """
    values = [fmean(r.harmonic_mean for r in results if r.machine == machine) for machine in machines]
    default = fmean(r.harmonic_mean for r in results if r.score == EmbeddingMemory.scores[0])
    return [f"{100 * value:.1f}" for value in (*values, fmean(values), default)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the measurements."""
    options = parse_options(__doc__, arguments)
    data = Path(os.environ["AUSCULT_REAL_DATA"])
    machines: list[str] = []
    rows, score_rows = [], []
    for encoder in options.encoders:
        for pooling, settings in POOLINGS.items():
            for metric in METRICS:
                name = Path(encoder).stem
                folder = options.output / f"{name}-{pooling.replace(' ', '-')}-{metric}"
                results = run(
                    data, folder, ["embedding_memory"], {"encoder": encoder, "metric": metric, **settings}
                )
                machines = list(dict.fromkeys(r.machine for r in results))
                rows.append([f"`{name}`", pooling, metric, *cells(results, machines)])
                if not settings and metric == METRICS[0]:
                    score_rows += [
                        row([f"`{name}`", f"`{score}`"], [r for r in results if r.score == score], machines)
                        for score in EmbeddingMemory.scores
                    ]
    means = table(["encoder", "pooling", "metric", *machines, *HEADER], rows)
    text = f"{means}\n\n{table(['encoder', 'score', *machines, 'mean'], score_rows)}"
    print(text)
    if not options.only_print:
        write_section("results/encoders.md", "framing", text)


if __name__ == "__main__":
    main(sys.argv[1:])
