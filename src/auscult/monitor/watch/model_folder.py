"""The models of a plant: a folder with one model file for each machine, which may change at any time."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from auscult.decision import Threshold, parse_rate
from auscult.errors import ModelFileError, OptionError
from auscult.findings import Finding
from auscult.model import Model
from auscult.model.code_state import code_warning
from auscult.model.model_file import load_model, read_header_and_arrays
from auscult.monitor.store.checks import NAME_LENGTH, check_text
from auscult.runtime.natural_order import natural_order
from auscult.sound.audio_names import is_hidden
from auscult.sound.live.folder_files import Version

EXTENSION = ".auscult"
#: Models in memory take about as much as their files; the ones used last are kept up to so many bytes.
_MAX_LOADED_BYTES = 1 << 29


@dataclass(frozen=True)
class ModelChange:
    """A model file that is new, changed, gone, or that cannot be used.

    Attributes:
        machine: name of the machine.
        kind: what has happened.
        detail: the reason if it cannot be used; an earlier version of the file is used on.
    """

    machine: str
    kind: Literal["new", "changed", "gone", "unusable"]
    detail: str = ""


@dataclass(frozen=True)
class MachineModel:
    """The model of a machine, ready to judge.

    Attributes:
        machine: name of the machine.
        digest: of the model file.
        model: the model.
        threshold: what scores are compared with.
        findings: reasons to trust all its verdicts less.
    """

    machine: str
    digest: str
    model: Model
    threshold: Threshold
    findings: tuple[Finding, ...]


class ModelFolder:
    """The model files of a folder, or a single one; the name of a file is that of the machine.

    Args:
        path: the folder, or a model file.
        false_alarms: accepted rate of false alarms, as in `auscult.Model.threshold`; ``None``: the default.

    Attributes:
        digests: digest of the model of each machine.
        unusable: machines whose model file cannot be used, with the reason.
        single: whether the path is a model file.

    Raises:
        ModelFileError: there is no such folder or file.
        OptionError: the rate is none.
    """

    def __init__(self, path: str | os.PathLike[str], false_alarms: str | None = None) -> None:
        self.path = os.fspath(path)
        self.single = os.path.isfile(self.path)
        if not self.single and not os.path.isdir(self.path):
            raise ModelFileError(self.path, "no such model file, or folder of model files")
        self._rate = None if false_alarms is None else parse_rate(false_alarms)
        self.digests: dict[str, str] = {}
        self._files: dict[str, Version] = {}  # of the models that are used
        self.unusable: dict[str, str] = {}
        self._unusable: dict[str, Version] = {}
        self._with_tables: set[str] = set()
        self._loaded: OrderedDict[str, MachineModel] = OrderedDict()

    def refresh(self) -> Iterator[ModelChange]:
        """Look at the files, and yield what has changed.

        If the folder cannot be listed, nothing has.
        """
        try:
            present = dict(self._list())
        except OSError:
            return
        for machine in sorted(self.digests.keys() - present.keys(), key=natural_order):
            self._forget(machine)
            yield ModelChange(machine, "gone")
        for machine in self._unusable.keys() - present.keys():
            del self._unusable[machine], self.unusable[machine]
        for machine in sorted(present, key=natural_order):
            version = present[machine]
            if version in (self._files.get(machine), self._unusable.get(machine)):
                continue
            try:
                check_text("name", machine, NAME_LENGTH, empty=False)
                header = read_header_and_arrays(self.file(machine))[0]
            except (ModelFileError, OptionError) as error:
                # Perhaps it is not written completely: it is tried again when it changes.
                self._unusable[machine] = version
                reason = error.reason if isinstance(error, ModelFileError) else str(error)
                self.unusable[machine] = reason
                yield ModelChange(machine, "unusable", reason)
                continue
            self._unusable.pop(machine, None)
            self.unusable.pop(machine, None)
            digest, known = header["digest"], self.digests.get(machine)
            if header.get("provenance", {}).get("table") is not None:
                self._with_tables.add(machine)
            self._files[machine] = version
            if digest != known:
                self._loaded.pop(machine, None)
                self.digests[machine] = digest
                yield ModelChange(machine, "changed" if known else "new")

    @property
    def of_tables(self) -> bool:
        """Whether a model was fitted on tables."""
        return bool(self._with_tables & self.digests.keys())

    def get(self, machine: str) -> MachineModel:
        """Return the model of a machine.

        Raises:
            ModelFileError: it cannot be used.
            FitError: no threshold can be computed for the rate.
        """
        if machine in self._loaded:
            self._loaded.move_to_end(machine)
            return self._loaded[machine]
        model = load_model(self.file(machine))
        of_code = code_warning(type(model.detector), model.provenance)
        threshold = model.decision_threshold(false_alarms=self._rate)
        loaded = MachineModel(machine, self.digests[machine], model, threshold, (of_code,) if of_code else ())
        self._loaded[machine] = loaded
        while len(self._loaded) > 1 and self._loaded_bytes() > _MAX_LOADED_BYTES:
            self._loaded.popitem(last=False)
        return loaded

    def file(self, machine: str) -> str:
        """Return the path of the model file of a machine."""
        return self.path if self.single else os.path.join(self.path, machine + EXTENSION)

    def _list(self) -> Iterator[tuple[str, Version]]:
        if self.single:
            status = os.stat(self.path)
            yield machine_of(self.path), Version.of(status)
            return
        with os.scandir(self.path) as entries:
            for entry in entries:
                if entry.name.endswith(EXTENSION) and not is_hidden(entry.name) and entry.is_file():
                    status = entry.stat()
                    yield machine_of(entry.name), Version.of(status)

    def _forget(self, machine: str) -> None:
        for known in (self.digests, self._files, self._loaded):
            known.pop(machine, None)

    def _loaded_bytes(self) -> int:
        return sum(self._files[machine].size for machine in self._loaded)


def machine_of(path: str) -> str:
    """Return the name of the machine of a model file."""
    return os.path.basename(path).removesuffix(EXTENSION)


def machines_in(path: str) -> list[str]:
    """Return the names of the machines of a folder of model files, or of one file; empty if there are none.

    Whether the files can be used is not checked.
    """
    if os.path.isfile(path):
        return [machine_of(path)] if path.endswith(EXTENSION) else []
    try:
        names = os.listdir(path)
    except OSError:
        return []
    return sorted(
        (machine_of(name) for name in names if name.endswith(EXTENSION) and not is_hidden(name)),
        key=natural_order,
    )
