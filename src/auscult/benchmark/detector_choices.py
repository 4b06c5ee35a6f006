"""The detectors and presets of a benchmark, and the settings that apply to each of them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import combinations
from typing import Any

from auscult.detectors import Config, Detector, detector_names, detector_type
from auscult.detectors.names import DetectorName
from auscult.detectors.options import DEFAULT_PRESET, check_nothing_missing, make_config, missing_options
from auscult.errors import MissingExtraError, OptionError, PluginError
from auscult.spectrum import FrontEnd

#: Selects every registered detector.
ALL = "all"


@dataclass(frozen=True)
class DetectorChoice:
    """A detector with a preset and settings of its own, such as ``gamma_vae@report[latents=4,kl_weight=0]``.

    Attributes:
        detector: name of the detector.
        preset: name of its preset; ``None`` for no preset.
        own: names and values of the settings of this choice alone, as text, in the order given.
    """

    detector: str
    preset: str | None = None
    own: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, name: str) -> DetectorChoice:
        """The choice of a name; without ``@preset`` it has the detector's default preset.

        Raises:
            OptionError: as `DetectorName.parse`, or the seed is among the settings.
        """
        parts = DetectorName.parse(name)
        if "seed" in dict(parts.settings):
            raise OptionError(f"{name}: the seeds are those of the benchmark, `seeds=[N]`, not settings")
        preset = parts.preset or DEFAULT_PRESET.get(parts.detector)
        return cls(parts.detector, preset, parts.settings)

    @property
    def name(self) -> str:
        """``detector@preset[key=value]``, without ``@preset`` for the default preset."""
        return str(self._name)

    @property
    def folder(self) -> str:
        """The name of the choice's folders; raises `OptionError` if it is too long."""
        return self._name.folder

    @property
    def _name(self) -> DetectorName:
        is_default = self.preset == DEFAULT_PRESET.get(self.detector)
        return DetectorName(self.detector, None if is_default else self.preset, self.own)

    @property
    def detector_class(self) -> type[Detector]:
        """The class of the detector."""
        return detector_type(self.detector)

    def applicable_settings(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The settings of this detector.

        These are the settings that it has (``score`` only if it has a score of that name), then those
        addressed to it (``detector.key`` or ``detector@preset.key``), then its own; later ones take
        precedence. An encoder is not stored in every model of a benchmark: the models have its absolute path
        and its SHA-256, unless ``embed_encoder`` is set.
        """
        known = {f.name for f in (*fields(self.detector_class.config_type), *fields(FrontEnd))} - {
            "front_end"
        }
        of_all = {
            key: value
            for key, value in settings.items()
            if key in known and (key != "score" or value in self.detector_class.scores)
        }
        applicable = {**of_all, **self._addressed(settings), **dict(self.own)}
        if applicable.get("encoder"):
            path = os.path.abspath(applicable["encoder"])  # workers may have another working directory
            applicable = {"embed_encoder": False, **applicable, "encoder": path}
        return applicable

    def _addressed(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        names = (self.detector, f"{self.detector}@{self.preset}")
        return {
            key: setting
            for name in names
            for address, setting in settings.items()
            for owner, _, key in [address.rpartition(".")]
            if owner == name
        }

    def config(self, settings: Mapping[str, Any]) -> Config:
        """The preset's configuration with the applicable settings.

        Raises:
            OptionError: a wrong value, or an own or addressed setting that the detector does not have.
        """
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

    A name such as ``gamma_vae`` selects every preset of the detector, ``gamma_vae@report`` one preset,
    ``gamma_vae[latents=4]`` the default preset with settings of its own, and ``all`` every detector with its
    default preset.

    Args:
        detectors: names of detectors.
        settings: options; each applies to the detectors that have it, and one such as ``gamma_vae.latents``
            to that detector alone.

    Returns:
        The choices without duplicates, and a note for each detector that was left out of ``all`` because
        something that the user must provide is missing.

    Raises:
        OptionError: no detectors, an unknown detector or preset, a setting that none of the detectors has, a
            named detector without an option that it requires, or two names for the same settings. Raised
            here, before any model is fitted.
    """
    choices: list[DetectorChoice] = []
    notes: list[str] = []
    for name in detectors:
        if name == ALL:
            for detector in detector_names():
                reason = _reason_to_leave_out(detector, settings)
                if reason is None:
                    choices.append(_all_presets(detector)[0])
                else:
                    notes.append(f"{detector} is left out: {reason}.")
            continue
        choice = DetectorChoice.parse(name)
        check_nothing_missing(choice.detector, choice.applicable_settings(settings))
        choices += [choice] if "@" in name or choice.own else _all_presets(choice.detector)
    if not choices:
        raise OptionError("no detectors: name at least one, for instance auto, or 'all' for every detector")
    choices = list(dict.fromkeys(choices))
    configs = {choice: choice.config(settings) for choice in choices}
    for choice in choices:
        _ = choice.folder
    for first, second in combinations(choices, 2):
        same_detector = first.detector == second.detector and (first.own or second.own)
        if same_detector and configs[first] == configs[second]:
            raise OptionError(f"{first.name} and {second.name} have the same settings: leave one of them out")
    for key, value in settings.items():
        owner, _, own_key = key.rpartition(".")
        if not any(own_key in choice.applicable_settings({key: value}) for choice in choices):
            names = ", ".join(dict.fromkeys(choice.detector for choice in choices))
            setting = f"score {value!r}" if key == "score" else f"option {key!r}"
            if owner:
                stated = f"`settings={{{key!r}: {value!r}}}`"
                raise OptionError(f"{stated}: {owner} is none of these detectors: {names}")
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
    choice = DetectorChoice(detector, DEFAULT_PRESET.get(detector))
    try:
        if missing := missing_options(detector, choice.applicable_settings(settings)):
            return f"it requires the option {missing[0]!r} (`settings={{{missing[0]!r}: VALUE}}`)"
        detector_type(detector).check_can_fit()
    except (MissingExtraError, PluginError) as error:
        return str(error)
    return None
