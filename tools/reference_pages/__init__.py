"""The parts of the reference that are generated from the code when the documentation is built.

A page asks for one by a comment, ``<!-- generate: command fit -->``; `fill` replaces it. The results are
never committed, so that they cannot differ from the code.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from auscult.cli.commands import LazyGroup
from auscult.detectors import DETECTORS
from tools.reference_pages.commands import command, command_list, walk
from tools.reference_pages.detectors import common_options, detector, detector_list
from tools.reference_pages.errors import error_list
from tools.reference_pages.names import other_names

MARKER = re.compile(r"^<!-- generate: ([\w-]+)(?: ([\w ]+))? -->$", re.MULTILINE)
#: What can be generated: with an argument, and without.
WITH_NAME: dict[str, Callable[[str], str]] = {"command": command, "detector": detector}
WITHOUT_NAME: dict[str, Callable[[], str]] = {
    "commands": command_list,
    "detectors": detector_list,
    "common-options": common_options,
    "errors": error_list,
    "other-names": other_names,
}


def fill(markdown: str) -> str:
    """Replace every marker in a page.

    Raises:
        KeyError: nothing of that name can be generated.
    """
    return MARKER.sub(lambda m: WITH_NAME[m[1]](m[2]) if m[2] else WITHOUT_NAME[m[1]](), markdown)


def pages(folder: str) -> dict[str, str]:
    """Return the pages of all commands or detectors: path to the content, unless one is written by hand.

    Args:
        folder: ``reference/cli`` or ``reference/detectors``.
    """
    contents: dict[str, str] = {}
    if folder == "reference/detectors":
        for name in DETECTORS:
            contents[f"{folder}/{name}.md"] = f"# {name}\n\n<!-- generate: detector {name} -->\n"
        return contents
    for name, described in walk():
        path = f"{folder}/{name.split()[0]}.md"  # those of a group share a page
        text = f"{'##' if path in contents else '#'} auscult {name}\n\n{described.help}\n\n"
        marker = "" if isinstance(described, LazyGroup) else f"<!-- generate: command {name} -->\n\n"
        contents[path] = contents.get(path, "") + text + marker
    return contents
