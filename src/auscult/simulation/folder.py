"""Folders of simulated machines in the layout of the DCASE 2023 development data."""

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
from auscult.simulation.plan import ClipPlan, default_target_clips, plan_clips
from auscult.simulation.pump import Pump
from auscult.simulation.rendering import Site, fault_mask
from auscult.simulation.slider import Slider
from auscult.simulation.toytrain import ToyTrain
from auscult.simulation.valve import Valve

#: Machine types by name, in the order in which ``machines=N`` uses them.
MACHINE_TYPES: dict[str, type[Machine]] = {
    machine.type: machine for machine in (Fan, Gearbox, Bearing, Valve, Slider, Pump, ToyTrain)
}

#: Progress callback: stage, completed steps, total number of steps, and metrics (none here).
Progress = Callable[[str, int, int, Mapping[str, float]], None]

_VERSION = 1  # incremented when the same settings give different samples
_METADATA_FILE = "simulation.json"


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
    """Write simulated machines, one folder each: ``train/``, ``test/``, ``masks/``, ``attributes_00.csv``.

    A clip depends only on the seed, the machine's name, domain, split, condition, clip number, ``seconds``
    and ``sample_rate``. The same settings therefore give identical files (with the same NumPy and SciPy), and
    adding machines or clips does not change the others, except that ``target_clips`` of the ``clips``
    training clips are in the target domain. Loudness has the same distribution for normal and anomalous
    clips. Only ``simulation.json`` contains the faults of the anomalous clips.

    Args:
        folder: parent folder of the machine folders; created if it does not exist.
        machines: number of machines, or their names: a type (``"fan"``), or another unit of it (``"fan_2"``).
        clips: number of training clips per machine, both domains together.
        test_clips: number of test clips per domain and condition (four times as many per machine).
        target_clips: number of training clips in the target domain; ``None`` for 1 %, at least 3.
        seed: determines units, rooms and clips.
        seconds: length of a clip, at least 2: one cycle of the slowest machine.
        sample_rate: sample rate in Hz.
        progress: called with the machine's name, completed clips, total number of clips, and no metrics.

    Returns:
        The machine folders. A machine that is complete with the same settings is not generated again; an
        interrupted one is.

    Raises:
        OptionError: a value is out of range.
        CorpusError: a machine folder exists that was not generated with these settings.
    """
    names = machine_names(machines)
    if target_clips is None:
        target_clips = default_target_clips(clips)
    if (
        clips < 4
        or not 0 <= target_clips < clips
        or test_clips < 0
        or seed < 0
        or not 2 <= seconds <= 600
        or not 4000 <= sample_rate <= 384000
    ):
        raise OptionError(
            "clips must be at least 4, target_clips at least 0 and less than clips, test_clips and seed at "
            "least 0, seconds from 2 to 600, and sample_rate from 4000 to 384000 Hz; got "
            f"{clips=}, {target_clips=}, {test_clips=}, {seed=}, {seconds=}, {sample_rate=}"
        )
    settings = {
        "version": _VERSION,
        "clips": clips,
        "test_clips": test_clips,
        "seed": seed,
        "seconds": float(seconds),
        "sample_rate": sample_rate,
    }
    # The default is not stored, so that folders from before this option existed have equal settings.
    if target_clips != default_target_clips(clips):
        settings["target_clips"] = target_clips
    machine_folders = []
    for name in names:
        machine_folder = Path(folder) / name
        if not _is_complete(machine_folder, settings):
            _write_machine(machine_folder, settings, progress)
        machine_folders.append(machine_folder)
    return machine_folders


def machine_names(machines: int | Sequence[str]) -> list[str]:
    """Return the names of a number of machines, or check given names.

    Args:
        machines: number of machines: one unit of each type in a fixed order, then further units; or names.

    Raises:
        OptionError: the number is less than 1, or a name has no known type.
    """
    types = list(MACHINE_TYPES)
    if isinstance(machines, int):
        if machines < 1:
            raise OptionError(f"machines must be at least 1, got {machines}")
        units = (divmod(number, len(types)) for number in range(machines))
        return [types[index] if not unit else f"{types[index]}_{unit + 1}" for unit, index in units]
    for name in machines:
        machine_type, _, unit = name.partition("_")
        is_unit = unit.isdecimal() and int(unit) >= 2
        if machine_type not in MACHINE_TYPES or not (name == machine_type or is_unit):
            raise OptionError(
                f"unknown machine {name!r}: choose from {', '.join(types)}, or another unit such as fan_2"
            )
    return list(machines)


def load_mask(clip_path: str | PathLike[str]) -> np.ndarray:
    """Read the mask of the bins in which the fault of a simulated clip is louder than everything else.

    The fault is the sound that it adds minus the sound that it removes, after room and microphone. Everything
    else is the sound that it does not change, including noise. Missing strokes are therefore marked as well.

    Args:
        clip_path: an anomalous test clip, ``<machine>/test/<stem>.wav``.

    Returns:
        (T, 128) bool, over the frames and bands of the default ``FrontEnd`` at the clip's sample rate.

    Raises:
        CorpusError: the clip has no mask, or the mask cannot be read.
    """
    clip = Path(clip_path)
    path = clip.parent.parent / "masks" / f"{clip.stem}.npy"
    try:
        return np.unpackbits(np.load(path), axis=1).astype(bool)
    except FileNotFoundError:
        raise CorpusError(clip, f"no mask at {path}; only anomalous simulated clips have a mask") from None
    except (OSError, ValueError) as error:
        raise CorpusError(
            path, f"not a valid mask of a simulated clip ({error}); simulate the machine again"
        ) from error


def _is_complete(machine_folder: Path, settings: Mapping[str, Any]) -> bool:
    """Whether a machine exists; raise `CorpusError` if it was not generated with the given settings."""
    if not machine_folder.exists():
        return False
    try:
        stored = json.loads((machine_folder / _METADATA_FILE).read_text(encoding="utf-8"))["settings"]
    except (OSError, ValueError, KeyError, TypeError):
        raise CorpusError(
            machine_folder, "exists but was not made by a simulation; remove it or choose another folder"
        ) from None
    if stored != settings:
        keys = {**settings, **stored}
        different = ", ".join(
            f"{key}={stored.get(key)}" for key in keys if stored.get(key) != settings.get(key)
        )
        raise CorpusError(
            machine_folder,
            f"was simulated with other settings ({different}); remove it or choose another folder",
        )
    return True


def _write_machine(machine_folder: Path, settings: Mapping[str, Any], progress: Progress | None) -> None:
    """Write one machine to a temporary folder and rename it when it is complete."""
    name = machine_folder.name
    machine = MACHINE_TYPES[name.partition("_")[0]]
    keys = (settings["seed"], name)
    rate = settings["sample_rate"]
    site = Site(machine, keys, round(settings["seconds"] * rate), rate)
    target_clips = settings.get("target_clips")
    plans = list(plan_clips(machine, keys, settings["clips"], settings["test_clips"], target_clips))
    unfinished = machine_folder.with_name(f".{name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    for subfolder in ("train", "test", "masks"):
        (unfinished / subfolder).mkdir(parents=True)
    for completed, plan in enumerate(plans):
        if progress:
            progress(name, completed, len(plans), {})
        clip = site.record(plan)
        pcm = np.clip(np.rint(clip.samples * 32767.0), -32768, 32767).astype(np.int16)
        soundfile.write(unfinished / plan.split / f"{plan.stem}.wav", pcm, rate, subtype="PCM_16")
        if clip.fault is not None:
            mask = fault_mask(clip.fault, clip.unaffected, rate)
            np.save(unfinished / "masks" / f"{plan.stem}.npy", np.packbits(mask, axis=1))
    _write_attributes(unfinished / "attributes_00.csv", name, plans)
    _write_metadata(unfinished / _METADATA_FILE, name, machine, settings, plans)
    unfinished.rename(machine_folder)
    if progress:
        progress(name, len(plans), len(plans), {})


def _write_attributes(path: Path, name: str, plans: Sequence[ClipPlan]) -> None:
    """Write the attribute table of DCASE: file name, then name and value of each attribute."""
    attributes = max(len(plan.operation) for plan in plans)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file_name", *(f"d{n + 1}{suffix}" for n in range(attributes) for suffix in "pv")])
        for plan in plans:
            writer.writerow([f"{name}/{plan.split}/{plan.stem}.wav", *sum(plan.operation.items(), ())])


def _write_metadata(
    path: Path, name: str, machine: type[Machine], settings: Mapping[str, Any], plans: Sequence[ClipPlan]
) -> None:
    """Write the settings of the simulation, and the faults of the anomalous clips."""
    metadata = {
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
    path.write_text(json.dumps(metadata, indent=1) + "\n", encoding="utf-8")
