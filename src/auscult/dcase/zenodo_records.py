"""The Zenodo records of the DCASE Task 2 data sets, with their archives and machines."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from auscult.errors import OptionError

Part = Literal["dev", "eval", "all"]

#: The folder in ``dcase<YYYY>t2/`` into which each part of a year is unpacked.
PART_FOLDERS = {"dev": "dev_data", "eval": "eval_data"}


@dataclass(frozen=True)
class Record:
    """One Zenodo record, which contains one archive per machine.

    Attributes:
        number: of the record.
        part: ``"dev"`` or ``"eval"``.
        splits: which clips of that part it contains: ``"all"``, ``"train"`` or ``"test"``.
        pattern: pattern of the archive names, without extension and revision.
        machines: the machines it contains.
    """

    number: int
    part: Literal["dev", "eval"]
    splits: Literal["all", "train", "test"]
    pattern: str
    machines: tuple[str, ...]

    def archive_in(self, machine: str, names: Iterable[str]) -> str | None:
        """Return which of the names is the machine's archive; of several revisions (``_r2``) the latest."""
        stem = re.escape(self.pattern.format(machine=machine))
        revisions = [
            (int(match[1] or 1), name)
            for name in names
            if (match := re.fullmatch(rf"{stem}(?:_r([0-9]+))?\.zip", name, re.IGNORECASE))
        ]
        return max(revisions)[1] if revisions else None


def _year(
    development: tuple[int, str, str],
    training: tuple[int, str, str],
    test: tuple[int, str],
) -> tuple[Record, ...]:
    """Return the records of one year, each given as number, name pattern and, except for test, machines."""
    number, pattern, machines = development
    records = [Record(number, "dev", "all", pattern, tuple(machines.split()))]
    number, pattern, machines = training
    records.append(Record(number, "eval", "train", pattern, tuple(machines.split())))
    records.append(Record(test[0], "eval", "test", test[1], tuple(machines.split())))
    return tuple(records)


_OF_2020 = "fan pump slider ToyCar ToyConveyor valve"
_OF_2021 = "fan gearbox pump slider ToyCar ToyTrain valve"
_OF_2022 = "bearing fan gearbox slider ToyCar ToyTrain valve"
_OF_2023_EVAL = "bandsaw grinder shaker ToyDrone ToyNscale ToyTank Vacuum"
_OF_2024_EVAL = (
    "3DPrinter AirCompressor BrushlessMotor HairDryer HoveringDrone RoboticArm Scanner ToothBrush ToyCircuit"
)
_OF_2025_EVAL = "AutoTrash BandSealer CoffeeGrinder HomeCamera Polisher ScrewFeeder ToyPet ToyRCCar"
_OF_2026 = "bearingEmu fan gearboxEmu sliderEmu ToyCar ToyCarEmu valveEmu"
_OF_2026_EVAL = "BlowerDustCollector Sander SewingMachine ToothBrush ToyDrone"
_DEV, _TRAIN, _TEST = "dev_{machine}", "eval_data_{machine}_train", "eval_data_{machine}_test"
_DEV_DATA = "dev_data_{machine}"

#: Every year's records.
RECORDS: dict[int, tuple[Record, ...]] = {
    2020: _year(
        (3678171, _DEV_DATA, _OF_2020),
        (3727685, "eval_data_train_{machine}", _OF_2020),
        (3841772, "eval_data_test_{machine}"),
    ),
    2021: _year((4562016, _DEV_DATA, _OF_2021), (4660992, _TRAIN, _OF_2021), (4884786, _TEST)),
    2022: _year((6355122, _DEV, _OF_2022), (6462969, _TRAIN, _OF_2022), (6586456, _TEST)),
    2023: _year((7882613, _DEV, _OF_2022), (7830345, _TRAIN, _OF_2023_EVAL), (7860847, _TEST)),
    2024: _year((10902294, _DEV, _OF_2022), (11259435, _TRAIN, _OF_2024_EVAL), (11363076, _TEST)),
    2025: _year((15097779, _DEV, _OF_2022), (15392814, _TRAIN, _OF_2025_EVAL), (15519362, _TEST)),
    2026: _year((19336329, _DEV, _OF_2026), (20151556, _TRAIN, _OF_2026_EVAL), (20437238, _TEST)),
}


def wanted_archives(
    year: int, *, part: Part = "dev", machines: Iterable[str] | None = None
) -> list[tuple[Record, tuple[str, ...]]]:
    """Return the records to use, each with the machines whose archives are needed.

    Args:
        year: year of the challenge.
        part: development data, evaluation data, or both.
        machines: names in any letter case; ``None`` for all machines.

    Raises:
        OptionError: no such year, part or machine.
    """
    if year not in RECORDS:
        raise OptionError(f"no DCASE Task 2 data of {year}; available years: {', '.join(map(str, RECORDS))}")
    if part not in ("dev", "eval", "all"):
        raise OptionError(f"part must be dev, eval or all, got {part!r}")
    records = [record for record in RECORDS[year] if part in (record.part, "all")]
    available = {name.lower(): name for record in records for name in record.machines}
    requested = list(available) if machines is None else [name.lower() for name in machines]
    if unknown := [name for name in requested if name not in available]:
        raise OptionError(
            f"no machine {', '.join(unknown)} in the {part} data of {year}; "
            f"available: {', '.join(available.values())}"
        )
    wanted = {available[name] for name in requested}
    selected = [(record, tuple(m for m in record.machines if m in wanted)) for record in records]
    return [(record, names) for record, names in selected if names]
