"""``auscult service``: print a systemd unit that runs a monitor."""

from __future__ import annotations

import getpass
import os
import shlex
import sys
from typing import Any

import click

from auscult.cli import monitor, text
from auscult.errors import OptionError

#: Event store of a system service unless another one is given.
_STORE = "/var/lib/auscult"


@click.command(
    "service",
    short_help="Print a systemd unit that runs a monitor.",
    context_settings={"ignore_unknown_options": True},
)
@click.option("--user", "own", is_flag=True, help="A unit of the user's own service manager.")
@click.option(
    "--run-as",
    metavar="USER",
    help="User under which a system service runs.  [default: the one who calls this command]",
)
@click.argument("arguments", metavar="[MONITOR ARGUMENTS]...", nargs=-1, type=click.UNPROCESSED)
def command(own: bool, run_as: str | None, arguments: tuple[str, ...]) -> None:
    """Print a systemd unit that runs `auscult monitor` with the given arguments.

    The unit is printed only; what installs it is printed with it. Relative paths start from the current
    folder. The event store of a system service is /var/lib/auscult unless another one is given. Services
    have few rights: they write nothing but the event store, and reach no devices but sound cards.
    """
    if own and run_as:
        raise OptionError("--user and --run-as cannot be combined")
    from auscult.monitor.service.service_unit import ServiceUnit, full_path

    values = _monitor_values(arguments)
    known = _Known(values)
    given = list(arguments)
    store = values["store"] or known.store
    if store is None:
        store = "monitor" if own else _STORE
        given += ["--store", store]
    unit = ServiceUnit(
        [sys.executable, "-m", "auscult", "monitor", *given],
        os.getcwd(),
        full_path(store),
        None if own else run_as or _caller(),
        known.microphone,
        known.variables,
    )
    click.echo(unit.text(), nl=False)
    for line in _installation(own, unit.store, unit.user):
        text.note(f"# {line}")


class _Known:
    """What a unit has to know of a monitor with given arguments: its store, devices and secrets."""

    def __init__(self, values: dict[str, Any]) -> None:
        from auscult.monitor.settings.config import read_config

        self.store: str | None = None
        self.variables: list[str] = []
        if values["simulate"]:
            self.microphone = False
        elif values["config"] is None:
            if not os.path.isfile(values["model"]):
                raise OptionError(f"{values['model']}: no such model file")
            source = values["source"] or "mic"
            self.microphone = _is_microphone(source)
            self._check(source)
        else:
            config = read_config(values["config"])
            self.store = config.store
            self.microphone = any(_is_microphone(machine.source) for machine in config.machines)
            named = [machine.options.get("auth_env") for machine in config.machines]
            if config.webhook:
                named += [config.webhook.secret_env, config.webhook.authorization_env]
            self.variables = sorted({name for name in named if name})
            for machine in config.machines:
                self._check(machine.source)

    def _check(self, source: str) -> None:
        if source == "-":
            raise OptionError("a service has no standard input: name another source than -")


def _monitor_values(arguments: tuple[str, ...]) -> dict[str, Any]:
    """Return the values of the options of ``auscult monitor``; `click.UsageError` if they are wrong."""
    context = monitor.command.make_context("auscult monitor", list(arguments))
    values = context.params
    if sum(bool(values[name]) for name in ("model", "config", "simulate")) != 1:
        raise OptionError("give what auscult monitor runs: MODEL, --config FILE or --simulate")
    return values


def _is_microphone(source: str) -> bool:
    return source == "mic" or source.startswith("mic:")


def _caller() -> str:
    """The user who calls this command, also by sudo."""
    user = os.environ.get("SUDO_USER") or getpass.getuser()
    if user == "root":
        raise OptionError("a monitor needs no rights of root: name a user by --run-as USER")
    return user


def _installation(own: bool, store: str, user: str | None) -> list[str]:
    """How to install the unit."""
    if own:
        folder, manager = "~/.config/systemd/user", "systemctl --user"
        lines = [f"mkdir -p {folder}", "loginctl enable-linger  # runs also while nobody is logged in"]
    else:
        folder, manager, lines = "/etc/systemd/system", "sudo systemctl", []
        if not store.startswith("/var/lib/"):
            lines = [f"sudo install -d -o {shlex.quote(user or '')} {shlex.quote(store)}"]
    return [
        f"save this as {folder}/auscult.service, then:",
        *lines,
        f"{manager} daemon-reload",
        f"{manager} enable --now auscult",
    ]
