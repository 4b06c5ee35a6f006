"""An alarm policy in words."""

from __future__ import annotations

from auscult.decision.alarms.budget import PERIODS
from auscult.decision.alarms.policy import AlarmPolicy

#: An upper limit of the rate says something if it is at most so many times the budget. Beyond, it would read
#: as if so many alarms were expected, where it only means that little was observed.
_TELLING = 10.0
#: Units of a duration, with seconds, from the largest.
_UNITS = (("d", PERIODS["day"]), ("h", PERIODS["hour"]), ("min", 60.0), ("s", 1.0))


def describe_policy(policy: AlarmPolicy) -> list[tuple[str, str]]:
    """Return names and descriptions of the parts of a policy, for text output."""
    rule, calibration = policy.rule, policy.calibration
    origin = (
        "set by the highest scores of equal parts of it"
        if policy.method == "conformal"
        else "estimated from its highest scores, no guarantee until it is verified"
    )
    sessions = f"{calibration.sessions} session{'' if calibration.sessions == 1 else 's'}"
    return [
        ("alarm budget", f"{policy.budget} false alarms"),
        (
            "alarm rule",
            f"an alarm starts when the score was above {rule.threshold:.6g} for {_span(rule.k, policy)} "
            f"within {_span(rule.n, policy)}, and ends after {duration(rule.cool_down)} at or below "
            f"{rule.release:.6g}",
        ),
        (
            "alarm threshold",
            f"from {duration(calibration.seconds)} of normal running in {sessions}: {origin}",
        ),
        *_describe_normal(policy),
        ("slow drift", _describe_baseline(policy)),
        ("verified", describe_verification(policy)),
    ]


def _describe_normal(policy: AlarmPolicy) -> list[tuple[str, str]]:
    if policy.normal is None:
        return []
    normal = policy.normal
    return [
        (
            "normal scores",
            f"usually {normal.median:.6g}, highest {normal.highest:.6g}: exceeded for as long as an alarm "
            "takes to start",
        )
    ]


def _describe_baseline(policy: AlarmPolicy) -> str:
    baseline = policy.baseline
    if baseline is None:
        return "not followed"
    limit = "" if baseline.limit is None else f" by up to {baseline.limit:.3g}"
    alarms = "" if baseline.reach is None else ", an alarm that lasts more slowly"
    return (
        f"a rise of the scores{limit} is followed within about {duration(baseline.time_constant)} of "
        f"running{alarms}, and reported from {baseline.spread:.3g} on"
    )


def describe_verification(policy: AlarmPolicy) -> str:
    """Return whether the budget of a policy is verified, what that rests on, and what is missing."""
    seen, budget = policy.verification, policy.budget
    alarms = f"{seen.alarms or 'no'} alarm{'' if seen.alarms == 1 else 's'}"
    evidence = f"{alarms} in {duration(seen.seconds)} of other normal running"
    if seen.upper_rate <= _TELLING * budget.per_second:
        evidence += f", so at most {budget.per_period(seen.upper_rate)} with 90 % confidence"
    if policy.state == "armed":
        return f"armed: {evidence}"
    if policy.state == "refused":
        return (
            f"refused: {alarms} in {duration(seen.seconds)} of normal running, so at least "
            f"{budget.per_period(seen.lower_rate)} with 90 % confidence. Calibrate again with more normal "
            "running that includes what raised these alarms"
        )
    missing = (
        f"{duration(policy.missing_seconds)} of normal running without a further alarm are still needed to "
        f"verify the budget of {budget}"
    )
    return f"on probation: {f'{evidence}; ' if seen.seconds else ''}{missing}"


def _span(scores: int, policy: AlarmPolicy) -> str:
    """Return the time of a number of scores, in whole seconds."""
    return duration(max(1.0, round(scores * policy.period)))


def duration(seconds: float) -> str:
    """Return a duration with two or three digits: ``41 h``, ``16.1 d``.

    Example:
        >>> duration(600), duration(1_392_000)
        ('10 min', '16.1 d')
    """
    for name, unit in _UNITS:
        if seconds >= 2 * unit or unit == 1:
            return f"{seconds / unit:.3g} {name}"
    raise AssertionError
