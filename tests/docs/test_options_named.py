"""Options that the documentation names are options of a command."""

from __future__ import annotations

import re
from pathlib import Path

import click
from tools.reference_pages.commands import walk

ROOT = Path(__file__).parents[2]
#: Options of other programs: pip, dask, tf2onnx, pytest, bench scripts, cp, rsync and systemctl.
OTHER = {
    "--now",
    *("--again", "--clips", "--folder", "--from-url", "--index-url", "--networks", "--nthreads", "--old"),
    *(
        "--only",
        "--preserve",
        "--print",
        "--quick",
        "--saved-model",
        "--split",
        "--tflite",
        "--times",
        "--write",
    ),
}


def test_named_options_exist():
    options = {"--help", "--version"}
    for _, command in walk():
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                options |= {*parameter.opts, *parameter.secondary_opts}
    unknown = []
    for page in [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"]:
        for name in re.findall(r"(?<![\w-])--[a-z][a-z-]+", page.read_text(encoding="utf-8")):
            if name not in options | OTHER:
                unknown.append(f"{page.relative_to(ROOT)}: {name}")
    assert not unknown
