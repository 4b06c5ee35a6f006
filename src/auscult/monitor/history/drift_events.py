"""Slow drift of the scores of one machine as an event of the store, and the baseline across restarts."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from auscult.decision.alarms import SlowBaseline
from auscult.monitor.store import Event, EventStore
from auscult.monitor.store.full import unless_full
from auscult.monitor.stream.changes import BaselineChange

#: Key of the state of the baseline in the store.
_KEY = "baseline"


class DriftEvents:
    """Writes the changes of a baseline: one event for as long as it is outside the calibration spread.

    Peaks of these events are the level of the baseline that is the farthest from calibration.

    Args:
        store: the store, which knows the machine.
        machine: name of the machine.
        settings: of the baseline; an event of before a restart continues only with the same ones.
        model_id: digest of the model file.
    """

    def __init__(
        self, store: EventStore, machine: str, settings: SlowBaseline | None, model_id: str = ""
    ) -> None:
        self.store, self.machine, self.model_id = store, machine, model_id
        lasting = store.read.events(machine=machine, kind="drift", lasting=True, limit=1)
        self._event = lasting[0] if lasting else None
        state = stored_baseline(store, machine)
        if settings is None or state is None or state["baseline"] != settings.to_json():
            with unless_full():  # the next start ends it
                self._end(time.time())

    def record(self, change: BaselineChange, policy_state: str = "") -> None:
        """Write a change of the baseline.

        Args:
            change: the change.
            policy_state: state of the alarm policy.
        """
        self.store.put_state(self.machine, _KEY, change.state)
        if self._event and self._event.explanation.get("direction") != change.drift:
            self._end(change.time)
        if change.drift is None:
            return
        level = change.settings.reference + change.deviation
        new = self._event or Event(
            self.machine, "drift", change.time, score=level, state=policy_state, model=self.model_id
        )
        new = replace(new, explanation=_explanation(change))
        sign = 1 if change.drift == "up" else -1
        if new.peak is None or sign * level > sign * new.peak:
            new = replace(new, peak=level, peak_time=change.time)
        if new.id is None:
            new = replace(new, id=self.store.add_event(new))
        else:
            self.store.update_event(new.id, new)
        self._event = new

    def _end(self, now: float) -> None:
        if self._event:
            assert self._event.id is not None
            self.store.update_event(self._event.id, replace(self._event, end=max(now, self._event.start)))
            self._event = None


def stored_baseline(store: EventStore, machine: str) -> dict[str, Any] | None:
    """Return the state of the baseline that was written last, or ``None``."""
    return store.read.state(machine, _KEY)


def describe_drift(change: BaselineChange) -> str:
    """Return a drift in words."""
    settings = change.settings
    moved = "risen" if change.deviation > 0 else "fallen"
    text = (
        f"the level of the scores has {moved} by {abs(change.deviation):.2g} since the calibration, in which "
        f"90 % of the scores were within ±{settings.spread:.2g}"
    )
    if change.deviation < 0:
        return (
            f"{text}. The alarm threshold does not follow a fall: calibrate again if the sound is to stay so"
        )
    if change.exhausted:
        return f"{text}. This is the largest rise that the alarm threshold follows: more will be an alarm"
    follows = "The alarm threshold follows, and an alarm that lasts ends by this"
    if settings.limit is not None:
        follows = f"The alarm threshold follows, up to a rise of {settings.limit:.2g}"
    check = "Check the machine if it is neither being run in nor at other conditions than in the calibration"
    return f"{text}. {follows}. {check}"


def _explanation(change: BaselineChange) -> Mapping[str, Any]:
    return {
        "text": describe_drift(change),
        "direction": change.drift,
        "deviation": change.deviation,
        "spread": change.settings.spread,
        "limit": change.settings.limit,
        "exhausted": change.exhausted,
    }
