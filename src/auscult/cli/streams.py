"""Standard streams that can print every text, whatever their encoding."""

from __future__ import annotations

import codecs
import os
import sys

#: Plain characters for those that an encoding may lack; others become backslash escapes.
_PLAIN = str.maketrans(
    {
        **dict.fromkeys("─–—−", "-"),
        **dict.fromkeys("“”„", '"'),
        **{"…": "...", "·": "|", "×": "x", "±": "+-", "≥": ">=", "≤": "<=", "→": "->", "µ": "u", "²": "^2"},
        **{"█": "#", "•": "*", "’": "'", "\xa0": " ", "\ufeff": ""},
    }
)
_ERRORS = "auscult_plain"
_ASCII = "auscult_ascii"


def use_plain_characters() -> None:
    """Let standard output and standard error replace characters that their encoding lacks by plain ones.

    A stream that was closed by the caller discards what is written to it.
    """
    codecs.register_error(_ERRORS, _replace)
    codecs.register(_search)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - until the end
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # click takes a stream named "ascii" for misconfigured, and writes UTF-8 to it.
            is_ascii = codecs.lookup(stream.encoding or "ascii").name == "ascii"
            stream.reconfigure(encoding=_ASCII if is_ascii else stream.encoding, errors=_ERRORS)


def _replace(error: UnicodeError) -> tuple[str | bytes, int]:
    assert isinstance(error, UnicodeEncodeError)
    plain = error.object[error.start : error.end].translate(_PLAIN)
    return plain.encode("ascii", errors="backslashreplace").decode("ascii"), error.end


def _search(name: str) -> codecs.CodecInfo | None:
    """ASCII under another name."""
    if name != _ASCII:
        return None
    ascii = codecs.lookup("ascii")
    return codecs.CodecInfo(
        ascii.encode,
        ascii.decode,
        streamreader=ascii.streamreader,
        streamwriter=ascii.streamwriter,
        incrementalencoder=ascii.incrementalencoder,
        incrementaldecoder=ascii.incrementaldecoder,
        name=_ASCII,
    )
