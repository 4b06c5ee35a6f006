"""Text that can be printed and drawn, whatever a file is called."""

from __future__ import annotations

import re

#: Control characters and invisible formatting characters, as they may occur in file names.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)


def printable(text: str) -> str:
    """A line of text with control characters and invalid bytes, as in file names, as backslash escapes."""
    return _UNPRINTABLE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    if "\udc80" <= match[0] <= "\udcff":  # a byte of a file name that is not valid UTF-8
        return f"\\x{ord(match[0]) - 0xDC00:02x}"
    return match[0].encode("unicode_escape", errors="surrogatepass").decode("ascii")
