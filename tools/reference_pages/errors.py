"""The exceptions from `auscult.errors`: which is a kind of which, what they mean, and their attributes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import auscult.errors
from auscult.errors import AuscultError
from tools.reference_pages.markdown import code, table


def error_list() -> str:
    """Return a table of the exceptions, in which each follows the one that it is a kind of."""
    rows = []
    for parent, kind in walk(AuscultError):
        text = (inspect.getdoc(kind) or "").split("\n\n")[0]
        rows.append((code(kind.__name__), code(parent), text, ", ".join(map(code, attributes(kind)))))
    return table(["exception", "is a kind of", "raised for", "attributes"], rows)


def walk(kind: type, parent: str = "Exception") -> Iterator[tuple[str, type]]:
    """Yield the public name above an exception class, the class, and then those derived from it.

    Private classes are skipped, and the order is that of the file.
    """
    private = kind.__name__.startswith("_")
    if not private:
        yield parent, kind
    classes = [c for c in vars(auscult.errors).values() if inspect.isclass(c) and c.__bases__[0] is kind]
    for derived in classes:
        yield from walk(derived, parent if private else kind.__name__)


def attributes(kind: type) -> list[str]:
    """Return the attributes that the constructors of a class and its bases set, and their properties."""
    names = []
    for base in kind.__mro__[::-1]:
        if base.__module__ == auscult.errors.__name__ and "__init__" in vars(base):
            names += re.findall(r"self\.(?!args)(\w+) =", inspect.getsource(vars(base)["__init__"]))
            names += [name for name, value in vars(base).items() if isinstance(value, property)]
    return names
