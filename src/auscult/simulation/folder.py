"""Folders of simulated machines, laid out and named like DCASE 2023 development data."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from auscult.errors import CorpusError, OptionError
from auscult.simulation.bearing import Bearing
from auscult.simulation.fan import Fan
from auscult.simulation.gearbox import Gearbox
from auscult.simulation.machine import Machine
from auscult.simulation.plan import ClipPlan, plan_clips, usual_target_clips
from auscult.simulation.pump import Pump
from auscult.simulation.rendering import Site, louder_bins
from auscult.simulation.slider import Slider
from auscult.simulation.toytrain import ToyTrain
from auscult.simulation.valve import Valve

#: Machine types in the order in which ``machines=N`` takes them.
MACHINE_TYPES: dict[str, type[Machine]] = {
    machine.type: machine for machine in (Fan, Gearbox, Bearing, Valve, Slider, Pump, ToyTrain)
}

#: Told what is being done: stage, steps done, steps in all, and figures (none here).
Progress = Callable[[str, int, int, Mapping[str, float]], None]

_VERSION = 1  # of the sounds: raised when the same settings give other samples
_NOTES = "simulation.json"


def simulate(
    folder: str | PathLike[str],
    *,
    machines: int | Sequence[str] = 3,
    clips: int = 200,
    test_clips: int = 50,
    target_clips: int | None = None,
    seed: int = 0,
    seconds: float = 10.0,
    sample_rate: int = 16000,
    progress: Progress | None = None,
) -> list[Path]:
    """Writes simulated machines, one folder each: ``train/``, ``test/``, ``masks/``, ``attributes_00.csv``.

    A clip depends on the seed, its machine's name, its domain, split, condition and number, on
    ``seconds`` and ``sample_rate``, and on nothing else: the same settings give the same bytes (with the
    same NumPy and SciPy), and more machines or clips leave the others as they are, except that
    ``target_clips`` of the ``clips`` training clips are of the target domain. Loudness is drawn alike for
    every kind of clip. What is wrong in an anomalous clip stands in ``simulation.json`` alone.

    Args:
        folder: where the machine folders go; made if it does not exist.
        machines: how many, or which by name: a type (``"fan"``), or another unit of it (``"fan_2"``).
        clips: training clips a machine, both domains together.
        test_clips: test clips of each domain and condition (four times as many a machine).
        target_clips: how many of the training clips are of the target domain; ``None`` for 1 %, at least 3.
        seed: chooses units, rooms and clips.
        seconds: length of a clip, at least 2: one cycle of the slowest machine.
        sample_rate: Hz.
        progress: told the machine's name, clips done, clips in all.

    Returns:
        The machine folders. One that is complete with the same settings is not made again; one that
        was interrupted is.

    Raises:
        OptionError: a value that cannot be simulated.
        CorpusError: a machine folder is there that was not made with these settings.
    """
    names = machine_names(machines)
    few = usual_target_clips(clips) if target_clips is None else target_clips
    if (
        clips < 4
        or not 0 <= few < clips
        or test_clips < 0
        or seed < 0
        or not 2 <= seconds <= 600
        or not 4000 <= sample_rate <= 384000
    ):
        raise OptionError(
            "a simulation needs clips ≥ 4, fewer target_clips than clips, test_clips ≥ 0, seed ≥ 0, seconds "
            f"2–600 and sample_rate 4000–384000 Hz, not {clips=} target_clips={few} {test_clips=} {seed=} "
            f"{seconds=} {sample_rate=}"
        )
    settings = {
        "version": _VERSION,
        "clips": clips,
        "test_clips": test_clips,
        "seed": seed,
        "seconds": float(seconds),
        "sample_rate": sample_rate,
    }
    if few != usual_target_clips(clips):  # so that folders of before this could be chosen are still known
        settings["target_clips"] = few
    done = []
    for name in names:
        home = Path(folder) / name
        if not _is_complete(home, settings):
            _write_machine(home, settings, progress)
        done.append(home)
    return done


def machine_names(machines: int | Sequence[str]) -> list[str]:
    """Names of so many machines, in the fixed order of types and then further units; or the names checked.

    Raises:
        OptionError: a name of no type.
    """
    types = list(MACHINE_TYPES)
    if isinstance(machines, int):
        if machines < 1:
            raise OptionError(f"machines={machines}: at least one machine is needed")
        rounds = (divmod(number, len(types)) for number in range(machines))
        return [types[which] if not unit else f"{types[which]}_{unit + 1}" for unit, which in rounds]
    for name in machines:
        kind, _, unit = name.partition("_")
        if kind not in MACHINE_TYPES or not (name == kind or (unit.isdecimal() and int(unit) >= 2)):
            raise OptionError(
                f"no machine {name!r} to simulate: take {', '.join(types)}, or another unit such as fan_2"
            )
    return list(machines)


def load_mask(clip_path: str | PathLike[str]) -> np.ndarray:
    """Where the fault of a simulated clip is louder than all the rest.

    The fault's own share is what the clip gains and loses by it, through room and microphone; the rest
    is all that it leaves alone, noise included. A stroke that fails to come is thus marked as well.

    Args:
        clip_path: an anomalous test clip, ``<machine>/test/<stem>.wav``.

    Returns:
        (T, 128) bool, over the frames and bands of the default ``FrontEnd`` at the clip's sample rate.

    Raises:
        CorpusError: there is no mask for that clip.
    """
    clip = Path(clip_path)
    path = clip.parent.parent / "masks" / f"{clip.stem}.npy"
    try:
        return np.unpackbits(np.load(path), axis=1).astype(bool)
    except FileNotFoundError:
        raise CorpusError(clip, f"has no mask at {path}; only anomalous simulated clips have one") from None
    except (OSError, ValueError) as error:
        raise CorpusError(
            path, f"is no mask of a simulated clip ({error}); simulate the machine anew"
        ) from error


def _is_complete(home: Path, settings: Mapping[str, Any]) -> bool:
    if not home.exists():
        return False
    try:
        made_with = json.loads((home / _NOTES).read_text(encoding="utf-8"))["settings"]
    except (OSError, ValueError, KeyError, TypeError):
        raise CorpusError(
            home, "is there, but was not made by a simulation; remove it or choose another folder"
        ) from None
    if made_with != settings:
        keys = {**settings, **made_with}
        other = ", ".join(
            f"{key}={made_with.get(key)}" for key in keys if made_with.get(key) != settings.get(key)
        )
        raise CorpusError(
            home, f"was simulated with other settings ({other}); remove it or choose another folder"
        )
    return True


def _write_machine(home: Path, settings: Mapping[str, Any], progress: Progress | None) -> None:
    """Writes one machine under a passing name and renames it when it is whole."""
    machine = MACHINE_TYPES[home.name.partition("_")[0]]
    keys = (settings["seed"], home.name)
    rate = settings["sample_rate"]
    site = Site(machine, keys, round(settings["seconds"] * rate), rate)
    of_target = settings.get("target_clips")
    plans = list(plan_clips(machine, keys, settings["clips"], settings["test_clips"], of_target))
    unfinished = home.with_name(f".{home.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    for part in ("train", "test", "masks"):
        (unfinished / part).mkdir(parents=True)
    for done, plan in enumerate(plans):
        if progress:
            progress(home.name, done, len(plans), {})
        recorded = site.record(plan)
        whole = np.clip(np.rint(recorded.samples * 32767.0), -32768, 32767).astype(np.int16)
        soundfile.write(unfinished / plan.split / f"{plan.stem}.wav", whole, rate, subtype="PCM_16")
        if recorded.fault is not None:
            mask = louder_bins(recorded.fault, recorded.rest, rate)
            np.save(unfinished / "masks" / f"{plan.stem}.npy", np.packbits(mask, axis=1))
    _write_attributes(unfinished / "attributes_00.csv", home.name, plans)
    _write_notes(unfinished / _NOTES, home.name, machine, settings, plans)
    unfinished.rename(home)
    if progress:
        progress(home.name, len(plans), len(plans), {})


def _write_attributes(path: Path, name: str, plans: Sequence[ClipPlan]) -> None:
    """The table that DCASE lays beside its clips: file, then name and value of each attribute."""
    pairs = max(len(plan.operation) for plan in plans)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["file_name", *(f"d{n + 1}{part}" for n in range(pairs) for part in "pv")])
        for plan in plans:
            rows.writerow([f"{name}/{plan.split}/{plan.stem}.wav", *sum(plan.operation.items(), ())])


def _write_notes(
    path: Path, name: str, machine: type[Machine], settings: Mapping[str, Any], plans: Sequence[ClipPlan]
) -> None:
    """What was made with which settings, and what is wrong in the anomalous clips."""
    notes = {
        "simulated": True,
        "machine": name,
        "type": machine.type,
        "settings": settings,
        "target_training_clips": sum(plan.split == "train" and plan.domain == "target" for plan in plans),
        "anomalies": {
            plan.stem: {
                "fault": plan.fault.name,
                "severity": plan.fault.severity,
                "decibels": round(plan.fault.decibels, 3),
            }
            for plan in plans
            if plan.fault
        },
    }
    path.write_text(json.dumps(notes, indent=1) + "\n", encoding="utf-8")
