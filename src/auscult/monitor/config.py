"""``monitor.toml``: which machines are monitored, from which sources.

::

    store = "monitor"              # folder of the event store

    [page]                         # may be left out
    port = 8765

    [[machine]]
    name = "fan"
    model = "fan.auscult"
    source = "mic:USB Audio"       # as in `auscult.sound.live.open_source`
    off_margin = 6.0               # these and further settings may be left out
    period = 5                     # seconds between scores

    [[machine]]
    name = "pump"
    model = "pump.auscult"
    source = "rtsp://camera.local/audio"
    auth_file = "/run/secrets/camera"  # user:password in its first line

The paths of store and models are relative to the folder of the file, others to the working directory.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from auscult.errors import OptionError
from auscult.model.model_file import load_model, model_digest
from auscult.monitor.gate import GateSettings
from auscult.monitor.page_settings import PageSettings, page_settings
from auscult.monitor.runner import WatchedMachine
from auscult.runtime.suggestions import did_you_mean
from auscult.sound.live import open_source
from auscult.sound.live.address import shown_source
from auscult.sound.live.opening import WATCH

DEFAULT_STORE = "monitor"
_GATE = tuple(GateSettings.__dataclass_fields__)
#: Settings of a machine besides those of `GateSettings`, and their types.
_MACHINE: Mapping[str, type | tuple[type, ...]] = {
    "name": str,
    "model": str,
    "source": str,
    "sample_rate": int,
    "channels": int,
    "sample_format": str,
    "auth_env": str,
    "auth_file": str,
    "period": (int, float),
}
_REQUIRED = ("name", "model", "source")
#: Settings that are passed to `open_source`.
_SOURCE = ("sample_rate", "channels", "sample_format", "auth_env", "auth_file")


@dataclass(frozen=True)
class MachineConfig:
    """One machine.

    Attributes:
        name: unique.
        model: path of the model file.
        source: as in `open_source`.
        options: further arguments of `open_source`.
        gate: when the machine counts as running.
        speed: of a source that is a recording; infinity for as fast as possible.
        period: seconds between scores, about; by default as calibrated, or a second.
    """

    name: str
    model: str
    source: str
    options: Mapping[str, Any] = field(default_factory=dict)
    gate: GateSettings = field(default_factory=GateSettings)
    speed: float = 1.0
    period: float | None = None

    @property
    def is_folder(self) -> bool:
        """Whether the source is a watched folder: it waits, and continues after a restart."""
        return self.source.startswith(WATCH)

    def watched(self) -> WatchedMachine:
        """Load the model.

        Raises:
            ModelFileError: the model file cannot be read.
        """
        model = load_model(self.model)
        opener = partial(open_source, self.source, speed=self.speed, **self.options)
        return WatchedMachine(
            self.name,
            model,
            opener,
            self.gate,
            waits=self.is_folder or self.speed == float("inf"),
            model_id=model_digest(model),
            period=self.period,
            source=shown_source(self.source),
            remembers=self.is_folder,
        )


@dataclass(frozen=True)
class MonitorConfig:
    """What is monitored.

    Attributes:
        store: folder of the event store.
        machines: at least one, with unique names.
        page: where the page is served.
    """

    store: str
    machines: tuple[MachineConfig, ...]
    page: PageSettings = field(default_factory=PageSettings)


def read_config(path: str | os.PathLike[str]) -> MonitorConfig:
    """Read a configuration file.

    Raises:
        OptionError: it cannot be read, or something in it is not valid; the message says where.
    """
    path = os.fspath(path)
    try:
        with open(path, "rb") as file:
            data = tomllib.load(file)
    except OSError as error:
        raise OptionError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(f"{path}: not valid TOML: {error}") from error
    try:
        return _config(data, os.path.dirname(path))
    except OptionError as error:
        raise OptionError(f"{path}: {error}") from error


def _config(data: Mapping[str, Any], folder: str) -> MonitorConfig:
    _check_keys(data, ("store", "page", "machine"), "the file")
    store = data.get("store", DEFAULT_STORE)
    if not isinstance(store, str) or not store:
        raise OptionError("store must be a path")
    tables = data.get("machine", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise OptionError("write a machine as a section [[machine]]")
    if not tables:
        raise OptionError("there is no machine: add a section [[machine]] with name, model and source")
    machines = tuple(_machine(table, index, folder) for index, table in enumerate(tables, start=1))
    names = [machine.name for machine in machines]
    if twice := [name for name in names if names.count(name) > 1]:
        raise OptionError(f"two machines have the name {twice[0]!r}")
    return MonitorConfig(os.path.join(folder, store), machines, page_settings(data.get("page", {})))


def _machine(table: Mapping[str, Any], index: int, folder: str) -> MachineConfig:
    where = f"machine {index}"
    _check_keys(table, (*_MACHINE, *_GATE), where)
    for key in _REQUIRED:
        if not table.get(key):
            raise OptionError(f"{where}: {key} is missing")
    for key, kind in _MACHINE.items():
        value = table.get(key)
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            raise OptionError(f"{where}: {key} must be {'text' if kind is str else 'a number'}")
    for key in _GATE:
        if not isinstance(table.get(key, 0.0), int | float) or isinstance(table.get(key), bool):
            raise OptionError(f"{where}: {key} must be a number")
    options = {key: table[key] for key in _SOURCE if key in table}
    try:
        gate = GateSettings(**{key: float(table[key]) for key in _GATE if key in table})
    except (OptionError, OverflowError) as error:
        raise OptionError(f"{where}: {error}") from error
    model = os.path.join(folder, table["model"])
    return MachineConfig(table["name"], model, table["source"], options, gate, period=table.get("period"))


def _check_keys(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in known:
            raise OptionError(f"{where} has an unknown setting {key!r}{did_you_mean(key, known)}")
