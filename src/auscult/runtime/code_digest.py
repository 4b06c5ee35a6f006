"""Digest of code, by which results that older code computed are recognised as out of date.

The digest covers the syntax trees of a module and of all modules that it imports within given packages.
Docstrings, comments and layout are left out, so that documentation can change without repeating any work. A
name imported from the ``__init__.py`` of a package leads to the module that defines it, not to all modules of
the package.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

_is_dotted_name = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+").fullmatch


@lru_cache(maxsize=64)
def code_digest(module: str, packages: tuple[str, ...]) -> str:
    """Return the SHA-256, in hexadecimal, of the code of a module and of the modules that it imports.

    Imports inside functions count too, and so do strings that name a module, as in tables of modules to
    import later. A module without Python source counts by its name alone.

    Args:
        module: full name of a module.
        packages: imports are followed to these packages and to everything below them; others, such as the
            standard library, are left out.

    Example:
        >>> where = ("auscult.spectrum",)
        >>> code_digest("auscult.spectrum.logmel", where) == code_digest("auscult.spectrum.windows", where)
        False
    """
    digests: dict[str, str] = {}
    pending = [module]
    while pending:
        name = pending.pop()
        if name not in digests and _is_within(name, packages):
            digests[name] = _tree_digest(name)
            pending += _imported_modules(name, packages)
    return _sha256(repr(sorted(digests.items())).encode())


@lru_cache(maxsize=16)
def source_digest(packages: tuple[str, ...]) -> str | None:
    """Return the SHA-256, in hexadecimal, of all source files of packages, comments and layout included.

    If it is equal, `code_digest` is equal too. It takes a hundredth of the time, since nothing is parsed.

    Args:
        packages: full names of packages or modules.

    Returns:
        The digest; ``None`` if one of the packages has no source file, as in frozen programs.
    """
    digests = []
    for package in packages:
        file = _source_file(package)
        if file is None:
            return None
        is_package = file.name == "__init__.py"
        for path in sorted(file.parent.rglob("*.py")) if is_package else [file]:
            digests.append((package, path.relative_to(file.parent).as_posix(), _sha256(path.read_bytes())))
    return _sha256(repr([digests, _sha256(Path(__file__).read_bytes())]).encode())


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _is_within(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


@lru_cache(maxsize=1024)
def _source_file(name: str) -> Path | None:
    """The Python source of a module; ``None`` if there is no such module or it has no source file.

    Nothing is imported: that would take seconds for modules that use PyTorch.
    """
    top, *path = name.split(".")
    try:
        spec = find_spec(top)
    except ValueError:  # ``__main__`` of a notebook
        return None
    folders = (spec and spec.submodule_search_locations) or ()
    files = [file for folder in folders for file in _candidates(Path(folder, *path))]
    if not path and spec and spec.origin:
        files.append(Path(spec.origin))
    return next((file for file in files if file.suffix == ".py" and file.is_file()), None)


def _candidates(path: Path) -> tuple[Path, Path]:
    return path.with_name(f"{path.name}.py"), path / "__init__.py"


@lru_cache(maxsize=1024)
def _syntax_tree(name: str) -> ast.Module:
    """The syntax tree of a module without docstrings; empty if it has no source file."""
    file = _source_file(name)
    tree = ast.parse(file.read_bytes() if file else b"")
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and (
            ast.get_docstring(node, clean=False) is not None
        ):
            del node.body[0]
    return tree


@lru_cache(maxsize=1024)
def _tree_digest(name: str) -> str:
    """Of the syntax tree without line numbers, so that layout does not matter."""
    return _sha256(ast.dump(_syntax_tree(name)).encode())


@lru_cache(maxsize=1024)
def _imported_modules(name: str, packages: tuple[str, ...]) -> tuple[str, ...]:
    """The modules within the packages that a module imports or names in a string, and some others."""
    return tuple(_references(name, packages))


def _references(name: str, packages: tuple[str, ...]) -> Iterator[str]:
    for node in ast.walk(_syntax_tree(name)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = _imported_from(node, name)
            if _is_within(source, packages) or any(package.startswith(f"{source}.") for package in packages):
                yield from (_defining_module(source, alias.name) for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_dotted_name(node.value):
            yield node.value


def _imported_from(node: ast.ImportFrom, importer: str) -> str:
    """The full name of the module between ``from`` and ``import``."""
    if not node.level:
        return node.module or ""
    file = _source_file(importer)
    is_package = file is not None and file.name == "__init__.py"
    parts = importer.split(".")
    parents = parts[: len(parts) - node.level + is_package]
    return ".".join([*parents, node.module] if node.module else parents)


def _defining_module(source: str, name: str) -> str:
    """The module that ``from source import name`` leads to: a submodule, or the module that defines it."""
    if _source_file(f"{source}.{name}"):
        return f"{source}.{name}"
    for node in _syntax_tree(source).body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if name == (alias.asname or alias.name):
                    return _defining_module(_imported_from(node, source), alias.name)
    return source
