"""The machines of a watched folder: their models, and which recordings belong to them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Set

from auscult.errors import ModelFileError
from auscult.monitor.store import EventStore, Machine
from auscult.monitor.watch.assignment import Assigner, Assignment
from auscult.monitor.watch.model_folder import MachineModel, ModelChange, ModelFolder
from auscult.monitor.watch.overdue import OverdueMachines


class Plant:
    """The machines, which appear, change and disappear with their model files.

    Args:
        models: the model files.
        store: where the machines are written.
        source: description of where recordings come from.
        assigned: pattern to machine, as stated by the user; see `Assigner`.
        overdue: follows the arrivals of recordings.
        report: called with each change of a model.

    Raises:
        ModelFileError: there are no model files.
    """

    def __init__(
        self,
        models: ModelFolder,
        store: EventStore,
        source: str,
        assigned: Mapping[str, str],
        overdue: OverdueMachines,
        report: Callable[[ModelChange], None],
    ) -> None:
        self._models, self._store, self._source = models, store, source
        self._stated, self._overdue, self._report = dict(assigned), overdue, report
        self._since = {machine.name: machine for machine in store.read.machines()}
        gone = {
            health.machine for health in store.read.health(lasting=True) if health.condition == "source gone"
        }
        self._overdue_before = gone
        self._names: Set[str] = frozenset()
        self._assigner = Assigner(())
        self.refresh()
        if not self._names:
            raise ModelFileError(
                models.path, "no model files in it: fit models with auscult fit PLANT -o MODELS/"
            )

    @property
    def of_tables(self) -> bool:
        """Whether tables are recordings."""
        return self._models.of_tables

    @property
    def machines(self) -> Iterable[str]:
        """The names of the machines with a model that can be used."""
        return self._models.digests.keys()

    def refresh(self) -> bool:
        """Look at the model files; return whether recordings may belong to other machines than before."""
        changes = list(self._models.refresh())
        for change in changes:
            self._apply(change)
            self._report(change)
        if changes:
            self._names = self._models.digests.keys() | self._models.unusable.keys()
            of_all = dict(zip("*", self._names, strict=False)) if self._models.single else self._stated
            self._assigner = Assigner(self._names, of_all)
        return bool(changes)

    def assign(self, name: str, siblings: Sequence[Iterable[str]]) -> Assignment:
        """Return the machine of a recording, with a model that can be used; see `Assigner.assign`."""
        assignment = self._assigner.assign(name, siblings)
        machine = assignment.machine
        if machine is not None and machine not in self._models.digests:
            return Assignment(
                None, f"the model of {machine} cannot be used: {self._models.unusable[machine]}"
            )
        return assignment

    def model(self, machine: str) -> MachineModel:
        """Return the model of a machine; raises as `ModelFolder.get`."""
        return self._models.get(machine)

    def _apply(self, change: ModelChange) -> None:
        name = change.machine
        if change.kind == "gone":
            self._overdue.remove_machine(name)
        elif change.kind in ("new", "changed"):
            digest, now = self._models.digests[name], time.time()
            known = self._since.get(name)
            if known is None or (known.model, known.source) != (digest, self._source):
                since = now if known is None else known.since
                self._since[name] = Machine(name, digest, self._source, {}, since)
                self._store.put_machine(self._since[name])
            if change.kind == "new":
                self._overdue.add_machine(name, self._since[name].since, overdue=name in self._overdue_before)
