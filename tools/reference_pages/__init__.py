"""The parts of the reference that are generated from the code when the documentation is built.

A page asks for one by a comment, ``<!-- generate: command fit -->``; `fill` replaces it. The results are
never committed, so that they cannot differ from the code.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tools.reference_pages.commands import command, command_list
from tools.reference_pages.detectors import common_options, detector, detector_list
from tools.reference_pages.errors import error_tree

MARKER = re.compile(r"^<!-- generate: ([\w-]+)(?: ([\w ]+))? -->$", re.MULTILINE)
#: What can be generated: with an argument, and without.
WITH_NAME: dict[str, Callable[[str], str]] = {"command": command, "detector": detector}
WITHOUT_NAME: dict[str, Callable[[], str]] = {
    "commands": command_list,
    "detectors": detector_list,
    "common-options": common_options,
    "errors": error_tree,
}


def fill(markdown: str) -> str:
    """Replace every marker in a page.

    Raises:
        KeyError: nothing of that name can be generated.
    """
    return MARKER.sub(lambda m: WITH_NAME[m[1]](m[2]) if m[2] else WITHOUT_NAME[m[1]](), markdown)
