"""Messages that differ only in numbers, as one message with the range of each number."""

from __future__ import annotations

import re
from collections.abc import Iterable

_NUMBER = re.compile(r"(?:(?<![\w.])-)?\d+(?:[.,]\d+)*(?:e[+-]?\d+)?")


class NumberRanges:
    """The messages of one kind: equal but for their numbers.

    Args:
        message: the first of them.
    """

    def __init__(self, message: str) -> None:
        self._parts = _NUMBER.split(message)  # what is between the numbers
        self._lowest = self._highest = _NUMBER.findall(message)  # as written

    def add(self, message: str) -> None:
        """Add another message of this kind."""
        numbers = _NUMBER.findall(message)
        self._lowest = [min(pair, key=_value) for pair in zip(self._lowest, numbers, strict=True)]
        self._highest = [max(pair, key=_value) for pair in zip(self._highest, numbers, strict=True)]

    def __str__(self) -> str:
        """The message, with ``2 to 56`` for a number that is not the same in all of them."""
        pairs = zip(self._lowest, self._highest, strict=True)
        numbers = [low if low == high else f"{low} to {high}" for low, high in pairs]
        return "".join(part + number for part, number in zip(self._parts, [*numbers, ""], strict=True))


def without_numbers(message: str) -> str:
    """Return a text that is equal for messages of one kind."""
    return _NUMBER.sub("#", message)


def with_ranges(messages: Iterable[str]) -> list[str]:
    """Return one message for each kind, in the order of the first ones."""
    kinds: dict[str, NumberRanges] = {}
    for message in messages:
        kinds.setdefault(without_numbers(message), NumberRanges(message)).add(message)
    return [str(kind) for kind in kinds.values()]


def _value(number: str) -> float:
    try:
        return float(number.replace(",", ""))
    except ValueError:  # such as a version or an address
        return 0.0
