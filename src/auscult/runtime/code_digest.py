"""Digest of code, by which results that older code computed are recognised as out of date.

The digest covers the syntax trees of a module and of what it imports, directly or through other modules: all
modules within given packages, and all local ones. Local are those whose file is neither in the standard
library nor in ``site-packages`` or ``dist-packages``: scripts next to each other, folders on ``PYTHONPATH``,
editable installations. Installed packages are identified by their version instead.

Docstrings, comments and layout are left out, so that documentation can change without repeating any work. A
name imported from the ``__init__.py`` of a package leads to the module that defines it, not to all modules of
the package.
"""

from __future__ import annotations

import ast
import hashlib
import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path
from typing import Literal, TypeGuard

_is_dotted_name = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+").fullmatch


#: Names of the folders of installed packages.
_INSTALLED = {"site-packages", "dist-packages"}


@lru_cache(maxsize=64)
def code_digest(module: str, packages: tuple[str, ...]) -> str:
    """Return the SHA-256, in hexadecimal, of the code of a module and of the modules that it imports.

    Imports inside functions count too, and so do strings that name a module of the packages, as in tables of
    modules to import later. A module without Python source counts by its name alone.

    Args:
        module: full name of a module.
        packages: imports are followed to these packages and to everything below them, and to local modules;
            other modules of auscult, installed packages and the standard library are left out.

    Example:
        >>> where = ("auscult.spectrum",)
        >>> code_digest("auscult.spectrum.logmel", where) == code_digest("auscult.spectrum.windows", where)
        False
    """
    return _sha256(repr([(name, _tree_digest(name)) for name in _reached(module, packages)]).encode())


def local_modules(module: str, packages: tuple[str, ...]) -> tuple[str, ...]:
    """Return the modules in `code_digest` that are local and in none of the packages, sorted."""
    return tuple(name for name in _reached(module, packages) if not _is_within(name, packages))


def installed_packages(module: str, packages: tuple[str, ...]) -> tuple[str, ...]:
    """Return the installed packages that `code_digest` touches outside of auscult, sorted.

    They are the packages of its modules, and those that these import.
    """
    others = [name for name in _reached(module, packages) if _top(name) != _top(__name__)]
    names = {_top(name) for other in others for name in (other, *_imported_modules(other, packages))}
    return tuple(sorted(name for name in names - {_top(__name__)} if _location(name) == "installed"))


@lru_cache(maxsize=16)
def source_digest(packages: tuple[str, ...], modules: tuple[str, ...] = ()) -> str | None:
    """Return the SHA-256, in hexadecimal, of complete source files, comments and layout included.

    If it is equal for the packages and the `local_modules` of a module, `code_digest` is equal too. It takes
    a hundredth of the time, since nothing is parsed.

    Args:
        packages: full names of packages or modules; all files below them count.
        modules: full names of single modules.

    Returns:
        The digest; ``None`` if one of them has no source file, as in frozen programs.
    """
    digests = []
    for name in (*packages, *modules):
        file = _source_file(name)
        if file is None:
            return None
        is_package = file.name == "__init__.py" and name in packages
        for path in sorted(file.parent.rglob("*.py")) if is_package else [file]:
            digests.append((name, path.relative_to(file.parent).as_posix(), _sha256(path.read_bytes())))
    return _sha256(repr([digests, _sha256(Path(__file__).read_bytes())]).encode())


@lru_cache(maxsize=64)
def _reached(module: str, packages: tuple[str, ...]) -> tuple[str, ...]:
    """The module and the modules to which imports are followed from it, sorted."""
    reached: set[str] = set()
    pending = [module]
    while pending:
        name = pending.pop()
        if name not in reached and (_is_within(name, packages) or _is_local(name)):
            reached.add(name)
            pending += _imported_modules(name, packages)
    return tuple(sorted(reached))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _is_within(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _top(name: str) -> str:
    return name.partition(".")[0]


def _leads_into(source: str, packages: tuple[str, ...]) -> bool:
    """Whether ``from source import …`` can import modules within the packages."""
    return _is_within(source, packages) or any(package.startswith(f"{source}.") for package in packages)


def _is_local(name: str) -> bool:
    """Whether a module is local and has a source file; modules of auscult never count as local."""
    top = _top(name)
    return top != _top(__name__) and _location(top) == "local" and _source_file(name) is not None


@lru_cache(maxsize=1024)
def _location(top: str) -> Literal["python", "installed", "local"]:
    """Where a top-level module is: in the standard library, with the installed packages, or elsewhere."""
    if top in sys.stdlib_module_names:
        return "python"
    spec = _find(top)
    folders = [] if spec is None else [*(spec.submodule_search_locations or ()), spec.origin or ""]
    return "installed" if any(_INSTALLED.intersection(Path(folder).parts) for folder in folders) else "local"


def _find(top: str) -> ModuleSpec | None:
    """Find a top-level module without importing it."""
    try:
        return find_spec(top)
    except ValueError:  # ``__main__`` of a notebook
        return None


@lru_cache(maxsize=1024)
def _source_file(name: str) -> Path | None:
    """The Python source of a module; ``None`` if there is no such module or it has no source file.

    Nothing is imported: that would take seconds for modules that use PyTorch.
    """
    top, *path = name.split(".")
    spec = _find(top)
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
    """The modules that a module imports, and those within the packages that it names in a string."""
    return tuple(_references(name, packages))


def _references(name: str, packages: tuple[str, ...]) -> Iterator[str]:
    for node in ast.walk(_syntax_tree(name)):
        if isinstance(node, ast.Import):
            for alias in node.names:  # ``import a.b`` runs ``a`` too
                yield from accumulate(alias.name.split("."), "{}.{}".format)
        elif isinstance(node, ast.ImportFrom):
            source = _imported_from(node, name)
            followed = _leads_into(source, packages) or _location(_top(source)) == "local"
            names = [alias.name for alias in node.names]
            yield from (_defining_module(source, alias) for alias in names) if followed else [source]
        elif isinstance(node, ast.Constant) and _is_module_within(node.value, packages):
            yield node.value


def _is_module_within(value: object, packages: tuple[str, ...]) -> TypeGuard[str]:
    return isinstance(value, str) and bool(_is_dotted_name(value)) and _is_within(value, packages)


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
