"""All commands: help, what they import, and exit codes of failures."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from auscult import __version__
from auscult.cli import commands, text
from auscult.cli.commands import LazyGroup
from auscult.errors import FitError, OptionError


def _all_commands(group: LazyGroup = commands, prefix: str = "") -> Iterator[tuple[str, click.Command, str]]:
    """Yield every command with its full name, and its summary in the list of its group."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{prefix}{name}", command, group.subcommands[name][1]
        if isinstance(command, LazyGroup):
            yield from _all_commands(command, f"{prefix}{name} ")


COMMANDS = {name: (command, summary) for name, command, summary in _all_commands()}
OPTIONS = [
    (name, option)
    for name, (command, _) in COMMANDS.items()
    for option in command.params
    if isinstance(option, click.Option)
]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_summary_in_the_list_is_the_short_help(name):
    command, summary = COMMANDS[name]
    assert command.short_help == summary
    assert command.name == name.split()[-1]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(run, name):
    result = run(*name.split(), "--help")
    assert result.exit_code == 0
    assert f"Usage: auscult {name}" in result.stdout


@pytest.mark.parametrize(("name", "option"), OPTIONS, ids=lambda v: v if isinstance(v, str) else v.name)
def test_every_option_has_a_help_text(name, option):
    assert option.help
    assert len(option.help) > 5


def test_help_lists_all_commands(run):
    listed = run("--help").stdout.partition("Commands:")[2]
    assert [line.split()[0] for line in listed.splitlines() if line.strip()] == list(commands.subcommands)


def test_version(run):
    assert run("--version").stdout.strip() == f"auscult, version {__version__}"


@pytest.mark.parametrize("arguments", [["listen"], ["score"], ["score", "--loud"], []])
def test_wrong_usage_is_exit_code_2(run, arguments):
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Usage: auscult" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        (["scroe"], "Did you mean score?"),
        (["train"], "Did you mean fit"),
        (["Fit"], "Did you mean fit?"),
        (["dcase", "submitt"], "Did you mean submit?"),
        (["quux"], None),
    ],
)
def test_unknown_commands_have_a_suggestion(run, name, meant):
    result = run(*name)
    assert result.exit_code == 2
    last = result.stderr.splitlines()[-1]
    assert last.startswith(f"Error: No such command '{name[-1]}'.")
    assert meant in last if meant else last.endswith("'quux'.")


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (FitError("too little"), 1),
        (OptionError("no such thing"), 2),
        (PermissionError(13, "Permission denied", "x.wav"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_errors_become_one_line_and_an_exit_code(run, monkeypatch, raised, code):
    def fail(*_, **__):
        raise raised

    monkeypatch.setattr("auscult.cli.doctor._examine", fail)
    result = run("doctor")
    assert result.exit_code == code
    assert result.stderr.strip() == (f"Error: {raised}" if str(raised) else "")


def test_an_unexpected_error_keeps_the_traceback(run, monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("auscult.cli.doctor._examine", fail)
    with pytest.raises(ZeroDivisionError):
        run("doctor")


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["--help"], {"numpy", "scipy", "soundfile", "onnxruntime", "rich", "torch"}),
        (["score"], {"torch", "sklearn", "matplotlib", "rich", "scipy", "onnx"}),
    ],
)
def test_unneeded_packages_are_not_imported(arguments, unwanted, model, normal_clip):
    if arguments == ["score"]:
        arguments = ["score", str(model), str(normal_clip)]
    code = (
        "import sys\nfrom auscult.cli import commands\n"
        f"try:\n    commands.main({arguments!r})\nexcept SystemExit as end:\n    assert end.code == 0\n"
        f"print('IMPORTED', *sorted({unwanted!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "IMPORTED"


def test_an_interrupt_is_exit_code_130_without_a_traceback(start, model, normal_clip):
    process = start("score", model, *[normal_clip] * 3000)
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in errors


def test_a_closed_output_pipe_ends_the_command_quietly(start, model, normal_clip):
    process = start("score", model, *[normal_clip] * 3000, "--json")
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=60) == 141
    assert process.stderr.read() == ""
    process.stderr.close()


def test_a_file_name_that_is_not_valid_text_can_be_printed(start, model, normal_clip):
    process = start("score", model, normal_clip, b"missing\xff.wav".decode(errors="surrogateescape"))
    output, errors = process.communicate(timeout=30)
    assert process.returncode == 4
    assert "unreadable" in output
    assert "no such file" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("missing", "command", "extra"), [("torch", "fit", "train"), ("matplotlib", "explain", "report")]
)
def test_a_missing_package_is_reported_with_the_extra(
    missing, command, extra, model, machine, normal_clip, tmp_path
):
    arguments = {
        "fit": ["fit", str(machine), "-o", str(tmp_path / "m.auscult"), "--detector", "gamma_vae", "-q"],
        "explain": ["explain", str(model), str(normal_clip), "-o", str(tmp_path / "why.png")],
    }[command]
    code = f"import sys\nsys.modules[{missing!r}] = None\nfrom auscult.cli import commands\n"
    code += f"commands.main({arguments!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert f"pip install 'auscult[{extra}]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_scoring_explaining_and_evaluating_need_no_torch(model, machine, normal_clip):
    for arguments in (
        ["score", str(model), str(normal_clip)],
        ["explain", str(model), str(normal_clip)],
        ["evaluate", str(model), str(machine), "-q"],
        ["inspect", str(model)],
        ["doctor"],
    ):
        code = "import sys\nsys.modules['torch'] = None\nfrom auscult.cli import commands\n"
        code += f"commands.main({arguments!r})"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_messages_name_options_and_not_python_parameters(capsys):
    text.warn("pass `channel=N`, or `false_alarms=0.1`")
    assert capsys.readouterr().err == "Warning: pass --channel N, or --false-alarms 10%\n"
