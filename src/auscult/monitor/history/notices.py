"""What the user should know about a model that judges a machine, as long as it does.

They were printed when it was learned or calibrated, and nobody may have seen that: a service has no console.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.findings import Finding
from auscult.model import Model
from auscult.monitor.store import EventStore, StoreReader

#: Key of the state in the store.
KEY = "notices"


def notices(model: Model) -> tuple[Finding, ...]:
    """Return the findings on the recordings of a model, its fit and its alarm policy.

    That recordings were cut from one is left out: all of those of a continuous source are.
    """
    policy = model.alarm_policy
    of_model = (finding for finding in model.warnings if finding.kind != "cuts")
    return (*of_model, *(policy.findings if policy else ()))


def notices_to_json(notices: Iterable[Finding]) -> list[dict[str, str]]:
    """Return kind and message of each; there may be thousands of paths."""
    return [{"kind": finding.kind, "message": finding.message} for finding in notices]


def write_notices(store: EventStore, machine: str, model: Model) -> None:
    """Keep the notices of the model that judges a machine, in place of those of an earlier one."""
    store.put_state(machine, KEY, {"findings": notices_to_json(notices(model))})


def read_notices(reader: StoreReader, machine: str) -> tuple[Finding, ...]:
    """Return the notices of a machine, also while another process monitors it."""
    known = (reader.state(machine, KEY) or {}).get("findings", ())
    return tuple(Finding(entry["kind"], entry["message"]) for entry in known)
