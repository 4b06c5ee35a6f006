"""``monitor.toml``: which machines are monitored, from which sources.

::

    store = "monitor"              # folder of the event store

    [page]                         # may be left out
    port = 8765

    [retention]                    # how long what is kept, see `Retention`
    sound_days = 90

    [webhook]                      # events as messages, see `WebhookSettings`
    url = "https://example.org/events"
    secret_file = "/run/secrets/webhook"

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

The paths of store, models and files with secrets are relative to the folder of the file, those of sources to
the working directory.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from auscult.errors import OptionError
from auscult.model import Model
from auscult.model.model_file import load_model, model_digest
from auscult.monitor.history.model_files import ModelFile
from auscult.monitor.service.runner import WatchedMachine
from auscult.monitor.settings.page_settings import PageSettings, page_settings
from auscult.monitor.settings.setting_tables import check_keys, section
from auscult.monitor.store import Retention
from auscult.monitor.stream.gate import GateSettings
from auscult.monitor.webhook.settings import WebhookSettings
from auscult.sound.live import open_source
from auscult.sound.live.address import shown_source
from auscult.sound.live.opening import STANDARD_INPUT, WATCH

T = TypeVar("T")

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

    def watched(self, model: Model, file: ModelFile) -> WatchedMachine:
        """Return what is monitored, with the model from its file."""
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
            file=file,
        )


@dataclass(frozen=True)
class MonitorConfig:
    """What is monitored.

    Attributes:
        store: folder of the event store.
        machines: at least one, with unique names.
        page: where the page is served.
        retention: how long what is kept.
        webhook: where events are sent, if anywhere.
    """

    store: str
    machines: tuple[MachineConfig, ...]
    page: PageSettings = field(default_factory=PageSettings)
    retention: Retention = field(default_factory=Retention)
    webhook: WebhookSettings | None = None

    def watched(self) -> list[WatchedMachine]:
        """Load the models; machines with the same file share one.

        Raises:
            ModelFileError: a model file cannot be read.
        """
        models: dict[str, tuple[Model, ModelFile]] = {}
        watched = []
        for machine in self.machines:
            path = os.path.realpath(machine.model)
            if path not in models:
                file = ModelFile.of(machine.model)
                models[path] = load_model(machine.model), file
            watched.append(machine.watched(*models[path]))
        return watched


def read_config(path: str | os.PathLike[str]) -> MonitorConfig:
    """Read a configuration file.

    Raises:
        OptionError: it cannot be read, or something in it is not valid; the message says where.
    """
    return _read(path, _config)


def read_webhook(path: str | os.PathLike[str]) -> WebhookSettings:
    """Read where events are sent from a configuration file, which needs no machines for that.

    Raises:
        OptionError: it cannot be read, has no section ``[webhook]``, or something in that is not valid.
    """
    return _read(path, _required_webhook)


def _read(path: str | os.PathLike[str], parse: Callable[[Mapping[str, Any], str], T]) -> T:
    """Return what a file says, with its folder for the paths in it."""
    path = os.fspath(path)
    try:
        with open(path, "rb") as file:
            data = tomllib.load(file)
    except OSError as error:
        raise OptionError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(f"{path}: not valid TOML: {error}") from error
    try:
        check_keys(data, ("store", "page", "retention", "webhook", "machine"), "the file")
        return parse(data, os.path.dirname(path))
    except OptionError as error:
        raise OptionError(f"{path}: {error}") from error


def _config(data: Mapping[str, Any], folder: str) -> MonitorConfig:
    store = data.get("store", DEFAULT_STORE)
    if not isinstance(store, str) or not store or "\0" in store:
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
    if [machine.source for machine in machines].count(STANDARD_INPUT) > 1:
        raise OptionError("two machines have the source '-': each would get a part of the samples only")
    return MonitorConfig(
        os.path.join(folder, store),
        machines,
        _with_files(page_settings(data.get("page", {})), folder, "token_file"),
        section(Retention, data.get("retention", {}), "retention"),
        _webhook(data, folder),
    )


def _webhook(data: Mapping[str, Any], folder: str) -> WebhookSettings | None:
    if "webhook" not in data:
        return None
    settings = section(WebhookSettings, data["webhook"], "webhook")
    return _with_files(settings, folder, "secret_file", "authorization_file")


def _required_webhook(data: Mapping[str, Any], folder: str) -> WebhookSettings:
    if settings := _webhook(data, folder):
        return settings
    raise OptionError("there is no section [webhook] that says where events are sent")


def _with_files(settings: T, folder: str, *names: str) -> T:
    """Return settings in which the paths of files are relative to the working directory."""
    paths = {name: getattr(settings, name) for name in names}
    joined = {name: os.path.join(folder, path) for name, path in paths.items() if path is not None}
    return replace(settings, **joined)  # type: ignore[type-var]


def _machine(table: Mapping[str, Any], index: int, folder: str) -> MachineConfig:
    where = f"machine {index}"
    check_keys(table, (*_MACHINE, *_GATE), where)
    for key in _REQUIRED:
        if not table.get(key):
            raise OptionError(f"{where}: {key} is missing")
    for key, kind in _MACHINE.items():
        value = table.get(key)
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            raise OptionError(f"{where}: {key} must be {'text' if kind is str else 'a number'}")
        if isinstance(value, str) and "\0" in value:
            raise OptionError(f"{where}: {key} has a zero byte")
    if table["name"] != table["name"].strip():
        raise OptionError(f"{where}: name {table['name']!r} begins or ends with a space")
    for key in _GATE:
        if not isinstance(table.get(key, 0.0), int | float) or isinstance(table.get(key), bool):
            raise OptionError(f"{where}: {key} must be a number")
    options = {key: table[key] for key in _SOURCE if key in table}
    if "auth_file" in options:
        options["auth_file"] = os.path.join(folder, options["auth_file"])
    try:
        gate = GateSettings(**{key: float(table[key]) for key in _GATE if key in table})
    except (OptionError, OverflowError) as error:
        raise OptionError(f"{where}: {error}") from error
    model = os.path.join(folder, table["model"])
    return MachineConfig(table["name"], model, table["source"], options, gate, period=table.get("period"))
