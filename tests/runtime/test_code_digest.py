"""The digest changes with the code that a module uses, and with nothing else."""

from __future__ import annotations

import importlib

import pytest

from auscult.runtime import code_digest as code_digest_module
from auscult.runtime.code_digest import code_digest

PACKAGE = {
    "__init__.py": "",
    "main.py": "from digested.parts import half\nfrom . import sums\n\ndef score(x):\n    return half(x)\n",
    "sums.py": "def total(x):\n    import digested.late\n    return sum(x)\n",
    "late.py": "LATE = 1\n",
    "table.py": "CHOICES = {'a': ('digested.chosen', 'A')}\n",
    "chosen.py": "A = 1\n",
    "parts/__init__.py": "from digested.parts.halves import half\nfrom .unused import unused\n",
    "parts/halves.py": "def half(x):\n    return x / 2\n",
    "parts/unused.py": "def unused():\n    return 1\n",
    "other.py": "OTHER = 1\n",
}


@pytest.fixture
def digest(tmp_path, monkeypatch):
    """``digest(module, changed)``: of a package with some of its files changed."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(module: str = "main", changed: dict[str, str] | None = None) -> str:
        for path, text in {**PACKAGE, **(changed or {})}.items():
            file = tmp_path / "digested" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        importlib.invalidate_caches()
        for value in vars(code_digest_module).values():  # each file is read once in a process
            if hasattr(value, "cache_clear"):
                value.cache_clear()
        return code_digest(f"digested.{module}", ("digested",))

    return write


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("main.py", PACKAGE["main.py"].replace("half(x)\n", "-half(x)\n")),
        ("sums.py", PACKAGE["sums.py"].replace("sum(x)", "-sum(x)")),
        ("parts/halves.py", "def half(x):\n    return x / 3\n"),
        ("late.py", "LATE = 2\n"),
    ],
)
def test_a_changed_module_changes_the_digest_of_those_that_import_it(digest, path, text):
    assert digest("main", {path: text}) != digest("main")


def test_a_module_that_a_table_names_counts(digest):
    assert digest("table", {"chosen.py": "A = 2\n"}) != digest("table")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("other.py", "OTHER = 2\n"),
        ("parts/unused.py", "def unused():\n    return 2\n"),
        (
            "parts/halves.py",
            '"""Halves."""\n\ndef half(x):\n    """Half."""\n    return x / 2  # exact\n',
        ),
        ("parts/halves.py", "def half(\n    x,\n):\n    return (x / 2)\n"),
    ],
)
def test_documentation_layout_and_unused_modules_do_not_count(digest, path, text):
    assert digest("main", {path: text}) == digest("main")


def test_modules_outside_the_packages_do_not_count(digest):
    assert digest("main", {"main.py": "import json\n"}) == digest("main", {"main.py": "import json\n"})
    assert code_digest("json", ("digested",)) == code_digest("ast", ("digested",))
