"""A systemd unit that runs a monitor, with as few rights as it needs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from auscult.errors import OptionError

#: Where systemd makes folders for the data of services.
STATE_FOLDER = PurePath("/var/lib")

#: Rights that a system service gives up. Code that is made at run time stays allowed: sound cards and ONNX
#: Runtime need it.
_HARDENING = """\
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
LockPersonality=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=@system-service
DevicePolicy=closed
UMask=0027"""

#: Of these, the ones that a user's own service manager can enforce.
_USER_HARDENING = """\
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
SystemCallArchitectures=native
UMask=0027"""


@dataclass(frozen=True)
class ServiceUnit:
    """What a unit runs.

    Attributes:
        command: program and arguments; the program with its full path.
        folder: working directory, which relative paths of the arguments start from.
        store: full path of the event store.
        user: under which a system service runs; ``None`` for a service of the user's own manager.
        microphone: whether it uses a sound card.
        variables: environment variables that contain its secrets.

    Raises:
        OptionError: a path cannot be written in a unit.
    """

    command: Sequence[str]
    folder: str
    store: str
    user: str | None = None
    microphone: bool = False
    variables: Sequence[str] = field(default=())

    def __post_init__(self) -> None:
        for text in (*self.command, self.folder, self.store):
            if not text.isprintable():
                raise OptionError(f"{text!r} has characters that a unit cannot contain: rename it")
        if any(character in self.command[0] for character in "'\"\\"):
            raise OptionError(f"{self.command[0]!r} cannot be the program of a unit: install it elsewhere")
        if self.folder != self.folder.strip() or self.folder.endswith("\\"):
            raise OptionError(f"{self.folder!r} cannot be the working directory of a unit: rename it")

    def text(self) -> str:
        """Return the content of the unit file."""
        sections = (self._unit(), self._service(), ["[Install]", f"WantedBy={self._target()}"])
        return "\n\n".join("\n".join(lines) for lines in sections) + "\n"

    def _target(self) -> str:
        return "multi-user.target" if self.user else "default.target"

    def _unit(self) -> list[str]:
        network = ["Wants=network-online.target", "After=network-online.target sound.target"]
        return [
            "[Unit]",
            "Description=auscult monitor",
            *(network if self.user else ["After=sound.target"]),
            # It is started again however often it fails.
            "StartLimitIntervalSec=0",
        ]

    def _service(self) -> list[str]:
        program, *arguments = self.command
        lines = [
            "[Service]",
            "Type=notify",
            f"ExecStart={' '.join([_quoted(program), *map(_argument, arguments)])}",
            f"WorkingDirectory={_literal(self.folder)}",
            "Restart=on-failure",
            "RestartSec=5",
            # Loading the models of many machines takes a while.
            "TimeoutStartSec=600",
            "TimeoutStopSec=60",
            "WatchdogSec=120",
            "MemoryMax=80%",
        ]
        if self.variables:
            names = ", ".join(self.variables)
            lines += [f"# A file that only its owner may read, with {names}:", "#EnvironmentFile="]
        if self.user is None:
            return [*lines, *_USER_HARDENING.splitlines()]
        lines.append(f"User={_literal(self.user)}")
        if self.microphone:
            lines += ["SupplementaryGroups=audio", "DeviceAllow=char-alsa rw"]
        store = PurePath(self.store)
        if store != STATE_FOLDER and store.is_relative_to(STATE_FOLDER):
            state = _quoted(str(store.relative_to(STATE_FOLDER)))
            lines += [f"StateDirectory={state}", "StateDirectoryMode=0750"]
        else:
            lines.append(f"ReadWritePaths={_quoted(self.store)}")
        return [*lines, *_HARDENING.splitlines()]


def _argument(text: str) -> str:
    """Return an argument of a program: in these systemd also replaces ``$``."""
    return _quoted(text).replace("$", "$$")


def _quoted(text: str) -> str:
    """Return a word of a list, in quotes if it needs them."""
    escaped = _literal(text).replace("\\", "\\\\").replace('"', '\\"')
    plain = text and all(character.isalnum() or character in "/._-+:=,@$%" for character in text)
    return escaped if plain else f'"{escaped}"'


def _literal(text: str) -> str:
    """Return text in which systemd replaces nothing."""
    return text.replace("%", "%%")


def full_path(path: str) -> str:
    """Return a full path without links being followed, as a unit needs it."""
    return os.path.abspath(os.path.expanduser(path))
