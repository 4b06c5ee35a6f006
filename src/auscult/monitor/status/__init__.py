"""The state of all machines of an event store, also while another process writes it."""

from auscult.monitor.status.plant_status import PlantStatus, plant_status
from auscult.monitor.status.states import Attention, MachineStatus

__all__ = ["Attention", "MachineStatus", "PlantStatus", "plant_status"]
