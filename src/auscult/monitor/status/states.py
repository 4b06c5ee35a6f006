"""What the last data of a machine say about it: it is well only if its scores can raise an alarm."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Literal

from auscult.decision.alarms import AlarmPolicy
from auscult.findings import Finding
from auscult.monitor.history.notices import notices_to_json
from auscult.monitor.history.resuming import ALIVE_SECONDS
from auscult.monitor.store import Gap, JudgedFile, MachineState
from auscult.monitor.trend import no_data
from auscult.monitor.watch.arrivals import Arrivals

#: Why someone should look at a machine: an alarm, or that nothing is known of it.
Attention = Literal["alarm", "unknown"]
#: What is said of a machine with an alarm.
ALARM = "ALARM"

#: Seconds after the last sample from which a running monitor has no data of a machine.
_NO_DATA_SECONDS = 60.0
#: The same while scores do not count: that there is sound is written once a minute then.
_NO_SOUND_SECONDS = _NO_DATA_SECONDS + 2 * ALIVE_SECONDS


@dataclass(frozen=True)
class MachineStatus:
    """The state of a machine.

    Attributes:
        name: its name.
        state: in words; ``normal`` and ``running`` only if there are data that say so.
        attention: see `Attention`; ``None`` if all is well.
        time: of the last recording or score, seconds since 1970.
        age: seconds since the recording arrived, or since the score.
        score, threshold: of the last recording or window.
        alarms_today: alarms that started on this day in local time.
        policy: state of the alarm policy: ``armed``, ``probation`` or ``refused``.
        trend: sentences on slow changes.
        conditions: faults of the sensor or of the way to it that last, with their reasons.
        notices: what the user should know about the model that judges it.
    """

    name: str
    state: str
    attention: Attention | None
    time: float | None = None
    age: float | None = None
    score: float | None = None
    threshold: float | None = None
    alarms_today: int = 0
    policy: str | None = None
    trend: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    notices: tuple[Finding, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return JSON-compatible data."""
        known = {"trend": list(self.trend), "conditions": list(self.conditions)}
        return {**vars(self), **known, "notices": notices_to_json(self.notices)}


def with_lasting_alarm(
    state: MachineState, words: str, attention: Attention | None
) -> tuple[str, Attention | None]:
    """Return the words of a machine whose alarm may last: it is an alarm, also if no data arrive any more.

    Args:
        state: its last state.
        words, attention: what is said of it otherwise.
    """
    if state.open_event is None or state.open_event.kind != "alarm":
        return words, attention
    return f"{ALARM}, {words}" if attention == "unknown" else ALARM, "alarm"


def state_of_recordings(
    last: JudgedFile | None, arrivals: Arrivals, gone: bool
) -> tuple[str, Attention | None]:
    """Return the state of a machine whose recordings are judged one by one.

    Args:
        last: the last recording.
        arrivals: of its recordings.
        gone: whether the process that judges them has reported that one is overdue.
    """
    if last is None:
        return "no recordings yet", "unknown"
    if gone or arrivals.is_overdue(time.monotonic()):
        return no_data(ever=True), "unknown"
    if last.result == "anomaly":
        return ALARM, "alarm"
    if last.result == "sensor":
        kinds = ", ".join(finding["kind"] for finding in last.detail["findings"])
        return f"sensor fault ({kinds})", "unknown"
    if last.result != "normal":
        return {"unusable": "unusable recordings"}.get(last.result, last.result), "unknown"
    return last.detail.get("state") or "normal", None


def state_of_stream(
    state: MachineState,
    gap: Gap | None,
    age: float | None,
    sound_age: float | None,
    policy: AlarmPolicy | None,
    *,
    running: bool,
) -> tuple[str, Attention | None]:
    """Return the state of a machine that is monitored continuously, whether it has an alarm or not.

    Args:
        state: its last state.
        gap: time without scores that lasts.
        age: seconds since the last score.
        sound_age: seconds since it was last written that there is sound; ``None`` if it never was.
        policy: the alarm policy of the model, as it was calibrated.
        running: whether the monitor runs.
    """
    if not running:
        return no_data(ever=age is not None), "unknown"
    conditions = [health.condition for health in state.conditions]
    if "source gone" in conditions:
        return no_data(ever=True), "unknown"
    if conditions:
        return f"sensor fault ({', '.join(conditions)})", "unknown"
    if gap is not None:  # the machine is off or starting, or the sound does not count for another reason
        if sound_age is None or sound_age > _NO_SOUND_SECONDS:
            return no_data(ever=True), "unknown"
        usual = gap.reason.startswith("machine ") or gap.reason == "settling"
        return gap.reason.removeprefix("machine "), None if usual else "unknown"
    if age is None:
        return no_data(ever=False), "unknown"
    if age > _NO_DATA_SECONDS:
        return no_data(ever=True), "unknown"
    if policy is None:
        return "no alarm rule", "unknown"
    if not policy.raises_alarms:
        return "alarm rule refused", "unknown"
    return "running", None
