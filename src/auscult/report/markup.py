"""Builds HTML and SVG elements; text that is not `Markup` is always escaped."""

from __future__ import annotations

import base64
from html import escape

_VOID = {"br", "img", "meta", "link"}


class Markup(str):
    """A string of HTML or SVG that is inserted unchanged; other strings are escaped."""

    __slots__ = ()


Child = str | None
Attribute = str | float | bool | None


def tag(name: str, /, *children: Child, **attributes: Attribute) -> Markup:
    """Return one element.

    Args:
        name: the name of the element.
        children: text, which is escaped, or `Markup`; ``None`` is left out.
        attributes: ``class_`` is written as ``class``, ``aria_label`` as ``aria-label``. True writes the name
            alone; false and ``None`` are left out.
    """
    parts = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        attribute = key.rstrip("_").replace("_", "-")
        parts.append(attribute if value is True else f'{attribute}="{escape(str(value))}"')
    opening = f"<{' '.join(parts)}>"
    return Markup(opening if name in _VOID else f"{opening}{join(*children)}</{name}>")


def join(*children: Child) -> Markup:
    """Concatenate children; text is escaped, and ``None`` is left out."""
    return Markup(
        "".join(c if isinstance(c, Markup) else escape(c, quote=False) for c in children if c is not None)
    )


def data_uri(data: bytes, media_type: str) -> str:
    """Return a ``data:`` URI that contains the bytes."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"
