"""Names of microphones: those that stay the same, and which one is meant."""

from __future__ import annotations

import builtins
import subprocess
import sys

import pytest

from auscult.errors import MissingExtraError, SourceError
from auscult.sound.live.microphones import find_microphone, list_microphones
from auscult.sound.live.opening import open_source

#: As Linux lists the cards of a computer with a mainboard and two equal USB microphones.
CARDS = """\
 0 [PCH            ]: HDA-Intel - HDA Intel PCH
                      HDA Intel PCH at 0xf7e10000 irq 31
 1 [Device         ]: USB-Audio - USB Audio Device
                      C-Media Electronics Inc. USB Audio Device at usb-0000:00:14.0-2, full speed
 2 [Device_1       ]: USB-Audio - USB Audio Device
                      C-Media Electronics Inc. USB Audio Device at usb-0000:00:14.0-3.1, full speed
"""
APIS = [{"name": "ALSA"}, {"name": "OSS"}]


def device(name, inputs=1, api=0):
    return {"name": name, "max_input_channels": inputs, "hostapi": api, "default_samplerate": 44100.0}


DEVICES = [
    device("HDA Intel PCH: ALC892 Analog (hw:0,0)", 2),
    device("HDA Intel PCH: ALC892 Digital (hw:0,1)", 0),
    device("HDA Intel PCH: ALC892 Alt Analog (hw:0,2)", 2),
    device("USB Audio Device: - (hw:1,0)"),
    device("USB Audio Device: - (hw:2,0)"),
    device("pulse", 32),
]
PRESENT = list_microphones(DEVICES, APIS, 5, CARDS)


def test_inputs_are_listed_by_names_that_stay_the_same():
    assert [(one.name, one.card, one.port, one.index) for one in PRESENT] == [
        ("HDA Intel PCH: ALC892 Analog", "PCH", None, 0),
        ("HDA Intel PCH: ALC892 Alt Analog", "PCH", None, 2),
        ("USB Audio Device", "Device", "usb-0000:00:14.0-2", 3),
        ("USB Audio Device", "Device_1", "usb-0000:00:14.0-3.1", 4),
        ("pulse", None, None, 5),
    ]
    assert PRESENT[0].sample_rate == 44100
    assert "hw:" not in " ".join(str(one) for one in PRESENT)


@pytest.mark.parametrize(
    ("name", "index"),
    [
        (None, 5),
        ("pulse", 5),
        ("Device_1", 4),
        ("device", 3),
        ("usb-0000:00:14.0-3.1", 4),
        ("hda intel pch: alc892 analog", 0),
        ("Alt Analog", 2),
    ],
)
def test_the_input_with_a_name_is_chosen(name, index):
    assert find_microphone(name, PRESENT).index == index


def test_a_port_names_the_same_microphone_when_cards_are_numbered_otherwise():
    cards = CARDS.replace("-2, full", "-X, full").replace("-3.1, full", "-2, full").replace("-X", "-3.1")
    assert find_microphone("usb-0000:00:14.0-2", list_microphones(DEVICES, APIS, 5, cards)).index == 4


@pytest.mark.parametrize("name", ["USB Audio Device", "usb", "PCH", "ALC892"])
def test_a_name_of_several_microphones_is_refused(name):
    with pytest.raises(SourceError, match="several") as error:
        find_microphone(name, PRESENT)
    assert error.value.source == f"mic:{name}"


def test_an_unknown_name_is_answered_by_those_that_are_present():
    with pytest.raises(SourceError, match=r"did you mean pulse\?") as error:
        find_microphone("puls_", PRESENT)
    assert "usb-0000:00:14.0-3.1" in error.value.reason
    with pytest.raises(SourceError, match="no microphone is connected"):
        find_microphone(None, [])


def test_one_device_by_two_host_apis_is_one_microphone():
    devices = [device("Mic", api=0), device("Mic", api=1), device("Other", api=1)]
    assert find_microphone("mic", list_microphones(devices, APIS, 0, "")).index == 0
    devices = [device("Mic", api=0), device("Mic", api=0)]
    with pytest.raises(SourceError, match="several"):
        find_microphone("mic", list_microphones(devices, APIS, 0, ""))


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(MissingExtraError, match=r"auscult\[monitor\]"):
        open_source("mic")


def test_without_the_library_the_package_of_the_system_is_named(monkeypatch):
    real = builtins.__import__

    def without_portaudio(name, *arguments, **options):
        if name == "sounddevice":
            raise OSError("PortAudio library not found")
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without_portaudio)
    with pytest.raises(SourceError, match="libportaudio2"):
        open_source("mic:x")


def test_sound_cards_are_not_touched_by_other_sources():
    code = "import sys, auscult.sound.live; assert 'sounddevice' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
