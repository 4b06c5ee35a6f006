"""Scores of two detectors of PyOD on the real machines, as score files for `auscult bench --scores`.

    python bench/pyod_scores.py DATA -o results/pyod

Run it with a Python that has ``pyod[audio]``, PyTorch and tqdm; it needs no auscult. DATA is the folder of
``AUSCULT_REAL_DATA``; its machines are the folders with ``train/`` and ``test/`` in ``bldc/`` and ``real/``.
For each machine the detectors are fitted on all training clips at the sample rate of the files, and score all
test clips:

``audio_ae``
    `pyod.models.audio_ae.AudioAE`: a dense autoencoder of log-mel windows. 64 mels, five frames, a hop of 512
    samples, 40 epochs, batches of 1024 windows; a clip's score is the mean error of its windows. One fit for
    each seed, into ``audio_ae/seed<k>``.
``knn``
    `pyod.models.embedding.EmbeddingOD.for_audio`: PyOD's 74 audio features of a clip (mean and standard
    deviation over time of 20 MFCCs, 12 chroma bands, spectral centroid, bandwidth and rolloff, zero-crossing
    rate and RMS), standardised, and the distance to the fifth nearest training clip. Without a seed, into
    ``knn``.

``fits.json`` has the wall-clock seconds of each fit, including reading the files and computing features, and
the version of PyOD.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import soundfile

#: Seeds of the autoencoder, those of `auto` in the comparison.
SEEDS = (13711, 1, 2)


def machines(data: Path) -> dict[str, Path]:
    """The machine folders of ``bldc/`` and ``real/`` by name."""
    folders = (folder for part in ("bldc", "real") for folder in sorted((data / part).glob("*")))
    return {f.name: f for f in folders if (f / "train").is_dir() and (f / "test").is_dir()}


def clips(folder: Path) -> list[str]:
    """The paths of the recordings in a folder, as PyOD takes them."""
    return sorted(map(os.fspath, folder.glob("*.wav")))


def write_scores(folder: Path, machine: str, paths: Iterable[str], scores: Iterable[float]) -> None:
    """Write the score file of each section of a machine, rows ``name.wav,score``.

    Raises:
        ValueError: a file name without ``section_NN_``.
    """
    rows: dict[str, list[str]] = defaultdict(list)
    for path, score in zip(paths, scores, strict=True):
        name = os.path.basename(path)
        section = re.match(r"section_(\d+)_", name)
        if section is None:
            raise ValueError(f"{path}: the name does not begin with section_NN_")
        rows[section[1]].append(f"{name},{float(score)!r}\n")
    folder.mkdir(parents=True, exist_ok=True)
    for number, lines in rows.items():
        (folder / f"anomaly_score_{machine}_section_{number}_test.csv").write_text("".join(lines))


def audio_ae(rate: int, seed: int, epochs: int = 40) -> Any:
    """PyOD's autoencoder at a sample rate in Hz."""
    from pyod.models.audio_ae import AudioAE

    return AudioAE(n_mels=64, epoch_num=epochs, batch_size=1024, sr=rate, random_state=seed)


def knn(rate: int) -> Any:
    """PyOD's nearest neighbours on its audio features at a sample rate in Hz."""
    from pyod.models.embedding import EmbeddingOD
    from pyod.utils.encoders.audio import AudioFeatureEncoder

    return EmbeddingOD.for_audio(encoder=AudioFeatureEncoder(sr=rate))


def fitted_seconds(detector: Any, train: list[str]) -> float:
    """Fit a detector and return how long it took."""
    start = time.perf_counter()
    detector.fit(train)
    return time.perf_counter() - start


def main() -> None:
    """Fit the detectors and write their scores."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder with bldc/ and real/")
    parser.add_argument("-o", "--output", type=Path, default=Path("results/pyod"))
    args = parser.parse_args()
    detectors: dict[str, tuple[str, Callable[[int], Any]]] = {
        f"audio_ae/seed{seed}": ("audio_ae", partial(audio_ae, seed=seed)) for seed in SEEDS
    }
    detectors["knn"] = ("knn", knn)
    folders = machines(args.data)
    if not folders:
        parser.error(f"{args.data} has no machines in bldc/ or real/")
    seconds: dict[str, dict[str, list[float]]] = {}
    for machine, folder in folders.items():
        train, test = clips(folder / "train"), clips(folder / "test")
        rate = soundfile.info(train[0]).samplerate
        if not seconds:  # so that compilation by librosa and imports do not count
            for detector in (audio_ae(rate, 0, epochs=1), knn(rate)):
                detector.fit(train[:16])
        seconds[machine] = defaultdict(list)
        for name, (system, make) in detectors.items():
            detector = make(rate)
            seconds[machine][system].append(fitted_seconds(detector, train))
            print(f"{machine}: {name}, fitted in {seconds[machine][system][-1]:.1f} s", flush=True)
            write_scores(args.output / name, machine, test, detector.decision_function(test))
    fits = {"pyod": version("pyod"), "fit_seconds": seconds}
    (args.output / "fits.json").write_text(json.dumps(fits, indent=1) + "\n")


if __name__ == "__main__":
    main()
