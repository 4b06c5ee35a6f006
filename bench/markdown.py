"""Measured tables in the documentation: a script writes only between its own two markers."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from auscult.evaluation import Table

DOCS = Path(__file__).parent.parent / "docs"


def write_section(document: str, name: str, text: str) -> None:
    """Replace the text between ``<!-- name -->`` and ``<!-- /name -->`` in a page of docs/.

    Raises:
        ValueError: the page does not contain the markers.
    """
    path = DOCS / document
    page = path.read_text()
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, opening, rest = page.partition(start)
    _, closing, after = rest.partition(end)
    if not opening or not closing:
        raise ValueError(f"{path}: markers {start} … {end} are missing")
    path.write_text(f"{before}{start}\n\n{text.strip()}\n\n{end}{after}")


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table, with names left-aligned and numbers right-aligned."""
    return Table(tuple(header), tuple(map(tuple, rows))).to_markdown().strip()


def this_machine() -> str:
    """Processor, cores, system and Python version, to be given with measured values."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return f"{model}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
