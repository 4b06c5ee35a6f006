"""Measure how difficult the simulated machines are, to set the levels of their faults.

    python -m bench.tune_simulation --folder data/simulated

Prints for each machine with 200 training clips: AUC source, AUC target, pAUC and their harmonic mean of the
autoencoder (MSE, 30 epochs), where the mean should be between 55 and 75 %; the AUC of the loudness, which
should be near 50 %; and for each severity the AUC, against normal clips of the same domain, of the
autoencoder and of a nearest neighbour on pooled log-mels, which should show that faults of medium and high
severity can be detected.

After changing `fault_levels`, `noise_level` or another parameter of a machine, run this again with two seeds,
and increase ``_VERSION`` in ``auscult/simulation/folder.py`` if the change is kept.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from auscult.corpus import AudioClip, open_corpus
from auscult.detectors.reconstruction.autoencoder import Autoencoder, AutoencoderConfig
from auscult.evaluation import auc, harmonic_mean, pauc
from auscult.simulation import machine_names, simulate
from auscult.spectrum import FrontEnd

SEVERITIES = ("low", "medium", "high")


def loudness(recording: AudioClip) -> float:
    """The logarithm of the mean square of the waveform."""
    return float(np.log(np.mean(np.square(recording.waveform().samples, dtype=np.float64))))


def pooled(recording: AudioClip, front_end: FrontEnd) -> np.ndarray:
    """The (3, bands) mean, standard deviation and loud tail over time of the log-mel without its level."""
    frames = recording.log_mel(front_end)
    frames = frames - frames.mean()
    weights = 0.9 ** np.arange(len(frames))
    tail = np.sort(frames, axis=0)[::-1].T @ (weights / weights.sum())
    return np.stack([frames.mean(0), frames.std(0), tail])


def neighbour_scores(train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """The (K,) standardised distances to the nearest training clip, maximum over the views.

    Args:
        train: (N, views, bands).
        test: (K, views, bands).
    """
    scale = train.std(axis=0) + 1e-6

    def distances(a: np.ndarray) -> np.ndarray:
        return np.stack(
            [np.sqrt(np.square((a[:, None, v] - train[None, :, v]) / scale[v]).mean(2)) for v in range(3)]
        )

    within = distances(train)  # (views, N, N)
    within[:, np.arange(len(train)), np.arange(len(train))] = np.inf
    within = within.min(axis=2)
    nearest = distances(test).min(axis=2)  # (views, K)
    return ((nearest - within.mean(1, keepdims=True)) / within.std(1, keepdims=True)).max(axis=0)


def domain_auc(anomalous: np.ndarray, target: np.ndarray, scores: np.ndarray, domain: str) -> float:
    """AUC of the normal clips of one domain against all anomalies."""
    mask = anomalous | (target == (domain == "target"))
    return auc(anomalous[mask], scores[mask])


def severity_aucs(severities: np.ndarray, target: np.ndarray, scores: np.ndarray) -> list[float]:
    """AUC of each severity: anomalies against normal clips of the same domain, mean over the domains."""
    aucs = []
    for severity in SEVERITIES:
        mask = (severities == "") | (severities == severity)
        domains = [mask & (target == is_target) for is_target in (False, True)]
        aucs.append(float(np.mean([auc(severities[domain] != "", scores[domain]) for domain in domains])))
    return aucs


def measure(home: Path, epochs: int) -> list[float]:
    """One row of the table, in %, and as its last value the seconds of training."""
    corpus = open_corpus(home)
    train = [AudioClip.from_file(clip) for clip in corpus.where(split="train")]
    test = [AudioClip.from_file(clip) for clip in corpus.where(split="test")]
    anomalies = json.loads((home / "simulation.json").read_text(encoding="utf-8"))["anomalies"]
    severities = np.array([anomalies.get(Path(r.clip.path).stem, {}).get("severity", "") for r in test])
    anomalous = np.array([r.clip.condition == "anomaly" for r in test])
    target = np.array([r.clip.domain == "target" for r in test])

    front_end = FrontEnd(sample_rate=train[0].waveform().sample_rate)
    started = time.perf_counter()
    detector = Autoencoder(AutoencoderConfig(front_end=front_end, epochs=epochs)).fit(train)
    seconds = time.perf_counter() - started
    scores = np.array([detector.score(r).scores["mse"] for r in test])
    loudnesses = np.array([loudness(r) for r in test])
    views = [np.stack([pooled(r, front_end) for r in part]) for part in (train, test)]

    row = [domain_auc(anomalous, target, scores, domain) for domain in ("source", "target")]
    row.append(pauc(anomalous, scores))
    row.append(harmonic_mean(row))
    row += [domain_auc(anomalous, target, loudnesses, domain) for domain in ("source", "target")]
    row += severity_aucs(severities, target, scores)
    row += severity_aucs(severities, target, neighbour_scores(*views))
    return [100 * value for value in row] + [seconds]


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True, help="folder for the simulated machines")
    parser.add_argument(
        "--machines", nargs="+", default=machine_names(7), help="names of machines; default: all seven types"
    )
    parser.add_argument("--clips", type=int, default=200, help="training clips per machine")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    print("          autoencoder                | loudness    | autoencoder, by   | neighbour, by     |")
    print(
        "machine    AUC-s AUC-t  pAUC  h.mean | AUC-s AUC-t |   low   mid  high |   low   mid  high | fit s"
    )
    for name in arguments.machines:
        (home,) = simulate(arguments.folder, machines=[name], clips=arguments.clips, seed=arguments.seed)
        *row, seconds = (f"{value:5.1f}" for value in measure(home, arguments.epochs))
        parts = (row[:3], [f" {row[3]}"], row[4:6], row[6:9], row[9:])
        aucs, mean, loud, severity, neighbour = (" ".join(part) for part in parts)
        print(f"{name:10s} {aucs} {mean} | {loud} | {severity} | {neighbour} | {seconds}", flush=True)


if __name__ == "__main__":
    main()
