"""The language check of ``make lint``: it accepts this repository and reports planted words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CHECK = ROOT / "tools" / "check_language.py"


def check(*paths: Path) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, CHECK, *paths], cwd=ROOT, capture_output=True, text=True)


def test_the_repository_passes():
    done = check()
    assert (done.returncode, done.stdout) == (0, "")


def test_make_lint_runs_the_check():
    assert (
        "tools/check_language.py"
        in (ROOT / "Makefile").read_text().partition("lint:")[2].partition("\n\n")[0]
    )


@pytest.mark.parametrize(
    "line",
    [
        "told = 1",
        "def scores_heard(): ...",
        "class ToldNames: ...",
        "x.whole = 1",
        "f(its=3)",
        "import numpy as found",
        "x = 1  # what the caller was told",
        '"""Recordings heard by the model."""',
        'raise ValueError(f"{x} was learnt from {y}")',
        "# reckoned by hand",
        "# the oddness of a clip",
    ],
)
def test_planted_words_are_reported(tmp_path, line):
    file = tmp_path / "planted.py"
    file.write_text(f"x = 0\n{line}\n")
    done = check(file)
    assert done.returncode == 1
    assert f"{file}:2:" in done.stdout


def test_documentation_is_checked(tmp_path):
    (tmp_path / "page.md").write_text("Fine.\n\nThe model learnt it.\n")
    done = check(tmp_path)
    assert done.returncode == 1
    assert "page.md:3:" in done.stdout


def test_ordinary_words_pass(tmp_path):
    file = tmp_path / "fine.py"
    file.write_text('"""Wholesale, itself, threshold, foundation: none is banned."""\n\nitself = 1\n')
    assert check(file).returncode == 0
