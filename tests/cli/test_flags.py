"""Python options in messages of the library become options of the command line."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import click
import pytest

import auscult
from auscult.cli.commands import commands
from auscult.cli.flags import with_flags

SOURCE = Path(auscult.__file__).parent
#: Modules outside of ``cli`` whose messages name a command line: of other programs, or one of auscult.
WITH_COMMAND_LINES = {
    "detectors/embedding/known_encoders.py": "auscult fit",
    "detectors/embedding/other_formats.py": "tf2onnx.convert",
    "model/model.py": "auscult score --each-channel",
}


@pytest.mark.parametrize(
    ("python", "flag"),
    [
        ("window=2.5", "--window 2.5"),
        ("window=SECONDS", "--window SECONDS"),
        ("calibrate='none'", "--calibrate none"),
        ("channel=1", "--channel 1"),
        ("channel='all'", "--channel all"),
        ("false_alarms=0.05", "--false-alarms 5%"),
        ("false_alarms=0.125", "--false-alarms 12.5%"),
        ("conditions={'PATTERN': 'anomaly'}", "--condition PATTERN=anomaly"),
        (
            "conditions={'bad fan/*': 'anomaly', 'ok': 'normal'}",
            "--condition 'bad fan/*=anomaly' --condition ok=normal",
        ),
        ("group_by=['motor', 'spd']", "--group-by motor,spd"),
        ("group_likely_segments=False", "--group-by none"),
        ("TableSettings(rate=HZ)", "--rate HZ"),
        ("tables=TableSettings(rate=25600.0, columns=['x', 'y'])", "--rate 25600 --column x --column y"),
        ("TableSettings(scale=X)", "--scale X"),
        ("accept=True", "--accept"),
        ("replace=True", "--replace"),
        ("epochs=100", "--set epochs=100"),
        ("encoder=PATH", "--set encoder=PATH"),
        ("settings={'auto.encoder': VALUE}", "--set auto.encoder=VALUE"),
        ("score_folders={'other': FOLDER}", "--scores other=FOLDER"),
        ("seeds=[1, 2]", "--seeds 1,2"),
        ("systems=[NAME]", "--systems NAME"),
        ("Model.windows(clip, 10)", "auscult score --window 10"),
        ("fit_machines(folders, output)", "-o FOLDER/"),
    ],
)
def test_a_python_option_becomes_that_of_the_command_line(python, flag):
    assert with_flags(f"first `{python}`, then `{python}`.") == f"first {flag}, then {flag}."


@pytest.mark.parametrize(
    "message",
    [
        "no code",
        "`auscult score`",
        "`Model.save(path)`",
        "`a + b`",
        "a ` alone",
        "`f(x)(y)`",
        "the folder 'q `a=b.c`'",
        "`windows(clip)`",
        "`conditions=7`",
        "`false_alarms=None`",
        "`window=[[1], {}[0]]`",
        "`window={[]: 1}`",
        "`**options`",
    ],
)
def test_other_text_is_not_changed(message):
    assert with_flags(message) == message


def options_of(group: click.Group) -> set[str]:
    names = set()
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            names |= options_of(command)
        names |= {option for parameter in command.params for option in parameter.opts}
    return names


def test_every_option_that_messages_are_translated_to_exists():
    text = (SOURCE / "cli" / "flags.py").read_text(encoding="utf-8")
    flags = set(re.findall(r"--[a-z][a-z-]*", text))
    assert len(flags) > 10
    assert flags <= options_of(commands)


def strings_with_flags(file: Path) -> list[str]:
    """The strings of a module, docstrings included, that have an option of a command line."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    strings = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    return [string for string in strings if re.search(r"(?<![\w-])--[a-z]", string)]


@pytest.mark.parametrize(
    "path", sorted(f.relative_to(SOURCE).as_posix() for f in SOURCE.rglob("*.py") if "cli" not in f.parts)
)
def test_the_library_does_not_name_options_of_the_command_line(path):
    strings = strings_with_flags(SOURCE / path)
    if path not in WITH_COMMAND_LINES:
        assert not strings
    else:
        assert any(WITH_COMMAND_LINES[path] in string for string in strings)
        assert len(strings) <= 3
