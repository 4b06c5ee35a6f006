"""Suggestions for names that do not exist: those that are spelled similarly."""

from __future__ import annotations

from collections.abc import Iterable


def similar_names(name: str, known: Iterable[str]) -> list[str]:
    """Return at most two known names that are spelled like ``name``, the most similar first."""
    from difflib import get_close_matches

    return get_close_matches(name.lower(), list(known), n=2)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `` (did you mean n_mels?)`` to follow a wrong name in a message; empty if none is similar.

    Examples:
        >>> f"no option 'n_mel'{did_you_mean('n_mel', ['n_mels', 'hop'])}"
        "no option 'n_mel' (did you mean n_mels?)"
    """
    similar = similar_names(name, known)
    return f" (did you mean {' or '.join(similar)}?)" if similar else ""
