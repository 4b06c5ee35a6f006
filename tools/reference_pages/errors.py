"""The exceptions from `auscult.errors`: which is a kind of which, what they mean, and their attributes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import auscult.errors
from auscult.errors import AuscultError
from tools.reference_pages.markdown import code, table


def error_tree() -> str:
    """Return a table of the exceptions, indented by inheritance."""
    rows = []
    for depth, kind in walk(AuscultError):
        text = (inspect.getdoc(kind) or "").split("\n\n")[0]
        rows.append(("&emsp;" * depth + code(kind.__name__), text, ", ".join(map(code, attributes(kind)))))
    return table(["exception", "raised for", "attributes"], rows)


def walk(kind: type, depth: int = 0) -> Iterator[tuple[int, type]]:
    """Yield an exception class and those derived from it, without private ones, in the order of the file."""
    private = kind.__name__.startswith("_")
    if not private:
        yield depth, kind
    classes = [c for c in vars(auscult.errors).values() if inspect.isclass(c) and c.__bases__[0] is kind]
    for derived in classes:
        yield from walk(derived, depth if private else depth + 1)


def attributes(kind: type) -> list[str]:
    """Return the attributes that the constructors of a class and its bases set, and their properties."""
    names = []
    for base in kind.__mro__[::-1]:
        if base.__module__ == auscult.errors.__name__ and "__init__" in vars(base):
            names += re.findall(r"self\.(?!args)(\w+) =", inspect.getsource(vars(base)["__init__"]))
            names += [name for name, value in vars(base).items() if isinstance(value, property)]
    return names
