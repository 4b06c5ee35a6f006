"""Compare forms of the same encoder: size, time for a clip of 10 s on one core, features, and results.

    python -m bench.encoder_files -o results/files yamnet.onnx yamnet_static.onnx mn04_as.onnx [--print]

``FILE.onnx:NAME`` uses the output NAME of a file with several. Each file is fitted on the five real machines
(``AUSCULT_REAL_DATA``) with default options. Time is processor time of the encoder on one thread, without
reading and resampling the clip: the least of `REPETITIONS` runs, which take turns with those of the other
files. The difference is that of the mean features from those of
the first file whose name begins alike: the norm of the difference divided by the norm, median over the
first `COMPARED` training clips of every machine. Finished runs are reused, the rest is measured each time.
Writes its table to docs/results/encoders.md, with ``--print`` only to the terminal.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # as in a fit by a user

import numpy as np

import auscult
from auscult.corpus import AudioClip
from auscult.detectors.embedding.clip_encoder import MIN_ENCODER_SECONDS
from auscult.detectors.embedding.config import EmbeddingMemoryConfig
from auscult.detectors.embedding.encoder import Encoder, read_encoder
from auscult.detectors.embedding.encoder_report import encoder_rate
from auscult.sound import resample
from bench.encoder_framing import HEADER, cells
from bench.encoders import parse_options, run
from bench.markdown import table, this_machine, write_section

SECONDS = 10
REPETITIONS = 20
COMPARED = 10


@dataclass(frozen=True)
class OpenEncoder:
    """An encoder with its sample rate in Hz and maximum length of input in seconds."""

    encoder: Encoder
    rate: int
    window: float

    @classmethod
    def of(cls, settings: dict[str, Any]) -> OpenEncoder:
        """Open the encoder of a detector's settings."""
        config = EmbeddingMemoryConfig(**settings)
        encoder = Encoder.open(read_encoder(config.encoder), config.encoder, output=config.encoder_output)
        return cls(encoder, encoder_rate(encoder, config)[0], config.window_seconds)

    def frames(self, samples: np.ndarray) -> np.ndarray:
        """(F, D) of (N,) samples at the encoder's rate."""
        limits = (round(seconds * self.rate) for seconds in (self.window, MIN_ENCODER_SECONDS))
        return self.encoder.encode(samples, *limits)[0]

    def means(self, clips: Sequence[AudioClip]) -> np.ndarray:
        """(clips, D): the mean features of each clip."""
        samples = (resample(clip.waveform(), self.rate).samples for clip in clips)
        return np.stack([self.frames(x).mean(axis=0) for x in samples])

    def milliseconds(self) -> float:
        """Processor time for noise of `SECONDS` on one thread."""
        signal = 0.1 * np.random.default_rng(0).standard_normal(SECONDS * self.rate).astype(np.float32)
        started = time.process_time()
        self.frames(signal)
        return 1e3 * (time.process_time() - started)


def difference(features: np.ndarray, reference: np.ndarray) -> float:
    """The median relative difference of features (clips, D), per cent."""
    norms = np.linalg.norm(features - reference, axis=1) / np.linalg.norm(reference, axis=1)
    return 100 * float(np.median(norms))


def training_clips(data: Path) -> list[AudioClip]:
    """The first training clips of every machine."""
    folders = sorted(path.parent for part in ("bldc", "real") for path in (data / part).glob("*/train"))
    return [
        AudioClip.from_file(clip)
        for folder in folders
        for clip in list(auscult.open_corpus(str(folder)).for_training())[:COMPARED]
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the measurements."""
    options = parse_options(__doc__, arguments, "FILE.onnx[:OUTPUT]")
    data = Path(os.environ["AUSCULT_REAL_DATA"])
    clips, references = training_clips(data), dict[str, np.ndarray]()
    machines: list[str] = []
    files: list[OpenEncoder] = []
    rows = []
    for encoder in options.encoders:
        path, _, output = encoder.partition(":")
        settings = {"encoder": path, "encoder_output": output}
        name = Path(path).stem
        results = run(data, options.output / f"{name}{output}", ["embedding_memory"], settings)
        machines = list(dict.fromkeys(r.machine for r in results))
        files.append(OpenEncoder.of(settings))
        features = files[-1].means(clips)
        reference = next((key for key in references if name.startswith(key)), name)
        changed = difference(features, references.setdefault(reference, features))
        size = Path(path).stat().st_size / 1e6
        rows.append([f"`{name}`", f"{size:.1f}", f"{changed:.1f}", *cells(results, machines)])
    times = [[file.milliseconds() for file in files] for _ in range(REPETITIONS)]
    for cells_of_file, values in zip(rows, zip(*times, strict=True), strict=True):
        cells_of_file.insert(2, f"{min(values):.0f}")
    text = table(["file", "MB", "ms per clip", "difference, %", *machines, *HEADER], rows)
    text += f"\n\nMeasured on {this_machine()}, one thread."
    print(text)
    if not options.only_print:
        write_section("results/encoders.md", "files", text)


if __name__ == "__main__":
    main(sys.argv[1:])
