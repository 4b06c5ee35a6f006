"""The detectors and presets of a benchmark, and the settings that apply to each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from auscult.api.fit import DEFAULT_PRESET
from auscult.detectors import DETECTORS, Config, Detector, detector_type
from auscult.detectors.options import check_nothing_missing, make_config, missing_options
from auscult.errors import MissingExtraError, OptionError
from auscult.spectrum import FrontEnd

#: Selects every registered detector.
ALL = "all"


@dataclass(frozen=True)
class DetectorChoice:
    """A detector with a preset, such as ``gamma_vae`` or ``gamma_vae@report``."""

    detector: str
    preset: str | None = None

    @property
    def name(self) -> str:
        """``detector@preset``, or only the detector's name for its default preset."""
        default = DEFAULT_PRESET.get(self.detector)
        return self.detector if self.preset in (None, default) else f"{self.detector}@{self.preset}"

    @property
    def detector_class(self) -> type[Detector]:
        """The class of the detector."""
        return detector_type(self.detector)

    def applicable_settings(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The settings that this detector has; ``score`` only if the detector has a score of that name."""
        known = {f.name for f in (*fields(self.detector_class.config_type), *fields(FrontEnd))} - {
            "front_end"
        }
        return {
            key: value
            for key, value in settings.items()
            if key in known and (key != "score" or value in self.detector_class.scores)
        }

    def config(self, settings: Mapping[str, Any]) -> Config:
        """The preset's configuration with the applicable settings; raises `OptionError` for a wrong value."""
        return make_config(self.detector, preset=self.preset, settings=self.applicable_settings(settings))

    def uses_other_machines(self, settings: Mapping[str, Any]) -> bool:
        """Whether the detector, with these settings, is also fitted on recordings of other machines."""
        return self.detector_class.uses_other_machines(self.config(settings))

    def needs(self, settings: Mapping[str, Any]) -> list[str]:
        """What fitting requires besides the recordings of one machine, as text."""
        detector_class = self.detector_class
        return [
            *([f"auscult[{detector_class.extra}]"] if detector_class.extra else []),
            *(f"{option}=…" for option in detector_class.required_options),
            *(["other machines, if any"] if self.uses_other_machines(settings) else []),
        ]


def choose_detectors(
    detectors: Sequence[str], settings: Mapping[str, Any]
) -> tuple[list[DetectorChoice], list[str]]:
    """Resolves the names of detectors to detectors with presets.

    A name such as ``gamma_vae`` selects every preset of the detector, ``gamma_vae@report`` one preset, and
    ``all`` every detector with its default preset.

    Args:
        detectors: names of detectors.
        settings: options; each applies to the detectors that have it.

    Returns:
        The choices without duplicates, and a note for each detector that was left out of ``all`` because
        something that the user must provide is missing.

    Raises:
        OptionError: an unknown detector or preset, a setting that none of the detectors has, or a named
            detector without an option that it requires. Raised here, before any model is fitted.
    """
    choices: list[DetectorChoice] = []
    notes: list[str] = []
    for name in detectors:
        if name == ALL:
            for detector in DETECTORS:
                reason = _reason_to_leave_out(detector, settings)
                if reason is None:
                    choices.append(_all_presets(detector)[0])
                else:
                    notes.append(f"{detector} is left out: {reason}.")
            continue
        detector, _, preset = name.partition("@")
        check_nothing_missing(detector, settings)
        choices += [DetectorChoice(detector, preset)] if preset else _all_presets(detector)
    choices = list(dict.fromkeys(choices))
    for choice in choices:
        choice.config(settings)
    for key, value in settings.items():
        if not any(key in choice.applicable_settings(settings) for choice in choices):
            names = ", ".join(dict.fromkeys(choice.detector for choice in choices))
            setting = f"score {value!r}" if key == "score" else f"option {key!r}"
            raise OptionError(f"none of these detectors has the {setting}: {names}")
    return choices, notes


def _all_presets(detector: str) -> list[DetectorChoice]:
    """The detector with its default preset, then with every preset whose configuration differs."""
    default = DetectorChoice(detector, DEFAULT_PRESET.get(detector))
    default_config = default.config({})
    presets = (DetectorChoice(detector, preset) for preset in default.detector_class.presets)
    return [default, *(choice for choice in presets if choice.config({}) != default_config)]


def _reason_to_leave_out(detector: str, settings: Mapping[str, Any]) -> str | None:
    """Why the detector cannot be fitted with these settings, or ``None`` if it can."""
    if missing := missing_options(detector, settings):
        return f"it requires the option {missing[0]!r} (--set {missing[0]}=…)"
    try:
        detector_type(detector).check_can_fit()
    except MissingExtraError as error:
        return str(error)
    return None
