"""The page about the monitor names every setting with its default, and its example is a valid file."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields

from tools.doc_snippets import DOCS, snippets

from auscult.cli.monitor import command
from auscult.monitor.settings import config
from auscult.monitor.settings.config import read_config
from auscult.monitor.settings.page_settings import DEFAULT_PORT, PageSettings, page_settings
from auscult.monitor.store import Retention
from auscult.monitor.stream.gate import GateSettings
from auscult.monitor.webhook.settings import SUBJECTS, WebhookSettings
from auscult.sound.live import open_source

PAGE = DOCS / "reference" / "monitor-file.md"
WEB_PAGE = DOCS / "reference" / "monitor-page.md"
TEXT = PAGE.read_text(encoding="utf-8")
DAYS = {"day": 1, "days": 1, "year": 365, "years": 365}
BYTES = {"GiB": 1 << 30, "MiB": 1 << 20}


def defaults(title: str) -> dict[str, str]:
    """The settings of the table of a section and their defaults; a row may be about two."""
    (text,) = re.findall(rf"^## {re.escape(title)}\n(.*?)(?=^## )", f"{TEXT}\n## ", re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| ([^|]+) \|", text, re.MULTILINE)
    return {name: value for names, value in rows for name in re.findall(r"\w+", names)}


def test_examples_are_read(tmp_path):
    for page, names in ((PAGE, ["fan", "pump"]), (DOCS / "how-to" / "monitor.md", ["fan", "pump"])):
        example, *sections = [s.code for s in snippets(page) if s.language == "toml"]
        (tmp_path / "monitor.toml").write_text("\n".join([example, *sections]))
        assert [machine.name for machine in read_config(tmp_path / "monitor.toml").machines] == names


def test_defaults_of_all_settings(tmp_path):
    listed = defaults("`monitor.toml`")
    lines = ["[[machine]]", 'name = "a"', 'model = "a"', 'source = "-"']
    known = {"store", "name", "model", "source"}
    for name, value in listed.items():
        if name not in known:
            text = {"sample_rate": "16000", "channels": "1", "auth_env": '"A"', "auth_file": '"a"'}
            text["period"] = "1.0"
            lines.append(f"{name} = {text.get(name, value.replace('`', ''))}")
    (tmp_path / "monitor.toml").write_text("\n".join(lines))
    (machine,) = read_config(tmp_path / "monitor.toml").machines
    assert machine.gate == GateSettings()
    assert set(listed) == {"store", *config._MACHINE, *config._GATE}
    assert machine.options["sample_format"] == open_source.__kwdefaults__["sample_format"]


def test_settings_of_the_page(tmp_path):
    text = WEB_PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]*)\| ", text, re.MULTILINE)
    defaults = {name: default.strip("`") for name, default, _ in rows}
    assert set(defaults) == {field.name for field in fields(PageSettings)}
    lines = [
        f"{name} = {default}" for name, default in defaults.items() if name not in ("port", "token_file")
    ]
    assert page_settings(tomllib.loads("\n".join(lines))) == PageSettings()
    assert defaults["port"].startswith(str(DEFAULT_PORT))
    options = {option.strip() for _, _, option in rows if option.strip()}
    known = {f"`{name}`" for parameter in command.params for name in parameter.opts}
    assert options <= known
    (example,) = [snippet for snippet in snippets(WEB_PAGE) if snippet.language == "toml"]
    assert page_settings(tomllib.loads(example.code)["page"]).names


def test_defaults_of_the_webhook():
    listed = defaults("Webhook")
    assert set(listed) == {field.name for field in fields(WebhookSettings)}
    known = WebhookSettings("https://example.org")
    assert float(listed["timeout"]) == known.timeout
    assert listed["events"] == "all"
    assert list(known.events) == list(SUBJECTS)
    assert all(f"`{subject}`" in TEXT for subject in SUBJECTS)


def test_the_limits_of_the_store_are_the_defaults():
    retention = Retention()
    for field in fields(Retention):
        (number, unit) = re.search(rf"(\d+) (\w+) \| `{field.name}` \|", TEXT).groups()
        assert int(number) * {**DAYS, **BYTES}[unit] == getattr(retention, field.name)
