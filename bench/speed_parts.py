"""The measured parts: each has groups, and each group has sides that run alternately."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from auscult.simulation import simulate
from bench.speed_clips import Clips
from bench.speed_clock import Child, Record, Runs, child_side, command_seconds, interleaved

#: The runs of each group.
Groups = dict[str, Runs]

NETWORKS = ("autoencoder", "gamma_vae")
DETECTORS = (*NETWORKS, "auto", "pooled_gaussian")
OURS, PLAIN = "ours", "plain"
CORES = os.cpu_count() or 1
#: Sides of the training part that keep one thread busy; the others use all cores.
ONE_MACHINE, FLEET, BF16, PLAIN_ONE_THREAD = (
    "ours, one machine",
    "ours, a fleet",
    "ours, a fleet, bf16",
    "plain, one thread",
)
PARALLEL_FLEETS = f"ours, {CORES} processes, a fleet each"


@dataclass(frozen=True)
class SpeedSize:
    """The amount of work that is measured; the defaults are those of a full run."""

    repeats: int = 5  # runs per side
    clips: int = 200  # in the parts features and scoring
    fitted: int = 100  # training clips of the models in the parts fitting and scoring
    trained: int = 42  # clips of each machine whose training steps are timed: 51 steps per epoch
    epochs: int = 5  # in the part training: one for warm-up, four timed
    fleet: int = 7  # machines
    many_clips: tuple[int, ...] = (200, 1000, 5000)
    many_machines: tuple[int, ...] = (1, 7, 50)
    lengths: tuple[float, ...] = (2, 10, 60)
    sound: float = 1000  # seconds of audio per length of clip
    peak_seconds: float = 0.2  # time per matrix product
    judged: int = 50  # training clips of the machines in the part precision
    judged_epochs: int = 20


QUICK = SpeedSize(
    repeats=1,
    clips=6,
    fitted=6,
    trained=4,
    epochs=2,
    fleet=2,
    many_clips=(4, 8),
    many_machines=(1, 2),
    lengths=(2, 10),
    sound=20,
    peak_seconds=0.02,
    judged=4,
    judged_epochs=1,
)


def features(clips: Clips, size: SpeedSize) -> Groups:
    """Log-mels of a folder: computed, read from the cache on disk, and computed by librosa."""
    folder = str(clips.machine(size.clips))
    cold, warm = clips.folder / "features cold", clips.folder / "features warm"
    Child("features", cache=warm, folder=folder).result()

    def computed() -> Record:
        shutil.rmtree(cold, ignore_errors=True)
        return Child("features", cache=cold, folder=folder).result()

    sides = {
        "ours, computed": computed,
        "ours, from the cache": child_side("features", cache=warm, folder=folder),
        PLAIN: child_side("plain_features", folder=folder),
    }
    return {f"{size.clips} clips": interleaved(sides, size.repeats)}


def peak(clips: Clips, size: SpeedSize) -> Groups:
    """Rates of float32 matrix products on one thread and on all."""
    counts = dict.fromkeys((1, CORES))
    sides = {f"{n} threads": child_side("peak", on=n, seconds=size.peak_seconds) for n in counts}
    return {"products": interleaved(sides, size.repeats)}


def training(clips: Clips, size: SpeedSize) -> Groups:
    """A training step of one machine: alone, in a fleet, in one fleet per core, and plain."""
    folders = [str(folder) for folder in clips.fleet(size.fleet, size.trained)]
    timed = {"epochs": size.epochs, "seconds": clips.seconds}
    groups = {}
    for network in NETWORKS:
        ours = partial(child_side, "train", detector=network, **timed)
        plain = partial(child_side, "plain_train", network=network, folder=folders[0], **timed)
        sides: dict[str, Callable[[], Record]] = {
            ONE_MACHINE: ours(folders=folders[:1]),
            FLEET: ours(folders=folders),
            PARALLEL_FLEETS: partial(_in_parallel, CORES, detector=network, folders=folders, **timed),
            PLAIN_ONE_THREAD: plain(threads=1),
            PLAIN: plain(),
        }
        if network == "autoencoder":
            sides[BF16] = ours(folders=folders, settings={"precision": "bf16"})
        groups[network] = interleaved(sides, size.repeats)
    return groups


def precision(clips: Clips, size: SpeedSize) -> Groups:
    """Effect of reduced precision on accuracy, on simulated machines with faults; each repeat is a seed."""
    root = clips.folder / f"{clips.seconds:g} s" / f"faults {size.judged}"
    homes = simulate(
        root,
        machines=["fan", "valve"],
        clips=size.judged,
        test_clips=max(1, size.judged // 2),
        seconds=clips.seconds,
    )
    groups: Groups = {}
    for home in homes:
        options: dict[str, Any] = {
            "folder": str(home),
            "detector": "autoencoder",
            "epochs": size.judged_epochs,
        }
        for kind in ("float32", "bf16"):
            for seed in range(min(size.repeats, 2)):
                record = Child("accuracy", precision=kind, seed=seed, **options).result()
                groups.setdefault(home.name, {}).setdefault(kind, []).append(record)
    return groups


def _in_parallel(processes: int, **arguments: Any) -> Record:
    """Run parallel processes with one thread each, as ``--jobs`` does; their combined rate."""
    children = [Child("train", threads=1, **arguments) for _ in range(processes)]
    records = [child.result() for child in children]
    rate = sum(1 / record["milliseconds"] for record in records)
    return {
        "milliseconds": 1 / rate,
        "steps": records[0]["steps"],
        "megabytes": sum(record["megabytes"] for record in records),
    }


def epoch(clips: Clips, size: SpeedSize) -> Groups:
    """The process from a folder of recordings to the end of the first epoch, by number of clips.

    The largest number is measured once, and not with the plain reference, whose vectors would need eight
    gigabytes.
    """
    groups = {}
    for count in size.many_clips:
        sides = _first_epochs(clips, count)
        if count > min(size.many_clips):
            del sides["ours, again"]
        if largest := count == max(size.many_clips):
            del sides[PLAIN]
        groups[str(count)] = interleaved(sides, 1 if largest else size.repeats)
    return groups


def _first_epochs(clips: Clips, count: int) -> dict[str, Callable[[], Record]]:
    """Sides: ours with an empty feature cache, ours with the cache of that run, and plain."""
    folder, cache = str(clips.machine(count)), clips.folder / "features cold"
    ours: dict[str, Any] = {"folder": folder, "detector": "autoencoder"}

    def with_empty_cache() -> Record:
        shutil.rmtree(cache, ignore_errors=True)
        return Child("first_epoch", cache=cache, **ours).result()

    return {
        OURS: with_empty_cache,
        "ours, again": child_side("first_epoch", cache=cache, **ours),
        PLAIN: child_side("plain_first_epoch", folder=folder, network="autoencoder"),
    }


def fitting(clips: Clips, size: SpeedSize) -> Groups:
    """Memory of a complete fit and size of its model.

    Networks are trained for two epochs, which need as much memory as a hundred.
    """
    folder = str(clips.machine(size.fitted))
    groups = {}
    for name in DETECTORS:
        sides = {OURS: partial(_fit, clips, folder, name)}
        if name in NETWORKS:
            sides[PLAIN] = partial(_fit, clips, folder, name, plain=True)
        groups[name] = interleaved(sides, 1)
    return groups


def _fit(clips: Clips, folder: str, name: str, *, plain: bool = False) -> Record:
    model = str(_model(clips, name, plain=plain))
    if plain:
        return Child("plain_fit", folder=folder, model=model, epochs=2, network=name).result()
    return Child("fit", folder=folder, model=model, epochs=2, detector=name).result()


def _model(clips: Clips, name: str, *, plain: bool = False) -> Path:
    return clips.folder / (f"{name}.pt" if plain else f"{name}.auscult")


def scoring(clips: Clips, size: SpeedSize) -> Groups:
    """Scoring from disk: a folder on one core and on all, and single recordings."""
    folder = str(clips.machine(size.clips))
    _fit_missing_models(clips, size)
    groups = {}
    for name in DETECTORS:
        ours = partial(child_side, "score", folder=folder, model=str(_model(clips, name)))
        sides = {"ours, one core": ours(cores=1), f"ours, {CORES} cores": ours()}
        if name in NETWORKS:
            model = str(_model(clips, name, plain=True))
            plain = partial(child_side, "plain_score", folder=folder, model=model)
            sides |= {"plain, one core": plain(cores=1), f"plain, {CORES} cores": plain()}
        groups[name] = interleaved(sides, size.repeats)
    return groups


def _fit_missing_models(clips: Clips, size: SpeedSize) -> None:
    """Fit the models whose files do not exist."""
    folder = str(clips.machine(size.fitted))
    models = [(name, False) for name in DETECTORS] + [(name, True) for name in NETWORKS]
    for name, plain in models:
        if not _model(clips, name, plain=plain).exists():
            print(f"    fitting {'plain ' if plain else ''}{name}", file=sys.stderr)
            _fit(clips, folder, name, plain=plain)


def startup(clips: Clips, size: SpeedSize) -> Groups:
    """Whole processes, from start to end."""
    _fit_missing_models(clips, size)
    clip = str(sorted(clips.machine(size.clips).glob("*.wav"))[0])
    python = sys.executable
    auscult = [python, "-m", "auscult"]
    sides = {
        "`python -c pass`": [python, "-c", "pass"],
        "`import auscult`": [python, "-c", "import auscult"],
        "`auscult --help`": [*auscult, "--help"],
        "`auscult score` of one clip": [*auscult, "score", str(_model(clips, "autoencoder")), clip],
        "plain: `import librosa, torch`": [python, "-c", "import librosa, torch"],
        "plain: score of one clip": [
            python, "-m", "bench.plain", str(_model(clips, "autoencoder", plain=True)), clip
        ],
    }  # fmt: skip
    return {"start": interleaved({k: command_seconds(v) for k, v in sides.items()}, size.repeats)}


def many_machines(clips: Clips, size: SpeedSize) -> Groups:
    """Time of a training step per machine, by the size of the fleet."""
    homes = clips.fleet(min(max(size.many_machines), 7), size.trained)
    folders = [str(folder) for folder in homes]
    groups = {}
    timed = {"epochs": 2, "seconds": clips.seconds}
    for count in size.many_machines:
        sides = {OURS: child_side("train", detector="autoencoder", folders=folders, machines=count, **timed)}
        if count == 1:
            sides[PLAIN] = child_side("plain_train", network="autoencoder", folder=folders[0], **timed)
        groups[str(count)] = interleaved(sides, size.repeats)
    return groups


def lengths(clips: Clips, size: SpeedSize) -> Groups:
    """Scoring by the length of the recordings, with the same amount of audio for each length."""
    _fit_missing_models(clips, size)
    groups = {}
    for seconds in size.lengths:
        count = max(2, round(size.sound / seconds))
        folder = str(clips.machine(count, seconds))
        options = {"singles": 1}
        sides = {
            OURS: child_side("score", folder=folder, model=str(_model(clips, "autoencoder")), **options),
            PLAIN: child_side(
                "plain_score", folder=folder, model=str(_model(clips, "autoencoder", plain=True)), **options
            ),
        }
        runs = interleaved(sides, size.repeats)
        for records in runs.values():
            for record in records:
                record["sound"] = count * seconds
        groups[f"{seconds:g}"] = runs
    return groups


PARTS: dict[str, Callable[[Clips, SpeedSize], Groups]] = {
    part.__name__: part
    for part in (
        peak, features, training, precision, epoch, fitting, scoring, startup, many_machines, lengths,
    )
}  # fmt: skip
