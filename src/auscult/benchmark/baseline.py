"""The system that a benchmark compares all others with."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from auscult.benchmark.detector_choices import DetectorChoice
from auscult.errors import OptionError

#: The baseline of the DCASE Challenge, which is the default wherever it is run.
BASELINE = "autoencoder:mse"


def choose_baseline(
    named: str | None,
    choices: Sequence[DetectorChoice],
    settings: Mapping[str, Any],
    others: Collection[str] = (),
) -> str:
    """Return the baseline as ``detector:score``, or the name of another system.

    Args:
        named: a system, or a detector for its default score. ``None`` selects `BASELINE` if its detector is
            run, otherwise the default score of the first detector.
        choices: the detectors of the benchmark, at least one.
        settings: their settings.
        others: names of systems that are read from score files.

    Raises:
        OptionError: the named system is not among those of the benchmark.
    """
    systems = [f"{choice.name}:{score}" for choice in choices for score in choice.detector_class.scores]
    defaults = {c.name: f"{c.name}:{c.detector_class(c.config(settings)).decisive_score}" for c in choices}
    if named is None:
        return BASELINE if BASELINE in systems else defaults[choices[0].name]
    if named in systems or named in others:
        return named
    if named in defaults:
        return defaults[named]
    raise OptionError(
        f"the baseline {named!r} is not among the systems of this benchmark: choose one of "
        f"{', '.join([*systems, *others])}"
    )
