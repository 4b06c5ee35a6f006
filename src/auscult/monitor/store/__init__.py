"""The event store of a monitor: scores, events, sound and health of machines in one folder.

`EventStore` writes, in one process at a time; `StoreReader` reads at any time. SQL is in this folder only.
"""

from auscult.monitor.store.event_store import EventStore
from auscult.monitor.store.judged_records import RESULTS, JudgedFile, Look, Result
from auscult.monitor.store.judged_writes import EventChange, EventSound
from auscult.monitor.store.overview import MachineOverview
from auscult.monitor.store.reader import MAX_POINTS, MAX_ROWS, StoreReader
from auscult.monitor.store.records import (
    CONDITIONS,
    KINDS,
    ROLES,
    VERDICTS,
    AuditEntry,
    Event,
    Feedback,
    Gap,
    Health,
    Machine,
    MachineState,
    Normal,
    ScoreRow,
    Sound,
)
from auscult.monitor.store.retention import Retention
from auscult.monitor.store.sound_writes import KEPT_NORMALS
from auscult.monitor.store.summaries import Summaries

__all__ = [
    "CONDITIONS",
    "KEPT_NORMALS",
    "KINDS",
    "MAX_POINTS",
    "MAX_ROWS",
    "RESULTS",
    "ROLES",
    "VERDICTS",
    "AuditEntry",
    "Event",
    "EventChange",
    "EventSound",
    "EventStore",
    "Feedback",
    "Gap",
    "Health",
    "JudgedFile",
    "Look",
    "Machine",
    "MachineOverview",
    "MachineState",
    "Normal",
    "Result",
    "Retention",
    "ScoreRow",
    "Sound",
    "StoreReader",
    "Summaries",
]
