"""Text as LaTeX that pdfLaTeX sets with its default encodings, OT1 fonts and UTF-8 input."""

from __future__ import annotations

import re
import unicodedata

_COMMANDS = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "<": "\\textless{}",
    ">": "\\textgreater{}",
    "|": "\\textbar{}",
    "±": "$\\pm$",
    "+": "$+$",
    "−": "$-$",
    "×": "$\\times$",
    "·": "$\\cdot$",
    "≤": "$\\leq$",
    "≥": "$\\geq$",
    "→": "$\\rightarrow$",
    "°": "$^\\circ$",
    "†": "$^\\dagger$",
    "–": "--",
    "—": "---",
    "…": "\\dots{}",
    "“": "``",
    "”": "''",
    "‘": "`",
    "’": "'",
    "\N{NO-BREAK SPACE}": "~",
}
#: A minus before a number, which LaTeX sets as a hyphen outside mathematics; hyphens within names stay.
_MINUS = re.compile(r"(?<![\w-])-(?=\d)")
#: A plus that is no sign of a number, as in names.
_OTHER_PLUS = re.compile(r"\+(?!\d)|(?<=\w)\+")
#: The last letter of Latin Extended-A. Packages are needed to set others.
_LAST_LETTER = "\u017f"


def latex_text(text: str) -> str:
    """Return text with special characters and symbols as commands, and signs of numbers as mathematics.

    Accented Latin letters stay as they are. Characters that UTF-8 input does not know are given by their code
    point, such as ``U+4E2D``, so that the document can be set.

    Example:
        >>> latex_text("fan_1: -0.5 ± 0.1 %")
        'fan\\\\_1: $-$0.5 $\\\\pm$ 0.1 \\\\%'
    """
    composed = unicodedata.normalize("NFC", _MINUS.sub("−", text))
    names = {match.start() for match in _OTHER_PLUS.finditer(composed)}
    return "".join(c if index in names else _character(c) for index, c in enumerate(composed))


def _character(character: str) -> str:
    if character in _COMMANDS:
        return _COMMANDS[character]
    if character.isascii() or (character <= _LAST_LETTER and character.isalpha()):
        return character
    return f"U+{ord(character):04X}"
