"""The generated reference: every command, detector, option, exception and public name has its place."""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path

import click
import pytest
from tools.reference_pages import MARKER, common_options, detector, error_list, fill, pages
from tools.reference_pages.commands import command, walk

import auscult
from auscult import errors
from auscult.cli.commands import LazyGroup
from auscult.detectors import DETECTORS, detector_type
from auscult.spectrum import FrontEnd

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = DOCS / "reference"
COMMANDS = {name: c for name, c in walk() if not isinstance(c, LazyGroup)}


def markers(folder: str) -> list[str]:
    """What the pages of a folder ask to be generated."""
    return [
        match[0]
        for path in sorted((REFERENCE / folder).glob("*.md"))
        for match in MARKER.finditer(path.read_text())
    ]


def test_a_page_is_about_what_it_is_called():
    for folder, kind, names in (("cli", "command", COMMANDS), ("detectors", "detector", DETECTORS)):
        named = [m for m in markers(folder) if m.startswith(f"<!-- generate: {kind} ")]
        assert len(named) == len(set(named))
        assert set(named) <= {f"<!-- generate: {kind} {name} -->" for name in names}
        by_hand = {path.stem for path in (REFERENCE / folder).glob("*.md")} - {"index"}
        assert by_hand <= {name.split()[0] for name in names}
        for name in names:
            if name.split()[0] in by_hand:
                page = (REFERENCE / folder / f"{name.split()[0]}.md").read_text()
                assert f"<!-- generate: {kind} {name} -->" in page


@pytest.mark.parametrize(("folder", "names"), [("cli", COMMANDS), ("detectors", DETECTORS)])
def test_every_command_and_detector_has_a_page(folder, names):
    made = pages(f"reference/{folder}")
    assert set(made) == {f"reference/{folder}/{name.split()[0]}.md" for name in names}
    for path, content in made.items():
        assert (DOCS / path).exists() or fill(content).count("\n| `") > 0


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_all_options_with_their_help(name):
    text = command(name)
    assert f"auscult {name}" in text
    for option in COMMANDS[name].params:
        if isinstance(option, click.Option) and not option.hidden:
            (row,) = re.findall(rf"^\| `{max(option.opts, key=len)}[ `].*$", text, re.MULTILINE)
            first = option.help.partition("  [default")[0].split()[0]
            assert first.strip(",.") in row
            assert ("Required." in row) == option.required


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_has_all_options_scores_and_presets(name):
    kind = detector_type(name)
    text = detector(name) + common_options()
    for field in dataclasses.fields(kind.config_type):
        assert field.name == "front_end" or f"\n| `{field.name}` | " in text
    for score in (*kind.scores, *kind.presets):
        assert f"`{score}`" in text
    assert all(f"`{option}`" in text for option in kind.required_options)


def test_the_front_end_has_all_options():
    assert all(f"\n| `{field.name}` | " in common_options() for field in dataclasses.fields(FrontEnd))


def test_every_exception_is_listed():
    public = [n for n, c in vars(errors).items() if inspect.isclass(c) and issubclass(c, errors.AuscultError)]
    listed = error_list()
    for name in public:
        assert (f"\n| `{name}` |" in listed) != name.startswith("_")
    assert "| `EmptyAudio` | `AudioError` |" in listed
    assert "| `ModelFileError` | `AuscultError` |" in listed  # the class between them is private
    assert "`review`, `recommended`" in listed


def test_every_public_name_is_on_a_page():
    page = fill((REFERENCE / "python.md").read_text()) + "\n"
    for name in auscult.__all__:
        value = getattr(auscult, name)
        if not (inspect.isclass(value) and issubclass(value, Exception)) and not name.startswith("__"):
            assert f"::: auscult.{name}\n" in page


def test_an_unknown_marker_is_an_error():
    assert fill("A page.\n\n<!-- bench.fusion sets -->\n") == "A page.\n\n<!-- bench.fusion sets -->\n"
    with pytest.raises(KeyError):
        fill("<!-- generate: command select -->")
    with pytest.raises(KeyError):
        fill("<!-- generate: nothing -->")
