"""The inputs of sound cards, by names that stay the same when the computer is restarted."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from auscult.errors import MissingExtraError, SourceError
from auscult.runtime.suggestions import did_you_mean

_CARDS = Path("/proc/asound/cards")
#: ALSA numbers cards and their devices in the order in which they are detected.
_HARDWARE = re.compile(r"(?:: -)? \(hw:(\d+),\d+\)$")
_CARD = re.compile(r"^ *(\d+) \[(\S+) *\]: .*\n +(.*)$", re.MULTILINE)
_PORT = re.compile(r" at (usb-\S+?),")

#: Held while devices are listed and opened: PortAudio must not be initialised again in between.
PORTAUDIO = threading.RLock()
_users = 0  # sources with an open sound card in this process


@dataclass(frozen=True)
class Microphone:
    """An input of a sound card.

    Attributes:
        name: of the card and the device, without numbers that change: ``HDA Intel PCH: ALC892 Analog``.
        host_api: through which part of the system it is used: ``ALSA``, ``Core Audio``, …
        channels: largest number of channels.
        sample_rate: default sample rate in Hz.
        is_default: whether it is the default input of the system.
        card: identifier of the card (ALSA), such as ``Device``; of equal cards the second is ``Device_1``.
        port: USB port to which the card is connected (ALSA), such as ``usb-0000:00:14.0-2``: the only name
            that distinguishes equal cards after a restart.
        index: number of the device, which can change at any time.
    """

    name: str
    host_api: str
    channels: int
    sample_rate: int
    is_default: bool
    card: str | None
    port: str | None
    index: int

    @property
    def names(self) -> tuple[str, ...]:
        """All names by which it can be chosen."""
        return tuple(name for name in (self.name, self.card, self.port) if name)

    def __str__(self) -> str:
        more = ", ".join((self.host_api, *self.names[1:]))
        return f"{self.name} ({more}): {self.channels} channels, {self.sample_rate} Hz"


def microphones() -> list[Microphone]:
    """Return the inputs of all sound cards that are connected now.

    If no source of this process uses a sound card, PortAudio is initialised again, so that the list is new;
    this ends recordings that other code in the process made with it. Otherwise cards that were connected
    since the last time are missing.

    Raises:
        MissingExtraError: the package sounddevice is not installed.
        SourceError: the library PortAudio is not installed, or fails.
    """
    sounddevice = load_sounddevice()
    try:
        with PORTAUDIO:
            if not _users:  # PortAudio looks for devices only when it is initialised
                sounddevice._terminate()
                sounddevice._initialize()
            devices, apis = sounddevice.query_devices(), sounddevice.query_hostapis()
            default = sounddevice.default.device[0]
    except sounddevice.PortAudioError as error:
        raise SourceError("mic", f"PortAudio: {error}") from error
    try:
        cards = _CARDS.read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux, or no card
        cards = ""
    return list_microphones(devices, apis, default, cards)


def list_microphones(
    devices: Sequence[Mapping[str, Any]], apis: Sequence[Mapping[str, Any]], default: int, cards: str
) -> list[Microphone]:
    """Return the inputs among the devices of PortAudio.

    Args:
        devices: the devices as sounddevice lists them.
        apis: the host APIs, likewise.
        default: index of the default input.
        cards: content of ``/proc/asound/cards``; empty on other systems than Linux.
    """
    by_number = {int(number): (card, _PORT.search(text)) for number, card, text in _CARD.findall(cards)}
    listed = []
    for index, device in enumerate(devices):
        if not device["max_input_channels"]:
            continue
        hardware = _HARDWARE.search(device["name"])
        card, port = by_number.get(int(hardware[1]), (None, None)) if hardware else (None, None)
        listed.append(
            Microphone(
                name=_HARDWARE.sub("", device["name"]),
                host_api=apis[device["hostapi"]]["name"],
                channels=device["max_input_channels"],
                sample_rate=round(device["default_samplerate"]),
                is_default=index == default,
                card=card,
                port=port[1] if port else None,
                index=index,
            )
        )
    return listed


def find_microphone(name: str | None, present: Iterable[Microphone]) -> Microphone:
    """Return the input with a name, or the only one whose name contains it; letter case is ignored.

    Args:
        name: `Microphone.name`, card or port; ``None`` for the default input.
        present: the inputs to choose from.

    Raises:
        SourceError: there is none, or there are several; the reason lists those that are present.
    """
    inputs = list(present)
    source = "mic" if name is None else f"mic:{name}"
    if name is None:
        matching = [one for one in inputs if one.is_default]
    else:
        text = name.lower()
        matching = [one for one in inputs if text in (known.lower() for known in one.names)]
        matching = matching or [one for one in inputs if text in one.name.lower()]
    if matching:
        first = matching[0]
        same = [one for one in matching if one.name == first.name]  # by several host APIs
        if len(same) == len(matching) and sum(one.host_api == first.host_api for one in same) == 1:
            return first
        raise SourceError(source, f"several microphones have this name: {_listed(matching)}")
    if not inputs:
        raise SourceError(source, "no microphone is connected")
    known = [known for one in inputs for known in one.names]
    suggestion = did_you_mean(name or "", known)
    raise SourceError(source, f"no such microphone{suggestion}; present: {_listed(inputs)}")


def load_sounddevice() -> ModuleType:
    """Return the module sounddevice.

    Raises:
        MissingExtraError: it is not installed.
        SourceError: PortAudio is not installed.
    """
    try:
        import sounddevice
    except ImportError as error:
        raise MissingExtraError("Recording from a sound card", "monitor") from error
    except OSError as error:
        reason = "the library PortAudio is not installed (Debian and Ubuntu: apt install libportaudio2)"
        raise SourceError("mic", reason) from error
    return sounddevice


def use_sound_card(change: int) -> None:
    """Count a source that opens (1) or closes (-1) a sound card: while there are any, the list is not new."""
    global _users
    with PORTAUDIO:
        _users += change


def _listed(inputs: Iterable[Microphone]) -> str:
    return "; ".join(str(one) for one in inputs)
