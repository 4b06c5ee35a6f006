"""Which test normals of the real machines come from units and conditions that are in the training data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from auscult.corpus import Clip

IN_TRAINING = "in training"
OTHER_CONDITIONS = "same units, other conditions"
OTHER_UNITS = "other units"
CASES = (IN_TRAINING, OTHER_CONDITIONS, OTHER_UNITS)


@dataclass(frozen=True)
class Origin:
    """How the file names of a machine say which unit was recorded, and under which condition.

    Attributes:
        unit: the attributes that name the unit; empty if there is a single one.
        condition: the attributes that name the condition.
        same_units: whether test normals may come from the units of the training data; if not, names say
            nothing about it and the description of the data does.
    """

    unit: Sequence[str] = ()
    condition: Sequence[str] = ()
    same_units: bool = True


#: Machine to the origin of its recordings, from the descriptions of the data.
ORIGINS: Mapping[str, Origin] = {
    "BrushlessMotor": Origin(("motor",), ("spd",)),
    "PaderbornBearing": Origin((), ("speed", "torque", "force"), same_units=False),
    "FemtoBearing": Origin(("rec",), ("cond",)),
    "InductionMotor2": Origin((), ("mic", "hz", "cm")),
    "MimiiFan02": Origin((), ("mic",)),
}


def case_of(machine: str, clip: Clip, training: Sequence[Clip]) -> str:
    """The case of a normal test clip, one of `CASES`; those of simulated machines are all in training."""
    origin = ORIGINS.get(machine)
    if origin is None:
        return IN_TRAINING
    if not origin.same_units:
        return OTHER_UNITS

    def values(of: Clip, names: Sequence[str]) -> tuple[str | None, ...]:
        return tuple(of.attributes.get(name) for name in names)

    of_unit = [other for other in training if values(other, origin.unit) == values(clip, origin.unit)]
    if not of_unit:
        return OTHER_UNITS
    condition = values(clip, origin.condition)
    known = any(values(other, origin.condition) == condition for other in of_unit)
    return IN_TRAINING if known else OTHER_CONDITIONS
