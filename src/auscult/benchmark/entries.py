"""The columns of a benchmark: which detectors with which presets, and which settings each of them has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from auscult.api.fit import FITTED_BY_DEFAULT
from auscult.detectors import DETECTORS, Config, Detector, detector_type
from auscult.detectors.options import check_nothing_missing, make_config, missing_options
from auscult.errors import MissingExtraError, OptionError
from auscult.spectrum import FrontEnd

#: Stands for every detector of the table.
ALL = "all"


@dataclass(frozen=True)
class Entry:
    """A detector with a preset, as one column of the table: ``gamma_vae``, ``gamma_vae@report``."""

    detector: str
    preset: str | None = None

    @property
    def name(self) -> str:
        """The detector's name alone for its default preset."""
        default = FITTED_BY_DEFAULT.get(self.detector)
        return self.detector if self.preset in (None, default) else f"{self.detector}@{self.preset}"

    @property
    def kind(self) -> type[Detector]:
        """The class of the detector."""
        return detector_type(self.detector)

    def settings(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Those settings that this detector has; ``score`` only where it has a score of that name."""
        known = {f.name for f in (*fields(self.kind.config_type), *fields(FrontEnd))} - {"front_end"}
        return {
            key: value
            for key, value in wanted.items()
            if key in known and (key != "score" or value in self.kind.scores)
        }

    def config(self, wanted: Mapping[str, Any]) -> Config:
        """Its configuration with those settings that it has; raises `OptionError` for a wrong value."""
        return make_config(self.detector, preset=self.preset, settings=self.settings(wanted))

    def learns_from_others(self, wanted: Mapping[str, Any]) -> bool:
        """Whether it reads the recordings of other machines, with those settings that it has."""
        return self.kind.learns_from_others(self.config(wanted))

    def needs(self, wanted: Mapping[str, Any]) -> list[str]:
        """What it takes to fit it so besides recordings of one machine, in words."""
        kind = self.kind
        return [
            *([f"auscult[{kind.extra}]"] if kind.extra else []),
            *(f"{option}=…" for option in kind.required_options),
            *(["other machines, if any"] if self.learns_from_others(wanted) else []),
        ]


def entries(detectors: Sequence[str], settings: Mapping[str, Any]) -> tuple[list[Entry], list[str]]:
    """Every preset of every named detector; ``gamma_vae@report`` names one preset alone, ``all`` names every
    detector as it comes.

    Args:
        detectors: their names.
        settings: options for those that have them.

    Returns:
        The entries, and what was left out of ``all`` for want of something that the user must bring.

    Raises:
        OptionError: an unknown detector or preset, a setting that none of them has, or a named detector
            without an option that it requires. Told here, before hours of work.
    """
    found: list[Entry] = []
    notes: list[str] = []
    for name in detectors:
        if name == ALL:
            for each in DETECTORS:
                lack = _lack(each, settings)
                if lack is None:
                    found.append(_presets(each)[0])
                else:
                    notes.append(f"{each} is left out: {lack}.")
            continue
        detector, _, preset = name.partition("@")
        check_nothing_missing(detector, settings)
        found += [Entry(detector, preset)] if preset else _presets(detector)
    found = list(dict.fromkeys(found))
    for entry in found:
        entry.config(settings)
    for key, value in settings.items():
        if not any(key in entry.settings(settings) for entry in found):
            names = ", ".join(dict.fromkeys(entry.detector for entry in found))
            what = f"score {value!r}" if key == "score" else f"option {key!r}"
            raise OptionError(f"no {what} in any of: {names}")
    return found, notes


def _presets(detector: str) -> list[Entry]:
    """The detector as it comes, then its presets that are something else."""
    first = Entry(detector, FITTED_BY_DEFAULT.get(detector))
    usual = first.config({})
    presets = (Entry(detector, preset) for preset in first.kind.presets)
    return [first, *(entry for entry in presets if entry.config({}) != usual)]


def _lack(detector: str, settings: Mapping[str, Any]) -> str | None:
    """What a detector cannot be fitted without and does not have, in words."""
    if missing := missing_options(detector, settings):
        return f"it needs --set {missing[0]}=…"
    try:
        detector_type(detector).check_can_fit()
    except MissingExtraError as error:
        return str(error)
    return None
