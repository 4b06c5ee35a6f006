"""What is measured: for each part its groups, and for each group the sides that take turns."""

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
from bench.speed_clock import Child, Record, Runs, alone, command_seconds, interleaved

#: Group to its runs.
Groups = dict[str, Runs]

NETWORKS = ("autoencoder", "gamma_vae")
DETECTORS = (*NETWORKS, "auto", "pooled_gaussian")
OURS, PLAIN = "ours", "plain"
CORES = os.cpu_count() or 1
#: Sides of the part on training that keep one thread busy; the others take all cores.
ONE_MACHINE, FLEET, BF16, PLAIN_ALONE = (
    "ours, one machine",
    "ours, a fleet",
    "ours, a fleet, bf16",
    "plain, one thread",
)
SIDE_BY_SIDE = f"ours, {CORES} processes, a fleet each"


@dataclass(frozen=True)
class Size:
    """How much of everything; the defaults are a full run's."""

    repeats: int = 5
    clips: int = 200  # in features, first epoch and scoring
    fitted: int = 100  # clips that the models learn from
    trained: int = 42  # clips of each machine whose training steps are timed: 51 steps an epoch
    epochs: int = 5  # of these: the first warms up, four are timed
    fleet: int = 7
    many_clips: tuple[int, ...] = (200, 1000, 5000)
    many_machines: tuple[int, ...] = (1, 7, 50)
    lengths: tuple[float, ...] = (2, 10, 60)
    sound: float = 1000  # seconds of sound in each length
    peak_seconds: float = 0.2
    judged: int = 50  # training clips of the machines on which accuracy is compared
    judged_epochs: int = 20


QUICK = Size(
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


def features(clips: Clips, size: Size) -> Groups:
    """Log-mels of a folder: worked out, taken from the cache on disk, and by librosa."""
    folder = str(clips.machine(size.clips))
    cold, warm = clips.folder / "features cold", clips.folder / "features warm"
    Child("features", cache=warm, folder=folder).result()

    def worked_out() -> Record:
        shutil.rmtree(cold, ignore_errors=True)
        return Child("features", cache=cold, folder=folder).result()

    sides = {
        "ours, worked out": worked_out,
        "ours, from the cache": alone("features", cache=warm, folder=folder),
        PLAIN: alone("plain_features", folder=folder),
    }
    return {f"{size.clips} clips": interleaved(sides, size.repeats)}


def peak(clips: Clips, size: Size) -> Groups:
    """What this machine's float32 matrix products reach on one thread and on all."""
    counts = dict.fromkeys((1, CORES))
    sides = {f"{n} threads": alone("peak", on=n, seconds=size.peak_seconds) for n in counts}
    return {"products": interleaved(sides, size.repeats)}


def training(clips: Clips, size: Size) -> Groups:
    """A training step of one machine: alone, in a fleet, in as many fleets as there are cores, and plain."""
    folders = [str(folder) for folder in clips.fleet(size.fleet, size.trained)]
    timed = {"epochs": size.epochs, "seconds": clips.seconds}
    found = {}
    for network in NETWORKS:
        ours = partial(alone, "train", detector=network, **timed)
        plain = partial(alone, "plain_train", network=network, folder=folders[0], **timed)
        sides: dict[str, Callable[[], Record]] = {
            ONE_MACHINE: ours(folders=folders[:1]),
            FLEET: ours(folders=folders),
            SIDE_BY_SIDE: partial(_side_by_side, CORES, detector=network, folders=folders, **timed),
            PLAIN_ALONE: plain(threads=1),
            PLAIN: plain(),
        }
        if network == "autoencoder":
            sides[BF16] = ours(folders=folders, settings={"precision": "bf16"})
        found[network] = interleaved(sides, size.repeats)
    return found


def precision(clips: Clips, size: Size) -> Groups:
    """What fewer bits do to accuracy, on simulated machines with faults; a repeat is a seed."""
    root = clips.folder / f"{clips.seconds:g} s" / f"faults {size.judged}"
    homes = simulate(
        root,
        machines=["fan", "valve"],
        clips=size.judged,
        test_clips=max(1, size.judged // 2),
        seconds=clips.seconds,
    )
    found: Groups = {}
    for home in homes:
        given: dict[str, Any] = {"folder": str(home), "detector": "autoencoder", "epochs": size.judged_epochs}
        for kind in ("float32", "bf16"):
            for seed in range(min(size.repeats, 2)):
                record = Child("accuracy", precision=kind, seed=seed, **given).result()
                found.setdefault(home.name, {}).setdefault(kind, []).append(record)
    return found


def _side_by_side(processes: int, **arguments: Any) -> Record:
    """As many processes at once, one thread each, as ``--jobs`` starts them: what the machine does in all."""
    children = [Child("train", threads=1, **arguments) for _ in range(processes)]
    records = [child.result() for child in children]
    rate = sum(1 / record["milliseconds"] for record in records)
    return {
        "milliseconds": 1 / rate,
        "steps": records[0]["steps"],
        "megabytes": sum(record["megabytes"] for record in records),
    }


def epoch(clips: Clips, size: Size) -> Groups:
    """From a folder of recordings to the end of the first epoch, the whole process, by number of clips.

    The largest number is done once, and by the plain reference not at all: its vectors alone would take eight
    gigabytes.
    """
    found = {}
    for count in size.many_clips:
        sides = _first_epochs(clips, count)
        if count > min(size.many_clips):
            del sides["ours, again"]
        if largest := count == max(size.many_clips):
            del sides[PLAIN]
        found[str(count)] = interleaved(sides, 1 if largest else size.repeats)
    return found


def _first_epochs(clips: Clips, count: int) -> dict[str, Callable[[], Record]]:
    """Ours with an empty cache, which it fills, then with the cache as that left it; and plain."""
    folder, cache = str(clips.machine(count)), clips.folder / "features cold"
    ours: dict[str, Any] = {"folder": folder, "detector": "autoencoder"}

    def for_the_first_time() -> Record:
        shutil.rmtree(cache, ignore_errors=True)
        return Child("first_epoch", cache=cache, **ours).result()

    return {
        OURS: for_the_first_time,
        "ours, again": alone("first_epoch", cache=cache, **ours),
        PLAIN: alone("plain_first_epoch", folder=folder, network="autoencoder"),
    }


def fitting(clips: Clips, size: Size) -> Groups:
    """Memory of a whole fit, and the size of its model; networks with two epochs, which take no more memory
    than a hundred."""
    folder = str(clips.machine(size.fitted))
    found = {}
    for name in DETECTORS:
        sides = {OURS: partial(_fitted, clips, folder, name)}
        if name in NETWORKS:
            sides[PLAIN] = partial(_fitted, clips, folder, name, plain=True)
        found[name] = interleaved(sides, 1)
    return found


def _fitted(clips: Clips, folder: str, name: str, *, plain: bool = False) -> Record:
    which: dict[str, Any] = {"network" if plain else "detector": name}
    model = _model(clips, name, plain=plain)
    return Child("plain_fit" if plain else "fit", folder=folder, model=str(model), epochs=2, **which).result()


def _model(clips: Clips, name: str, *, plain: bool = False) -> Path:
    return clips.folder / (f"{name}.pt" if plain else f"{name}.auscult")


def scoring(clips: Clips, size: Size) -> Groups:
    """Recordings from disk to scores: a folder on one core and on all, and one recording at a time."""
    folder = str(clips.machine(size.clips))
    _make_models(clips, size)
    found = {}
    for name in DETECTORS:
        ours = partial(alone, "score", folder=folder, model=str(_model(clips, name)))
        sides = {"ours, one core": ours(cores=1), f"ours, {CORES} cores": ours()}
        if name in NETWORKS:
            model = str(_model(clips, name, plain=True))
            plain = partial(alone, "plain_score", folder=folder, model=model)
            sides |= {"plain, one core": plain(cores=1), f"plain, {CORES} cores": plain()}
        found[name] = interleaved(sides, size.repeats)
    return found


def _make_models(clips: Clips, size: Size) -> None:
    """Those that are not there."""
    folder = str(clips.machine(size.fitted))
    wanted = [(name, False) for name in DETECTORS] + [(name, True) for name in NETWORKS]
    for name, plain in wanted:
        if not _model(clips, name, plain=plain).exists():
            print(f"    fitting {name}{' plainly' if plain else ''}", file=sys.stderr)
            _fitted(clips, folder, name, plain=plain)


def startup(clips: Clips, size: Size) -> Groups:
    """From the start of a process to its end."""
    _make_models(clips, size)
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


def many_machines(clips: Clips, size: Size) -> Groups:
    """A machine's share of a training step by the size of its fleet."""
    homes = clips.fleet(min(max(size.many_machines), 7), size.trained)
    folders = [str(folder) for folder in homes]
    found = {}
    timed = {"epochs": 2, "seconds": clips.seconds}
    for count in size.many_machines:
        sides = {OURS: alone("train", detector="autoencoder", folders=folders, machines=count, **timed)}
        if count == 1:
            sides[PLAIN] = alone("plain_train", network="autoencoder", folder=folders[0], **timed)
        found[str(count)] = interleaved(sides, size.repeats)
    return found


def lengths(clips: Clips, size: Size) -> Groups:
    """Scoring by the length of a recording, as much sound of each."""
    _make_models(clips, size)
    found = {}
    for seconds in size.lengths:
        count = max(2, round(size.sound / seconds))
        folder = str(clips.machine(count, seconds))
        record = {"singles": 1}
        sides = {
            OURS: alone("score", folder=folder, model=str(_model(clips, "autoencoder")), **record),
            PLAIN: alone(
                "plain_score", folder=folder, model=str(_model(clips, "autoencoder", plain=True)), **record
            ),
        }
        runs = interleaved(sides, size.repeats)
        for records in runs.values():
            for each in records:
                each["sound"] = count * seconds
        found[f"{seconds:g}"] = runs
    return found


def gpu(clips: Clips, size: Size) -> Groups:
    """Training steps on the GPU, where there is one."""
    import torch

    if not torch.cuda.is_available():
        return {}
    homes = clips.fleet(min(max(size.many_machines), 7), size.trained)
    folders = [str(folder) for folder in homes]
    timed = {"epochs": size.epochs, "seconds": clips.seconds, "device": "cuda"}
    sides = {
        f"ours, {count} machines": alone(
            "train", detector="autoencoder", folders=folders, machines=count, **timed
        )
        for count in size.many_machines
    }
    sides[PLAIN] = alone("plain_train", network="autoencoder", folder=folders[0], **timed)
    sides["peak"] = alone("gpu_peak")
    return {torch.cuda.get_device_name(): interleaved(sides, size.repeats)}


PARTS: dict[str, Callable[[Clips, Size], Groups]] = {
    part.__name__: part
    for part in (
        peak, features, training, precision, epoch, fitting, scoring, startup, many_machines, lengths, gpu,
    )
}  # fmt: skip
