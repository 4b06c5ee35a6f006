"""Do the maps point? Of simulated faults, how often a map's maximum lies where the fault is.

    python -m bench.explanations -o results/explanations [--data DIR] [--detectors NAMES] [--set epochs=20]

For each simulated machine, each detector is fitted on its training clips and explains its anomalous test
clips of medium severity. The mask of such a clip marks the bins in which the fault is louder than all the
rest. Counted are the maps whose maximum lies in the mask, of all clips and of those that the model calls
anomalous at 5 % false alarms, and the share of a map's positive sum that does; beside them the map of the
spectrogram alone, which needs no detector, and a bin taken at random. A model file
that is there already is not fitted again. Writes its table into docs/detectors.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the fits run side by side, one core each

import joblib
import numpy as np

import auscult
from auscult.benchmark.entries import ALL, Entry, entries
from auscult.corpus import AudioClip, Clip, machine_folders
from auscult.detectors.maps.bin_residuals import BinResiduals
from auscult.detectors.options import parse_settings
from auscult.evaluation import proportion_interval
from auscult.simulation import load_mask, simulate
from auscult.spectrum import FrontEnd
from bench.markdown import table, this_machine, write_section

SEVERITY = "medium"
ALONE = "the spectrogram alone"
RANDOM = "a bin at random"


@dataclass(frozen=True)
class Pointed:
    """One map and the fault that it should point at."""

    system: str
    machine: str
    domain: str
    fault: str
    hit: float  # 1 where the maximum lies in the mask, else 0; of a random bin the chance
    inside: float  # share of the map's positive sum in the mask
    called: bool = False  # whether the model calls the clip anomalous


def faulty_clips(folder: str) -> Iterator[tuple[Clip, str, np.ndarray]]:
    """The anomalous test clips of medium severity, the name of the fault and its mask (T, 128)."""
    notes = json.loads((Path(folder) / "simulation.json").read_text(encoding="utf-8"))["anomalies"]
    for clip in auscult.open_corpus(folder).where(split="test", condition="anomaly"):
        fault = notes[Path(clip.path).stem]
        if fault["severity"] == SEVERITY:
            yield clip, fault["fault"], load_mask(clip.path)


def pointed(
    system: str, machine: str, folder: str, explain: Callable[[Clip], tuple[np.ndarray, bool]]
) -> list[Pointed]:
    """What the maps of one system hit on one machine; ``explain`` gives a map, and whether it is an alarm."""
    found = []
    for clip, fault, mask in faulty_clips(folder):
        map, called = explain(clip)
        positive = np.maximum(map, 0.0)
        inside = float(positive[mask].sum() / positive.sum()) if positive.any() else 0.0
        hit = float(mask.flat[map.argmax()])
        found.append(Pointed(system, machine, clip.domain or "", fault, hit, inside, called))
    return found


def by_detector(
    entry: Entry, machine: str, folder: str, settings: dict[str, str], calibrate: str, output: Path
) -> list[Pointed]:
    """Fits, or takes the model that is there, and explains."""
    how = "-".join(f"{key}={value}" for key, value in {**settings, "calibrate": calibrate}.items())
    path = output / f"{machine}-{entry.name}-{how}.auscult"
    if not path.exists():
        clips = auscult.open_corpus(folder).for_training()
        options = {"preset": entry.preset, "calibrate": calibrate, **entry.settings(settings)}
        fitted = auscult.fit(clips, entry.detector, **options)
        fitted.save(str(path))
    model = auscult.load(path)

    def explain(clip: Clip) -> tuple[np.ndarray, bool]:
        score = model.score_recording(model.audio_clip(clip), explain=True)
        assert score.map is not None  # explain=True asked for it
        return score.map, bool(score.anomalous)

    return pointed(entry.name, machine, folder, explain)


def without_detector(machine: str, folder: str) -> list[Pointed]:
    """The map of what the bins around do not foretell, and a bin at random."""
    front_end = FrontEnd()
    clips = auscult.open_corpus(folder).for_training()
    usual = BinResiduals.fit(AudioClip.from_file(clip).log_mel(front_end) for clip in clips)

    def explain(clip: Clip) -> tuple[np.ndarray, bool]:
        return usual.map(AudioClip.from_file(clip).log_mel(front_end)), False

    alone = pointed(ALONE, machine, folder, explain)
    chance = [
        Pointed(RANDOM, machine, clip.domain or "", fault, float(mask.mean()), float(mask.mean()))
        for clip, fault, mask in faulty_clips(folder)
    ]
    return alone + chance


def rows_of(found: list[Pointed], machines: list[str]) -> list[list[str]]:
    """A row for each system, those that point best first and chance last."""
    systems: dict[str, list[Pointed]] = {}
    for one in found:
        systems.setdefault(one.system, []).append(one)
    order = sorted(systems, key=lambda name: (name == RANDOM, -_percent(p.hit for p in systems[name])))
    rows = []
    for system in order:
        all_maps = systems[system]
        called = [p for p in all_maps if p.called]
        cells = [f"{_percent(p.hit for p in all_maps):.1f}" if system == RANDOM else _hits(all_maps)]
        cells += [f"{_hits(called)} of {len(called)}" if called else "–"]
        domains = [_percent(p.hit for p in all_maps if p.domain == domain) for domain in ("source", "target")]
        each = [_percent(p.hit for p in all_maps if p.machine == machine) for machine in machines]
        inside = _percent(p.inside for p in all_maps)
        rows.append([system, *cells, *(f"{value:.0f}" for value in (*domains, *each)), f"{inside:.1f}"])
    return rows


def _hits(maps: list[Pointed]) -> str:
    """The share of maps that hit, in percent with its 95 % interval."""
    interval = proportion_interval(round(sum(p.hit for p in maps)), len(maps))
    low, high = 100 * (interval.low or 0), 100 * (interval.high or 0)
    return f"{_percent(p.hit for p in maps):.1f} [{low:.0f}, {high:.0f}]"


def _percent(values: Iterator[float]) -> float:
    return 100 * float(np.mean(list(values)))


def main() -> None:
    """Runs what is missing, then writes the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", default="results/explanations", help="folder for the fitted models")
    parser.add_argument("--data", help="folder of simulated machines; default: made in the output folder")
    parser.add_argument("--machines", help="some of them only, separated by commas")
    parser.add_argument(
        "--detectors", default=ALL, help="separated by commas; default: all that can be fitted"
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="where there is one")
    parser.add_argument("--calibrate", default="auto", help="as of auscult fit; holdout is fitted fastest")
    parser.add_argument("--jobs", type=int, default=1, help="fits at a time, one core each")
    parser.add_argument("--print", action="store_true", help="print the table and leave the page as it is")
    args = parser.parse_args()
    output = Path(args.output)
    output.mkdir(parents=True, exist_ok=True)
    if not args.data:
        simulate(output / "simulated", machines=7, clips=100, test_clips=50, seed=0)
    folders = machine_folders(args.data or output / "simulated")
    if args.machines:
        folders = {machine: folders[machine] for machine in args.machines.split(",")}
    settings = parse_settings(args.set)
    chosen, left_out = entries(args.detectors.split(","), settings)
    for words in left_out:
        print(words, file=sys.stderr)
    todo = [joblib.delayed(without_detector)(machine, folder) for machine, folder in folders.items()]
    todo += [
        joblib.delayed(by_detector)(entry, machine, folder, settings, args.calibrate, output)
        for entry in chosen
        for machine, folder in folders.items()
    ]
    found: list[Pointed] = []
    for done, part in enumerate(joblib.Parallel(n_jobs=args.jobs, return_as="generator")(todo), start=1):
        found += part
        print(f"{done}/{len(todo)} {part[0].machine} {part[0].system}", file=sys.stderr)
    header = ["map of", "maximum in the fault, %", "of clips called anomalous", "source", "target"]
    header += [*folders, "mass in the fault, %"]
    text = table(header, rows_of(found, list(folders)))
    clips = sum(one.system == RANDOM for one in found)
    settings = {**settings, "calibrate": args.calibrate}
    told = ", ".join(f"{key}={value}" for key, value in settings.items())
    note = f"{clips} clips with a fault of {SEVERITY} severity; detectors with {told}."
    note += f" Measured on {this_machine()}."
    print(f"{text}\n\n{note}")
    if not args.print:
        write_section("detectors.md", "bench.explanations", f"{text}\n\n{note}")


if __name__ == "__main__":
    main()
