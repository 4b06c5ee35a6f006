"""A detector that is checked, with the recordings that it is fitted on and scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from auscult.corpus import AudioClip
from auscult.detectors import Detector, detector_type
from auscult.detectors.options import make_config, name_and_settings
from auscult.testing.sounds import RATE, SyntheticClip, machine_sound

#: A front end for short sounds; it is part of the settings of every check.
FRONT_END = {"sample_rate": RATE, "n_fft": 512, "hop": 256, "n_mels": 16}


class CheckedDetector:
    """A detector with small settings, fitted once to recordings of a synthetic machine.

    Args:
        detector: name of a detector, a class, or an instance, whose options are used.
        settings: further options, such as few epochs of training for a network. Scores of anomalies still
            have to be higher than those of normal recordings.

    Raises:
        OptionError: there is no such detector or option.
    """

    def __init__(
        self, detector: str | type[Detector] | Detector, settings: Mapping[str, Any] | None = None
    ) -> None:
        self.name, own = name_and_settings(detector)
        self.settings: dict[str, Any] = {**FRONT_END, **own, **(settings or {})}
        self.kind = detector_type(self.name)
        make_config(self.name, settings=self.settings)  # raises OptionError

    def unfitted(self, preset: str | None = None) -> Detector:
        """Return a new detector with the settings, except those that a preset sets."""
        sets = self.kind.presets[preset] if preset else {}
        settings = {option: value for option, value in self.settings.items() if option not in sets}
        return self.kind(make_config(self.name, preset=preset, settings=settings))

    @cached_property
    def normals(self) -> list[AudioClip]:
        """24 normal recordings, three of them of the target domain."""
        domains = ["source"] * 21 + ["target"] * 3
        return [
            SyntheticClip(machine_sound(seed), f"normal {seed}.wav", machine="fan", domain=domain)
            for seed, domain in enumerate(domains)
        ]

    @cached_property
    def others(self) -> list[AudioClip]:
        """Six normal recordings of another machine."""
        return [
            SyntheticClip(machine_sound(600 + i, shaft_hz=113.0), f"other {i}.wav", machine="pump")
            for i in range(6)
        ]

    @cached_property
    def unseen(self) -> list[AudioClip]:
        """Recordings that no detector is fitted on: five normal ones of several lengths, three anomalies."""
        sounds = [machine_sound(100 + i, 0.7 + 0.1 * i) for i in range(5)]
        sounds += [machine_sound(200 + i, broken=True) for i in range(3)]
        return [SyntheticClip(samples, f"unseen {i}.wav") for i, samples in enumerate(sounds)]

    @cached_property
    def fitted(self) -> Detector:
        """The detector, fitted to the normal recordings."""
        return self.unfitted().fit(self.normals)

    def decisive(self, detector: Detector, recordings: Sequence[AudioClip]) -> np.ndarray:
        """Return the decisive score of each recording."""
        return np.array([detector.score(r).scores[detector.decisive_score] for r in recordings])


def mean_scores(detector: Detector, recordings: Sequence[AudioClip]) -> dict[str, float]:
    """Return the mean of every score of recordings."""
    scores = [detector.score(recording).scores for recording in recordings]
    return {name: float(np.mean([of_one[name] for of_one in scores])) for name in scores[0]}


def require(condition: object, message: str) -> None:
    """Raise `AssertionError` with a message if a condition does not hold; also under ``python -O``."""
    if not condition:
        raise AssertionError(message)


def same_scores(scores: Mapping[str, float], expected: Mapping[str, float], rel: float = 1e-5) -> bool:
    """Return whether two recordings have the same scores, to rounding."""
    return scores.keys() == expected.keys() and all(
        np.isclose(scores[name], expected[name], rtol=rel, atol=1e-12) for name in scores
    )
