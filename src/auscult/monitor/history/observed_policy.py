"""The alarm policy of a machine with what was observed while it applied, which also lasts over a restart.

Time in which scores counted and there was no alarm is normal running. Alarms count as false unless an
operator judged them real. So probation ends after the same time of running, however often a monitor restarts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auscult.decision.alarms import AlarmPolicy, with_observed
from auscult.decision.alarms.policy import State
from auscult.decision.alarms.wording import describe_verification
from auscult.monitor.store import Event, EventStore, StoreReader
from auscult.monitor.store.full import unless_full

#: Key of the state in the store.
KEY = "policy"
#: Seconds of running after which what was observed is written again.
SAVE_SECONDS = 60.0

#: What to do if there were more alarms than promised while the monitor ran.
_ADVICE = (
    "Look at the alarms. If most of them were false, record the normal running that raised them, and "
    "calibrate again with it."
)


class ObservedPolicy:
    """Follows the policy of one machine.

    Args:
        store: the store, which knows the machine.
        machine: its name.
        model_id: digest of the model file. What was observed with another model or policy does not count.
        policy: the policy of the model.
        time: current time, seconds since 1970 (UTC).

    Attributes:
        replayed: whether the source plays back recordings: the same one, with the same times, counts once.
    """

    def __init__(
        self, store: EventStore, machine: str, model_id: str, policy: AlarmPolicy, time: float
    ) -> None:
        self._store, self._machine, self._model_id, self._policy = store, machine, model_id, policy
        self._identity = {"model": model_id, "policy": policy.to_json()}
        known = store.read.state(machine, KEY) or {}
        self._state: State | None = known.get("state")
        if {name: known.get(name) for name in self._identity} != self._identity:
            last = store.read.events(machine=machine, limit=1)
            known = {"after": last[0].id if last else 0}
        self._after = int(known["after"])  # number of the last event before
        self._seconds = float(known.get("seconds", 0.0))
        self._raised = int(known.get("alarms", 0))
        self._until = float(known.get("until", 0.0))  # end of the running that counts
        self.replayed = False
        self._saved_seconds = self._seconds
        self._real = 0
        self._count()
        self._save(time)

    @property
    def policy(self) -> AlarmPolicy:
        """The policy, with what was observed as a part of its verification."""
        return with_observed(self._policy, self._seconds, max(0, self._raised - self._real))

    def judged(self, seconds: float, time: float) -> None:
        """Add time in which scores counted and there was no alarm, which ends at a time."""
        if self.replayed and time <= self._until:
            return
        self._seconds, self._until = self._seconds + seconds, max(self._until, time)
        if self._seconds - self._saved_seconds >= SAVE_SECONDS:
            self._count()
            self._save(time)

    def alarm_started(self, time: float) -> None:
        """Add an alarm, whose event is in the store."""
        self._raised += 1
        self._count()
        self._save(time)

    def close(self, time: float) -> None:
        """Write what was observed when the monitor ends."""
        self._save(time)

    def _count(self) -> None:
        """Count the alarms in the store. Those that it had to delete are known, and count as false."""
        alarms, self._real = self._store.read.alarm_counts(self._machine, self._after)
        self._raised = max(self._raised, alarms)

    def _save(self, time: float) -> None:
        policy = self.policy
        data: dict[str, Any] = {
            **self._identity,
            "after": self._after,
            "seconds": self._seconds,
            "until": self._until,
            "alarms": self._raised,
            "state": policy.state,
        }
        before = self._state
        with unless_full():  # without room it is written later
            if policy.state != before and (before is not None or policy.state == "refused"):
                self._store.add_event(self._state_event(policy, before, time))
            self._state = policy.state
            self._store.put_state(self._machine, KEY, data)
        self._saved_seconds = self._seconds

    def _state_event(self, policy: AlarmPolicy, before: State | None, time: float) -> Event:
        by_monitor = policy.state == "refused" and self._policy.state != "refused"
        explanation = {
            "before": before,
            "text": describe_verification(policy),
            "budget": str(policy.budget),
            **({"advice": _ADVICE} if by_monitor else {}),
        }
        return Event(
            self._machine,
            "state",
            time,
            time,
            state=policy.state,
            model=self._model_id,
            explanation=explanation,
        )


def observed_state(reader: StoreReader, machine: str, policy: Mapping[str, Any]) -> State | None:
    """Return the state of a policy with what was observed, also while another process monitors the machine.

    Args:
        reader: the store.
        machine: name of the machine.
        policy: the policy, JSON-compatible; ``None`` is returned if nothing was observed with it.
    """
    known = reader.state(machine, KEY) or {}
    return known.get("state") if known.get("policy") == policy else None
