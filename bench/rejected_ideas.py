"""Measure optimisations that were tried and rejected, and how the time to score a clip is spent.

    python -m bench.rejected_ideas

Uses simulated clips of 10 s and one thread unless stated otherwise; alternatives are run alternately. Writes
its tables to docs/results/performance.md. Nothing else should run on the machine at the same time.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import scipy.fft
import torch

import auscult
from auscult.corpus import AudioClip, Corpus
from auscult.detectors.reconstruction.autoencoder import Autoencoder
from auscult.detectors.reconstruction.network_detector import NetworkDetector
from auscult.detectors.training.step import FleetStep
from auscult.runtime.memory import retain_heap
from auscult.simulation import simulate
from auscult.sound import read_audio
from auscult.spectrum import context_windows
from bench import plain
from bench.markdown import table, this_machine, write_section

ROUNDS = 9
STEPS = 60
BUSY_STEPS = 5
MAX_STEPS = 10_000  # of one `FleetStep`
FRAMES = 3000
FOLDER_CLIPS = 20  # clips that are scored in one call, like a folder


def alternating_times(functions: Mapping[str, Callable[[], object]], calls: int) -> dict[str, float]:
    """Milliseconds per call of each function: median over rounds of the median over the calls in a round."""
    medians: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(ROUNDS):
        for name, call in functions.items():
            milliseconds = []
            for _ in range(calls):
                started = time.perf_counter()
                call()
                milliseconds.append(1e3 * (time.perf_counter() - started))
            medians[name].append(median(milliseconds))
    return {name: median(values) for name, values in medians.items()}


def plain_step(*, compiled: bool) -> Callable[[], None]:
    """Return a function that runs one training step of the plain autoencoder."""
    network = plain.Autoencoder().train()
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    loss = torch.compile(network.loss) if compiled else network.loss
    x = torch.randn(plain.BATCH, plain.WIDTH)

    def step() -> None:
        optimiser.zero_grad()
        loss(x).backward()
        optimiser.step()

    return step


def compiling() -> list[list[str]]:
    """The plain training step, eager and compiled."""
    torch.set_num_threads(1)
    steps = {"eager": plain_step(compiled=False), "compiled": plain_step(compiled=True)}
    steps["eager"]()
    started = time.perf_counter()
    steps["compiled"]()
    seconds = time.perf_counter() - started
    milliseconds = alternating_times(steps, STEPS)
    gain = milliseconds["eager"] - milliseconds["compiled"]
    amortised = f"after {1e3 * seconds / gain:,.0f} steps" if gain > 0 else "never"
    return [
        [
            "training step of the plain network, ms",
            f"{milliseconds['eager']:.2f}",
            f"`torch.compile`: {milliseconds['compiled']:.2f}",
        ],
        ["time to compile it", "–", f"{seconds:.1f} s; amortised {amortised}"],
    ]


def fleet_step(threads: int) -> Callable[[], None]:
    """Return a function that runs one training step of an autoencoder on a number of threads."""
    detector = Autoencoder()
    config, generators = detector.config, [torch.Generator().manual_seed(0)]
    bands, width = config.front_end.n_mels, config.context * config.front_end.n_mels
    frames = torch.randn(FRAMES, bands, generator=generators[0])
    windows = frames.as_strided((FRAMES - config.context + 1, width), (bands, 1))
    step = FleetStep(
        detector.network.build(generators).train(),
        detector.network.loss,
        windows,
        generators,
        batch_size=config.batch_size,
        epoch_steps=MAX_STEPS,
        learning_rate=config.learning_rate,
    )
    index = torch.randint(0, len(windows), (1, config.batch_size), generator=generators[0])
    mask = torch.ones(1, config.batch_size, 1)

    def run() -> None:
        torch.set_num_threads(threads)
        step(index, mask)

    return run


def two_threads() -> list[list[str]]:
    """A training step of one machine on one thread and on two, alone and beside a busy process per core."""
    rows = []
    beside = " beside a busy process on each core"
    for name, others, calls in (("", 0, STEPS), (beside, os.cpu_count() or 1, BUSY_STEPS)):
        with busy_processes(others):
            steps = {"one": fleet_step(1), "two": fleet_step(2)}
            milliseconds = alternating_times(steps, calls)
        rows.append(
            [
                f"training step of one machine{name}, ms",
                f"{milliseconds['one']:.1f}",
                f"two threads: {milliseconds['two']:.1f}",
            ]
        )
    torch.set_num_threads(1)
    return rows


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Keep as many processes busy while the block runs."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def batching(detector: NetworkDetector, frames: np.ndarray) -> list[list[str]]:
    """The network on the windows of one clip, and on those of eight clips in one run, in ms per clip."""
    rows = []
    for seconds, count in ((1.0, 32), (10.0, len(frames))):
        windows = np.ascontiguousarray(context_windows(frames[:count], detector.config.context))
        eight = np.concatenate([windows] * 8)
        milliseconds = alternating_times(
            {"single": lambda w=windows: detector.run(w), "eight": lambda w=eight: detector.run(w)},  # type: ignore[misc]
            STEPS,
        )
        name = f"network on a clip of {seconds:g} s, ms"
        rows.append(
            [
                name,
                f"{milliseconds['single']:.3f}",
                f"eight clips in one run: {milliseconds['eight'] / 8:.3f} each",
            ]
        )
    return rows


def transforms() -> list[list[str]]:
    """The real Fourier transform of 313 frames in float64 and in float32."""
    frames = np.random.default_rng(0).standard_normal((313, 1024))
    small = frames.astype(np.float32)
    milliseconds = alternating_times(
        {"64": lambda: np.fft.rfft(frames), "32": lambda: scipy.fft.rfft(small)}, STEPS
    )
    return [
        [
            "Fourier transforms of a clip of 10 s, ms",
            f"{milliseconds['64']:.2f}",
            f"float32, errors of 25 dB: {milliseconds['32']:.2f}",
        ]
    ]


def parts(model: auscult.Model, path: str) -> list[list[str]]:
    """How the time to score a clip, from file to verdict, is spent."""
    detector = model.detector
    assert isinstance(detector, Autoencoder)
    front_end = detector.config.front_end
    clip = AudioClip.from_waveform(read_audio(path))
    windows = np.ascontiguousarray(context_windows(clip.log_mel(front_end), detector.config.context))
    waveform = clip.waveform()
    milliseconds = alternating_times(
        {
            "total": lambda: list(model.score_many([auscult.Clip(path)] * FOLDER_CLIPS, threads=1)),
            "reading": lambda: read_audio(path),
            "log-mel": lambda: AudioClip.from_waveform(waveform).log_mel(front_end),
            "network": lambda: detector.run(windows),
        },
        STEPS // 3,
    )
    milliseconds["total"] /= FOLDER_CLIPS
    rest = milliseconds["total"] - milliseconds["reading"] - milliseconds["log-mel"] - milliseconds["network"]
    steps = {
        **{name: milliseconds[name] for name in ("reading", "log-mel", "network")},
        "everything else": rest,
    }
    rows = [
        [name, f"{value:.2f}", f"{100 * value / milliseconds['total']:.0f} %"]
        for name, value in steps.items()
    ]
    return [*rows, ["from file to verdict", f"{milliseconds['total']:.2f}", "100 %"]]


@retain_heap()
def write_threads() -> None:
    """Measure two threads in one training step, and write the table."""
    rows = table(["operation", "one thread", "alternative"], two_threads())
    machine = f"{this_machine()}, medians of {ROUNDS} alternating rounds."
    write_section("results/performance.md", "bench.rejected_ideas threads", f"{rows}\n\n{machine}")


def main() -> None:
    """Measure, and write the tables."""
    with TemporaryDirectory() as folder:
        simulate(Path(folder) / "fleet", machines=["fan"], clips=20, seconds=10.0, seed=0)
        corpus = auscult.open_corpus(Path(folder) / "fleet" / "fan")
        clips = Corpus(corpus.for_training())
        model = auscult.fit(clips, "autoencoder", epochs=1, calibrate="none")
        detector = model.detector
        assert isinstance(detector, Autoencoder)
        path = clips[0].path
        frames = AudioClip.from_waveform(read_audio(path)).log_mel(detector.config.front_end)
        rows = [*compiling(), *batching(detector, frames), *transforms()]
        part_rows = parts(model, path)
    write_threads()
    machine = f"{this_machine()}, one thread, medians of {ROUNDS} alternating rounds."
    write_section(
        "results/performance.md",
        "bench.rejected_ideas",
        f"{table(['operation', 'current', 'alternative'], rows)}\n\n{machine}",
    )
    header = ["a clip of 10 s, `autoencoder`", "ms", "share"]
    write_section(
        "results/performance.md", "bench.rejected_ideas parts", f"{table(header, part_rows)}\n\n{machine}"
    )


if __name__ == "__main__":
    main()
