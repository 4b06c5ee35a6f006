"""The configuration file of the monitor."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.helpers import noise

import auscult
from auscult.errors import OptionError
from auscult.monitor.settings.config import read_config
from auscult.monitor.settings.page_settings import PageSettings
from auscult.monitor.store import Retention
from auscult.monitor.webhook.settings import WebhookSettings

GOOD = """
store = "events"
[page]
port = 9000
prefix = "/plant"
names = ["monitor.plant"]
token_file = "token"
[retention]
max_bytes = 1_000_000_000
sound_days = 90
[webhook]
url = "https://example.org/events"
secret_file = "key"
events = ["alarm", "sensor"]
[[machine]]
name = "fan"
model = "fan.auscult"
source = "mic:USB"
settle = 20
period = 5
[[machine]]
name = "pump"
model = "/models/pump.auscult"
source = "-"
auth_file = "login"
sample_rate = 16000
channels = 2
"""


def read(tmp_path, text):
    path = tmp_path / "monitor.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape"))
    return read_config(path)


def test_machines_are_read(tmp_path):
    config = read(tmp_path, GOOD)
    fan, pump = config.machines
    assert config.store == str(tmp_path / "events")
    token = str(tmp_path / "token")
    assert config.page == PageSettings(port=9000, prefix="/plant", names=("monitor.plant",), token_file=token)
    assert config.retention == Retention(max_bytes=10**9, sound_days=90)
    assert config.webhook is not None
    assert (config.webhook.host, list(config.webhook.events)) == ("example.org", ["alarm", "sensor"])
    assert config.webhook.secret_file == str(tmp_path / "key")
    assert (fan.name, fan.model, fan.source) == ("fan", str(tmp_path / "fan.auscult"), "mic:USB")
    assert fan.gate.settle == 20.0
    assert (fan.period, pump.period) == (5, None)
    assert pump.model == "/models/pump.auscult"
    assert pump.options == {"sample_rate": 16000, "channels": 2, "auth_file": str(tmp_path / "login")}


def test_sections_may_be_left_out(tmp_path):
    config = read(tmp_path, '[[machine]]\nname = "fan"\nmodel = "a"\nsource = "mic"')
    assert (config.page, config.retention, config.webhook) == (PageSettings(), Retention(), None)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (("", ""), "no machine"),
        (('name = "fan"', ""), "name is missing"),
        (('name = "pump"', 'name = "fan"'), "two machines"),
        (('name = "pump"', 'name = "fan "'), "space"),
        (("settle", "setle"), "did you mean settle"),
        (("settle = 20", "settle = -1"), "settle"),
        (("settle = 20", "settle = true"), "settle"),
        (("period = 5", "period = '5 s'"), "period must be a number"),
        (("sample_rate = 16000", 'sample_rate = "16 kHz"'), "sample_rate"),
        (('store = "events"', "store = 3"), "store"),
        (('source = "-"', "source = 5"), "source"),
        (('source = "mic:USB"', 'source = "-"'), "each would get a part"),
        (('source = "-"', r'source = "a\u0000"'), "zero byte"),
        (('store = "events"', r'store = "a\u0000"'), "store"),
        (("port = 9000", "port = 90000"), "port"),
        (("port = 9000", "prot = 9000"), "did you mean port"),
        (("port = 9000", "enabled = 1"), "enabled"),
        (("port = 9000", "host = 5"), "host"),
        (('names = ["monitor.plant"]', 'names = "monitor.plant"'), "names"),
        (('names = ["monitor.plant"]', "names = [5]"), "names"),
        (("[[machine]]", "[machine"), "not valid TOML"),
        (("sound_days = 90", "sound_day = 90"), "[retention] has an unknown setting 'sound_day' (did"),
        (("sound_days = 90", "sound_days = -1"), "[retention]: sound_days"),
        (("sound_days = 90", "sound_days = '90'"), "sound_days must be a number"),
        (("sound_days = 90", "sample_days = 90"), "must increase"),
        (("[retention]", "[[retention]]"), "write retention as a section"),
        (('url = "https://example.org/events"', ""), "[webhook]: url is missing"),
        (('url = "https://example.org/events"', 'url = "example.org"'), "[webhook]: url"),
        (('events = ["alarm", "sensor"]', 'events = ["alarms"]'), "alarms"),
        (('secret_file = "key"', "secret_file = 3"), "secret_file must be text"),
    ],
)
def test_errors_say_where(tmp_path, change, word):
    text = GOOD.replace(*change) if change[0] else "store = 'x'"
    with pytest.raises(OptionError) as caught:
        read(tmp_path, text)
    assert word in str(caught.value)
    assert "monitor.toml" in str(caught.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(OptionError):
        read_config(tmp_path / "nothing.toml")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(["name", "model", "source", "settle", "off_margin", "sample_rate", "channels", "x"])


SETTINGS = st.sampled_from([f.name for kind in (Retention, WebhookSettings) for f in fields(kind)])


@given(
    st.dictionaries(KEYS, VALUES, max_size=6),
    st.sampled_from(["page", "retention", "webhook"]),
    st.dictionaries(SETTINGS, VALUES, max_size=3),
    st.binary(max_size=60),
)
@settings(max_examples=150, deadline=None)
def test_any_content_is_read_or_refused(tmp_path_factory, table, name, section, raw):
    folder = tmp_path_factory.mktemp("fuzz")
    lines, others = (
        "\n".join(f"{key} = {_toml(value)}" for key, value in known.items()) for known in (table, section)
    )
    machine = '[[machine]]\nname = "fan"\nmodel = "a"\nsource = "mic"'
    for text in (f"[[machine]]\n{lines}", f"[{name}]\n{others}\n{machine}", raw):
        try:
            config = read(folder, text)
        except OptionError:
            continue
        assert config.machines


def _toml(value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(key)} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, str):
        escaped = "".join(
            c if c.isalnum() and c.isascii() else f"\\u{ord(c):04x}" for c in value if ord(c) < 0xD800
        )
        return f'"{escaped}"'
    return str(value) if value is not None else '""'


def test_machines_with_the_same_file_share_a_model(tmp_path):
    auscult.fit([noise(2, seed) for seed in range(6)], "pooled_gaussian", sample_rate=8000).save(
        str(tmp_path / "fan.auscult")
    )
    machine = '[[machine]]\nname = "{}"\nmodel = "{}"\nsource = "mic"\n'
    text = machine.format("one", "fan.auscult") + machine.format("two", tmp_path / "fan.auscult")
    one, two = read(tmp_path, text).watched()
    assert one.model is two.model
    assert (one.name, two.name) == ("one", "two")
