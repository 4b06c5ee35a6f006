"""Findings: what the user should know about recordings, a model, a score or an evaluation.

A finding has a kind, by which programs recognise it, and a message for people. Functions of the Python API
return findings with their results, and issue them as `AuscultWarning` with the same attributes.
"""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Any

from auscult.errors import AuscultWarning

#: Starts of the strings that version 0.1.0 stored in place of findings, for kinds that programs look for.
_KINDS_OF_0_1_0 = {
    "training has not converged": "not_converged",
    "test clips among the recordings taken in": "test_clips",
}
_PACKAGE = os.path.join(os.path.dirname(__file__), "")


@dataclass(frozen=True)
class Finding:
    """Something that the user should know about recordings, a model, a score or an evaluation.

    Attributes:
        kind: a fixed identifier, for programs, such as ``"clipping"``.
        message: the problem and what to do about it, for people.
        paths: the affected recordings; empty if all are, or if the problem is not about recordings.
    """

    kind: str
    message: str
    paths: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return JSON-compatible data.

        Example:
            >>> import auscult
            >>> auscult.Finding("clipping", "1 recording is clipped", ("a.wav",)).to_json()
            {'kind': 'clipping', 'message': '1 recording is clipped', 'paths': ['a.wav']}
        """
        return {"kind": self.kind, "message": self.message, "paths": list(self.paths)}


def findings_from_json(entries: Iterable[str | Mapping[str, Any]]) -> tuple[Finding, ...]:
    """Return findings from the data of `Finding.to_json`; strings are messages of version 0.1.0."""
    return tuple(
        Finding(_kind_of_message(entry), entry)
        if isinstance(entry, str)
        else Finding(entry["kind"], entry["message"], tuple(entry["paths"]))
        for entry in entries
    )


def findings_to_json(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Return findings as JSON-compatible data."""
    return [finding.to_json() for finding in findings]


def messages(findings: Iterable[Finding]) -> list[str]:
    """Return the messages of findings."""
    return [finding.message for finding in findings]


def issue_warnings(findings: Iterable[Finding]) -> None:
    """Issue a Python warning for each finding, at the line outside of auscult that called it."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and _is_internal(frame):
        level, frame = level + 1, frame.f_back
    for finding in findings:
        warning = AuscultWarning(finding.message, finding.kind, finding.paths)
        warnings.warn(warning, stacklevel=level)


def _is_internal(frame: FrameType) -> bool:
    """Whether code belongs to auscult, or to a context manager that wraps one of its functions."""
    file = frame.f_code.co_filename
    return file.startswith(_PACKAGE) or file == contextlib.__file__


def _kind_of_message(message: str) -> str:
    return next((kind for start, kind in _KINDS_OF_0_1_0.items() if message.startswith(start)), "other")
