"""The structure: which module may import which, and what an import costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

import auscult

SOURCE = Path(auscult.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
#: The folders in the order of the data flow; a module imports only from its own folder and from those before.
ROOMS = [
    {"errors"},
    {"findings"},
    {"runtime"},
    {"sound"},
    {"spectrum"},
    {"corpus"},
    {"simulation"},
    {"decision"},
    {"evaluation"},
    {"detectors"},
    {"model"},
    {"api"},
    {"sklearn"},
    {"testing"},
    {"dcase"},
    {"benchmark"},
    {"report"},
    {"monitor"},
    {"cli", "__main__"},
]
#: The same inside ``detectors``: shared parts first, then the families, then the ensemble of them.
DETECTOR_ROOMS = [
    {"onnx_export", "statistics", "maps", "training", "typed_options"},
    {"base"},
    {"plugins"},
    {"__init__"},
    {"options", "crossfit", "adaptable", "additive", "exportable", "representable", "score_selection"},
    {"names", "descriptions"},
    {"pooled", "reconstruction", "discriminative", "embedding"},
    {"ensemble"},
]
#: The same inside ``monitor``: the sound of one machine, what is kept of it, and what people see of that.
MONITOR_ROOMS = [
    {"__init__"},
    {"stream"},
    {"store"},
    {"trend"},
    {"history"},
    {"webhook"},
    {"repeated_sound", "calibrate"},
    {"learning"},
    {"watch"},
    {"status"},
    {"service"},
    {"simulated"},
    {"settings"},
    {"web"},
]
#: Folders that are divided into rooms of their own.
INNER_ROOMS = {"detectors": DETECTOR_ROOMS, "monitor": MONITOR_ROOMS}
#: Modules outside ``detectors/training`` that define PyTorch networks; no other module imports it at the top.
NETWORKS = {
    "detectors/discriminative/adacos.py",
    "detectors/discriminative/augmentation.py",
    "detectors/discriminative/dual_branch.py",
    "detectors/discriminative/dual_training.py",
    "detectors/reconstruction/latents.py",
    "detectors/reconstruction/observation.py",
}
SLOW = {
    "torch",
    "onnx",
    "onnxruntime",
    "sklearn",
    "matplotlib",
    "jinja2",
    "scipy.stats",
    "joblib",
    "distributed",
    "scipy.io",
    "h5py",
    "pyarrow",
    "nptdms",
    "pyuff",
    "sounddevice",
}


def module_name(file: Path) -> str:
    """Dotted name of a file without ``auscult``: ``detectors.base``; a package's is that of its folder."""
    parts = file.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


MODULES = {module_name(file): file for file in FILES}


def imports(tree: ast.AST) -> Iterator[str]:
    """Full names of all modules and names imported anywhere below a node."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "relative imports are not used"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(file: Path) -> set[str]:
    """Modules of auscult that a file imports anywhere, also inside functions and for type checkers."""
    names = imports(ast.parse(file.read_text(encoding="utf-8")))
    return {name.removeprefix("auscult.") for name in names if name.startswith("auscult.")} & set(MODULES)


def at_the_top(tree: ast.Module) -> Iterator[str]:
    """Modules imported when the file itself is imported."""
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Try | ast.With):
            yield from imports(node)


def level(order: Sequence[set[str]], name: str) -> int:
    return next(index for index, names in enumerate(order) if name in names)


def room(module: str) -> str:
    return module.partition(".")[0]


def inner_room(module: str) -> str:
    """The room of a module inside its folder."""
    return room(module.partition(".")[2]) or "__init__"


def circles(graph: Mapping[str, set[str]]) -> list[set[str]]:
    """Groups of modules that import each other, directly or through others."""
    reach: dict[str, set[str]] = {}
    for start in graph:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            new = graph[waiting.pop()] - seen
            seen |= new
            waiting.extend(new)
        reach[start] = seen
    groups = [{other for other in graph if other in reach[m] and m in reach[other]} for m in graph]
    unique = {frozenset(group) for group in groups if group}
    return [set(group) for group in unique]


def test_every_file_has_a_room():
    assert {room(module) for module in MODULES} - {"__init__"} == set().union(*ROOMS)
    for folder, rooms in INNER_ROOMS.items():
        inside = {inner_room(module) for module in MODULES if room(module) == folder}
        assert inside == set().union(*rooms)


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"__init__"}))
def test_no_import_runs_backwards(module):
    for other in own_imports(MODULES[module]) - {"__init__"}:
        assert level(ROOMS, room(other)) <= level(ROOMS, room(module)), f"{module} imports {other}"
        if room(module) == room(other) and room(module) in INNER_ROOMS:
            rooms = INNER_ROOMS[room(module)]
            mine, theirs = inner_room(module), inner_room(other)
            assert level(rooms, theirs) <= level(rooms, mine), f"{module} imports {other}"


def test_families_do_not_import_each_other():
    families = level(DETECTOR_ROOMS, "pooled")
    for module, file in MODULES.items():
        if room(module) == "detectors" and inner_room(module) in DETECTOR_ROOMS[families]:
            others = {inner_room(m) for m in own_imports(file) if room(m) == "detectors"}
            assert not (others & DETECTOR_ROOMS[families]) - {inner_room(module)}, module


def test_only_the_models_and_the_model_file_import_each_other():
    packages = {module for module, file in MODULES.items() if file.name == "__init__.py"}
    graph = {module: own_imports(file) - packages for module, file in MODULES.items()}
    assert circles(graph) == [{"model.model", "model.axes", "model.model_file"}]


def test_circles_are_detected():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [{"a", "b", "c"}]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCE)))
def test_slow_modules_are_imported_where_they_are_used(file):
    path = file.relative_to(SOURCE).as_posix()
    tops = set(at_the_top(ast.parse(file.read_text(encoding="utf-8"))))
    slow = {name for top in tops for name in SLOW if top == name or top.startswith(name + ".")}
    if path in NETWORKS:
        assert slow == {"torch"}, "listed as a module of networks"
    elif path == "sklearn.py":
        assert slow == {"sklearn"}, "a class of scikit-learn"
    elif not path.startswith("detectors/training/"):
        assert not slow


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_the_package_imports_nothing_else():
    loaded = run("import sys, auscult; print(*sorted(sys.modules))").split()
    assert not {"numpy", "scipy", "torch", "onnxruntime", "soundfile", "sklearn"} & set(loaded)
    assert {name for name in loaded if name.startswith("auscult")} == {"auscult"}


def test_a_model_is_loaded_and_made_without_pytorch():
    loaded = run("import sys; from auscult import load, evaluate, fit; print(*sys.modules)").split()
    slow = {"torch", "onnx", "sklearn", "matplotlib", "scipy", "onnxruntime"}
    assert "auscult.api.fit" in loaded
    assert not slow & set(loaded)
