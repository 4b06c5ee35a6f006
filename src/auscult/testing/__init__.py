"""Checks that a detector keeps the contract of `auscult.detectors.Detector`, for detectors of other packages.

`check_detector` runs all checks and reports those that fail. With pytest, each check is a test::

    import pytest
    from auscult.testing import CheckedDetector, yield_checks

    checked = CheckedDetector("loudness")

    @pytest.mark.parametrize("check", yield_checks(checked.kind))
    def test_contract(check):
        check(checked)

Checks need no files and no pytest: the recordings are those of a synthetic machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from auscult.detectors import Detector
from auscult.detectors.adaptable import Adaptable, Refittable
from auscult.detectors.exportable import Exportable
from auscult.detectors.representable import LatentSpace, Representable
from auscult.testing import (
    definition_checks,
    fitting_checks,
    optional_checks,
    scoring_checks,
    state_checks,
)
from auscult.testing.checked_detector import CheckedDetector
from auscult.testing.sounds import SyntheticClip, machine_sound

#: A function that raises `AssertionError` with a message that says what to change.
Check = Callable[[CheckedDetector], None]

_CHECKS: tuple[Check, ...] = (
    definition_checks.check_name_and_scores,
    definition_checks.check_options,
    definition_checks.check_unfitted,
    definition_checks.check_fit_refuses_no_recordings,
    scoring_checks.check_scores_are_complete_and_finite,
    scoring_checks.check_anomalies_score_higher,
    scoring_checks.check_scores_do_not_depend_on_earlier_calls,
    scoring_checks.check_scoring_is_thread_safe,
    scoring_checks.check_scoring_changes_nothing,
    scoring_checks.check_maps,
    scoring_checks.check_shortest_recording,
    scoring_checks.check_degenerate_sounds,
    state_checks.check_arrays,
    state_checks.check_facts,
    state_checks.check_pickle,
    state_checks.check_model_file,
    state_checks.check_file_and_samples,
    fitting_checks.check_fit_is_deterministic,
    fitting_checks.check_front_ends_are_complete,
    fitting_checks.check_few_and_poor_recordings,
    fitting_checks.check_fold_models_have_not_seen_their_fold,
)


def yield_checks(kind: type[Detector]) -> Iterator[Check]:
    """Yield the checks of a detector class, those of optional methods only if it has them."""
    yield from _CHECKS
    if kind.presets:
        yield definition_checks.check_presets
    if issubclass(kind, Adaptable):
        yield optional_checks.check_adapting
    if issubclass(kind, Refittable):
        yield optional_checks.check_refitting
    if issubclass(kind, Representable):
        yield optional_checks.check_representation
    if issubclass(kind, LatentSpace):
        yield optional_checks.check_codes
    if issubclass(kind, Exportable):
        yield optional_checks.check_export


def check_detector(
    detector: str | type[Detector] | Detector, settings: Mapping[str, Any] | None = None
) -> None:
    """Run all checks of a detector.

    Args:
        detector: name of a detector, a class, or an instance, whose options are used. A class is known by its
            name in this process afterwards.
        settings: further options, such as few epochs of training for a network.

    Raises:
        AssertionError: checks failed; the message names each and says what to change. Their own errors are
            the cause, as an `ExceptionGroup`.
        OptionError: there is no such detector or option.

    Examples:
        >>> check_detector("pooled_gaussian", {"components": 1})
        >>> from auscult.detectors.pooled.pooled_gaussian import PooledGaussian
        >>> [check.__name__ for check in yield_checks(PooledGaussian)][:2]
        ['check_name_and_scores', 'check_options']
    """
    checked = CheckedDetector(detector, settings)
    checks, errors = list(yield_checks(checked.kind)), {}
    for check in checks:
        try:
            check(checked)
        except Exception as error:  # a broken detector may raise anything
            errors[check.__name__] = error
    if errors:
        lines = [f"{name}: {_describe(error)}" for name, error in errors.items()]
        raise AssertionError(
            "\n".join([f"{checked.name}: {len(errors)} of {len(checks)} checks failed", *lines])
        ) from ExceptionGroup("failed checks", list(errors.values()))


def _describe(error: Exception) -> str:
    return str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"


__all__ = ["Check", "CheckedDetector", "SyntheticClip", "check_detector", "machine_sound", "yield_checks"]
