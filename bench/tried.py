"""What was tried for speed and left out, and where the time of a scored clip goes.

    python -m bench.tried

On simulated clips of 10 s, on one thread unless said, sides in turns; writes its tables into
docs/performance.md. Nothing else should run on the machine meanwhile.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import scipy.fft
import torch

import auscult
from auscult.corpus import AudioClip, Corpus
from auscult.detectors.reconstruction.autoencoder import Autoencoder
from auscult.detectors.reconstruction.network import WindowDetector
from auscult.simulation import simulate
from auscult.sound import read_audio
from auscult.spectrum import context_windows
from bench import plain
from bench.markdown import table, this_machine, write_section

ROUNDS = 9
STEPS = 60
MANY = 20  # clips that are scored at once, as of a folder


def in_turns(sides: Mapping[str, Callable[[], object]], times: int) -> dict[str, float]:
    """Milliseconds of a call of each side: the median over rounds of the median in a round."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, call in sides.items():
            took = []
            for _ in range(times):
                started = time.perf_counter()
                call()
                took.append(1e3 * (time.perf_counter() - started))
            found[name].append(median(took))
    return {name: median(values) for name, values in found.items()}


def plain_step(*, compiled: bool) -> Callable[[], None]:
    """A training step of the plain autoencoder."""
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
    """The plain step as it is, and compiled."""
    torch.set_num_threads(1)
    sides = {"eager": plain_step(compiled=False), "compiled": plain_step(compiled=True)}
    sides["eager"]()
    started = time.perf_counter()
    sides["compiled"]()
    seconds = time.perf_counter() - started
    took = in_turns(sides, STEPS)
    gain = took["eager"] - took["compiled"]
    pays = f"after {1e3 * seconds / gain:,.0f} steps" if gain > 0 else "never"
    return [
        [
            "a step of the plain network, ms",
            f"{took['eager']:.2f}",
            f"`torch.compile`: {took['compiled']:.2f}",
        ],
        ["what compiling costs", "–", f"{seconds:.1f} s; pays {pays}"],
    ]


def joining(detector: WindowDetector, frames: np.ndarray) -> list[list[str]]:
    """The network on the windows of a clip, and on those of eight clips at once, in ms a clip."""
    rows = []
    for seconds, count in ((1.0, 32), (10.0, len(frames))):
        windows = np.ascontiguousarray(context_windows(frames[:count], detector.config.context))
        eight = np.concatenate([windows] * 8)
        took = in_turns(
            {"alone": lambda w=windows: detector.run(w), "eight": lambda w=eight: detector.run(w)},  # type: ignore[misc]
            STEPS,
        )
        name = f"the network on a clip of {seconds:g} s, ms"
        rows.append([name, f"{took['alone']:.3f}", f"eight clips in one run: {took['eight'] / 8:.3f} each"])
    return rows


def transforms() -> list[list[str]]:
    """The real transform of 313 frames in float64 and in float32."""
    frames = np.random.default_rng(0).standard_normal((313, 1024))
    small = frames.astype(np.float32)
    took = in_turns({"64": lambda: np.fft.rfft(frames), "32": lambda: scipy.fft.rfft(small)}, STEPS)
    return [
        ["transforms of a clip of 10 s, ms", f"{took['64']:.2f}", f"float32, 25 dB off: {took['32']:.2f}"]
    ]


def parts(model: auscult.Model, path: str) -> list[list[str]]:
    """Where the time of a clip goes from file to verdict."""
    detector = model.detector
    assert isinstance(detector, Autoencoder)
    front_end = detector.config.front_end
    heard = AudioClip.from_waveform(read_audio(path))
    windows = np.ascontiguousarray(context_windows(heard.log_mel(front_end), detector.config.context))
    sound = heard.waveform()
    took = in_turns(
        {
            "whole": lambda: list(model.score_clips([auscult.Clip(path)] * MANY, threads=1)),
            "reading": lambda: read_audio(path),
            "log-mel": lambda: AudioClip.from_waveform(sound).log_mel(front_end),
            "network": lambda: detector.run(windows),
        },
        STEPS // 3,
    )
    took["whole"] /= MANY
    rest = took["whole"] - took["reading"] - took["log-mel"] - took["network"]
    named = {**{name: took[name] for name in ("reading", "log-mel", "network")}, "all else": rest}
    rows = [[name, f"{value:.2f}", f"{100 * value / took['whole']:.0f} %"] for name, value in named.items()]
    return [*rows, ["from file to verdict", f"{took['whole']:.2f}", "100 %"]]


def main() -> None:
    """Measures and writes."""
    with TemporaryDirectory() as folder:
        simulate(Path(folder) / "fleet", machines=["fan"], clips=20, seconds=10.0, seed=0)
        corpus = auscult.open_corpus(Path(folder) / "fleet" / "fan")
        clips = Corpus(corpus.for_training())
        model = auscult.fit(clips, "autoencoder", epochs=1, calibrate="none")
        detector = model.detector
        assert isinstance(detector, Autoencoder)
        path = clips[0].path
        frames = AudioClip.from_waveform(read_audio(path)).log_mel(detector.config.front_end)
        rows = [*compiling(), *joining(detector, frames), *transforms()]
        where = parts(model, path)
    machine = f"{this_machine()}, one thread, medians of {ROUNDS} rounds in turns."
    write_section(
        "performance.md", "bench.tried", f"{table(['what', 'as it is', 'tried'], rows)}\n\n{machine}"
    )
    header = ["a clip of 10 s, `autoencoder`", "ms", "share"]
    write_section("performance.md", "bench.tried parts", f"{table(header, where)}\n\n{machine}")


if __name__ == "__main__":
    main()
