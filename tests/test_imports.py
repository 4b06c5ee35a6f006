"""The structure: what may import what, and what an import costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import auscult

SOURCE = Path(auscult.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
#: From left to right; a file imports from its own place and from those before it.
ORDER = [
    {"errors", "files", "memory", "parallel"},
    {"sound"},
    {"spectrum"},
    {"corpus"},
    {"detectors"},
    {"decision"},
    {"evaluation"},
    {
        "model",
        "model_file",
        "cases",
        "fleets",
        "fitting",
        "plant",
        "adapting",
        "selecting",
        "evaluating",
        "exporting",
    },
    {"benchmark"},
    {"report"},
    {"cli", "__main__"},
]
PLACE = {name: place for place, names in enumerate(ORDER) for name in names}
SLOW = {
    "torch",
    "onnx",
    "onnxscript",
    "onnxruntime",
    "sklearn",
    "matplotlib",
    "scipy.stats",
    "joblib",
    "distributed",
}


def name_of(file: Path) -> str:
    """What stands in `ORDER` for a file: its folder or, at the top, itself."""
    first = file.relative_to(SOURCE).parts[0]
    return first.removesuffix(".py")


def imports(tree: ast.AST, package: list[str]) -> Iterator[str]:
    """Full names of all modules imported anywhere in a file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield module
            if module == "auscult":  # ``from auscult import fitting``
                yield from (f"auscult.{alias.name}" for alias in node.names)


def of_this_house(file: Path) -> set[str]:
    package = ["auscult", *file.relative_to(SOURCE).parts[:-1]]
    names = imports(ast.parse(file.read_text(encoding="utf-8")), package)
    parts = {name.split(".")[1] for name in names if name.startswith("auscult.")}
    return {part for part in parts if part in PLACE}


def at_the_top(tree: ast.Module) -> Iterator[str]:
    """Modules that are imported when the file is: neither in functions nor for type checkers alone."""
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Try | ast.With):
            yield from imports(node, ["auscult"])


def test_every_file_has_a_place():
    assert {name_of(file) for file in FILES} - {"__init__"} == set(PLACE)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCE)))
def test_imports_come_from_the_left(file):
    if file == SOURCE / "__init__.py":
        return  # the public names, from everywhere, when first asked for
    wrong = {name for name in of_this_house(file) if PLACE[name] > PLACE[name_of(file)]}
    assert not wrong, f"{file.relative_to(SOURCE)} stands left of {', '.join(sorted(wrong))}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCE)))
def test_slow_modules_are_imported_where_they_are_used(file):
    if file.parent == SOURCE / "detectors" / "learning":
        return  # the one place that is PyTorch throughout
    tops = set(at_the_top(ast.parse(file.read_text(encoding="utf-8"))))
    assert not {top for top in tops for slow in SLOW if top == slow or top.startswith(slow + ".")}


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_the_package_imports_nothing_else():
    loaded = run("import sys, auscult; print(*sorted(sys.modules))").split()
    assert not {"numpy", "scipy", "torch", "onnxruntime", "soundfile", "sklearn"} & set(loaded)
    assert {name for name in loaded if name.startswith("auscult")} == {"auscult"}


def test_importing_the_package_is_quick():
    timed = "import time; t = time.perf_counter(); import auscult; print(time.perf_counter() - t)"
    assert min(float(run(timed)) for _ in range(5)) < 0.2


def test_a_model_is_loaded_and_made_without_pytorch():
    loaded = run("import sys; from auscult import load, evaluate, fit; print(*sys.modules)").split()
    slow = {"torch", "onnx", "sklearn", "matplotlib", "scipy.stats", "onnxruntime"}
    assert "auscult.fitting" in loaded
    assert not slow & set(loaded)
