"""HTML and SVG built from tags, so that text from outside is escaped wherever it lands."""

from __future__ import annotations

import base64
from html import escape

_VOID = {"br", "img", "meta", "link"}


class Markup(str):
    """Text that is markup already and goes in as it is; any other string is escaped."""

    __slots__ = ()


Child = str | None
Attribute = str | float | bool | None


def tag(name: str, /, *children: Child, **attributes: Attribute) -> Markup:
    """One element.

    Args:
        name: of the element.
        children: text, which is escaped, or `Markup`; ``None`` is left out.
        attributes: ``class_`` is class, ``aria_label`` aria-label; true stands bare, false and ``None``
            are left out.
    """
    parts = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        written = key.rstrip("_").replace("_", "-")
        parts.append(written if value is True else f'{written}="{escape(str(value))}"')
    opening = f"<{' '.join(parts)}>"
    return Markup(opening if name in _VOID else f"{opening}{join(*children)}</{name}>")


def join(*children: Child) -> Markup:
    """Children one after the other, those that are not markup escaped."""
    return Markup(
        "".join(c if isinstance(c, Markup) else escape(c, quote=False) for c in children if c is not None)
    )


def data_uri(data: bytes, media_type: str) -> str:
    """Bytes as a URI that carries them."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"
