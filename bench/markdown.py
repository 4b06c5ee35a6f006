"""Measured tables in the documentation: a script writes between its own two markers and nowhere else."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from auscult.evaluation import Table

DOCS = Path(__file__).parent.parent / "docs"


def write_section(document: str, name: str, text: str) -> None:
    """Replaces what stands between ``<!-- name -->`` and ``<!-- /name -->`` in a page of docs/.

    Raises:
        ValueError: the page has no such markers.
    """
    path = DOCS / document
    page = path.read_text()
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, found, rest = page.partition(start)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{path}: no markers {start} … {end}")
    path.write_text(f"{before}{start}\n\n{text.strip()}\n\n{end}{after}")


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table, names to the left and figures to the right."""
    return Table(tuple(header), tuple(map(tuple, rows))).to_markdown().strip()


def this_machine() -> str:
    """What a measured figure must name: processor, cores, system."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return f"{model}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
