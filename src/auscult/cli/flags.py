"""Translates the Python options that messages of the library name into those of the command line.

Messages of the library name an option in backticks, as it is written in Python: ``window=2.5``. Here such a
part becomes the option of the command: ``--window 2.5``. Options that have no entry below are those of a
detector, which the command line takes by ``--set``.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from auscult.findings import Finding

_CODE = re.compile(r"`([^`]+)`")


def with_flags(message: str) -> str:
    """Return a message that names the options of the command line instead of those of Python.

    A part in backticks that is no option stays as it is.
    """
    return _CODE.sub(lambda match: _flag(match[1]) or match[0], message)


def messages_with_flags(findings: Iterable[Finding]) -> list[str]:
    """Return the messages of findings, with options as on the command line."""
    return [with_flags(finding.message) for finding in findings]


def _flag(code: str) -> str | None:
    """The option of the command line for an option, or a call, in Python; ``None`` if it is neither."""
    try:
        node = ast.parse(f"f({code})", mode="eval").body
        match node:
            case ast.Call(args=[], keywords=[_, *_] as keywords):
                return _options(keywords)
            case ast.Call(args=[ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) as call]):
                return _CALLS[name](call) if name in _CALLS else None
    except (SyntaxError, ValueError, TypeError, LookupError, AttributeError):
        pass  # such as the name of a file
    return None


def _options(keywords: Sequence[ast.keyword]) -> str:
    if any(keyword.arg is None for keyword in keywords):
        raise ValueError("`**options` names none")
    return " ".join(_option(keyword.arg or "", keyword.value) for keyword in keywords)


def _option(name: str, value: ast.expr) -> str:
    """The option for a keyword argument, such as ``window=2.5`` or ``tables=TableSettings(rate=HZ)``."""
    if isinstance(value, ast.Call):
        return _options(value.keywords)
    plain = _plain(value)
    return _OPTIONS[name](plain) if name in _OPTIONS else f"--set {name}={_text(plain)}"


def _plain(value: ast.expr) -> Any:
    """The value of an expression; a placeholder such as ``SECONDS`` is its name."""
    match value:
        case ast.Name(id=name):
            return name
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return [_plain(element) for element in elements]
        case ast.Dict(keys=keys, values=values):
            return {_plain(k): _plain(v) for k, v in zip(keys, values, strict=True) if k is not None}
        case _:
            return ast.literal_eval(value)


def _text(value: Any) -> str:
    """A value as it is written on the command line, in quotes where the shell needs them."""
    parts = value if isinstance(value, list) else [value]
    return shlex.quote(",".join(f"{part:g}" if isinstance(part, float) else str(part) for part in parts))


def _valued(flag: str) -> Callable[[Any], str]:
    return lambda value: f"{flag} {_text(value)}"


def _pairs(flag: str) -> Callable[[Any], str]:
    """An option that is given once for each entry of a dictionary: ``--condition PATTERN=anomaly``."""
    return lambda value: " ".join(f"{flag} {shlex.quote(f'{key}={of_key}')}" for key, of_key in value.items())


def _repeated(flag: str) -> Callable[[Any], str]:
    """An option that is given once for each entry of a list."""
    return lambda value: " ".join(
        f"{flag} {_text(part)}" for part in (value if isinstance(value, list) else [value])
    )


def _percent(value: Any) -> str:
    return f"--false-alarms {value if isinstance(value, str) else f'{100 * value:g}%'}"


#: Python option to the option of the command line.
_OPTIONS: dict[str, Callable[[Any], str]] = {
    "accept": lambda _: "--accept",
    "calibrate": _valued("--calibrate"),
    "channel": _valued("--channel"),
    "columns": _repeated("--column"),
    "conditions": _pairs("--condition"),
    "every": _valued("--every"),
    "false_alarms": _percent,
    "group_by": _valued("--group-by"),
    "group_likely_segments": lambda _: "--group-by none",
    "new_token": lambda _: "--new-token",
    "rate": _valued("--rate"),
    "replace": lambda _: "--replace",
    "scale": _valued("--scale"),
    "score_folders": _pairs("--scores"),
    "seeds": _valued("--seeds"),
    "settings": _pairs("--set"),
    "systems": _valued("--systems"),
    "window": _valued("--window"),
}
#: Name of a function to the command or option that does the same.
_CALLS: dict[str, Callable[[ast.Call], str]] = {
    "TableSettings": lambda call: _options(call.keywords),
    "fit_machines": lambda _: "-o FOLDER/",
    "windows": lambda call: f"auscult score --window {_text(_plain(call.args[1]))}",
}
