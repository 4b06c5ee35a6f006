"""The digest changes with the code that a module uses, and with nothing else."""

from __future__ import annotations

import importlib

import pytest

from auscult.runtime import code_digest as code_digest_module
from auscult.runtime.code_digest import code_digest, installed_packages, local_modules

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


LOCAL = {
    "main.py": "import nearby.sub\nfrom plain import half\nimport pinned\nimport json, numpy as np\n",
    "../nearby/__init__.py": "TOP = 1\n",
    "../nearby/sub.py": "def f():\n    from space import deep\n    import yaml\n",
    "../space/deep.py": "DEEP = 1\n",  # in a folder without __init__.py
    "../plain.py": "def half(x):\n    return x / 2\n",
    "../lib/site-packages/pinned.py": "import beyond\nPINNED = 1\n",
    "../beyond.py": "BEYOND = 1\n",
}
REACHED = ("nearby", "nearby.sub", "plain", "space.deep")


@pytest.fixture
def local_digest(digest, tmp_path, monkeypatch):
    """``local_digest(changed)``: of a module that imports modules of other folders."""
    monkeypatch.syspath_prepend(str(tmp_path / "lib" / "site-packages"))
    return lambda changed=None: digest("main", {**LOCAL, **(changed or {})})


@pytest.mark.parametrize("path", ["nearby/__init__.py", "nearby/sub.py", "space/deep.py", "plain.py"])
def test_local_modules_outside_the_packages_count(local_digest, path):
    before = local_digest()
    assert local_modules("digested.main", ("digested",)) == REACHED
    assert local_digest({f"../{path}": LOCAL[f"../{path}"] + "CHANGED = 1\n"}) != before


def test_installed_packages_go_by_version(local_digest):
    before = local_digest()
    assert installed_packages("digested.main", ("digested",)) == ("numpy", "pinned", "yaml")
    changed = {"../lib/site-packages/pinned.py": "PINNED = 2\n", "../beyond.py": "BEYOND = 2\n"}
    assert local_digest(changed) == before
