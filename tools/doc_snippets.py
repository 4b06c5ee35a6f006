"""Finds and runs the examples of a page of the documentation.

    python -m tools.doc_snippets docs/start/first-model.md    # run in the working directory

The language of a fenced block says what is done with it:

- ``sh`` is run by bash, ``python`` is executed; all blocks of a page share one folder and the variables.
- A block with ``title="NAME"`` is a file of that name.
- ``text`` directly after a ``sh`` block is what it prints: every line of it must be in the output, apart from
  numbers, and ``…`` stands for lines that are left out.

``<!-- not run: reason -->`` before a block says why it is not run. ``<!-- before: commands -->`` are commands
that prepare the folder, for instance with recordings.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1] / "docs"
#: Languages of blocks that are only shown.
SHOWN = {"text", "json", "csv", "toml"}
_BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^>]*?) -->\n+)?(?P<indent> *)```(?P<language>\w*)"
    r"(?: title=\"(?P<title>[^\"]+)\")?\n(?P<code>.*?)^(?P=indent)```$"
    r"|^<!-- before: (?P<before>.*?)\s-->$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Snippet:
    """A fenced block.

    Attributes:
        language: of the block; empty if none is given.
        code: its content.
        line: of its beginning in the page.
        title: name of the file that it shows; empty: none.
        reason: why it is not run; empty: it is run.
        follows: whether there is nothing between it and the block before.
    """

    language: str
    code: str
    line: int
    title: str = ""
    reason: str = ""
    follows: bool = False

    @property
    def runs(self) -> bool:
        """Whether it is an example that is run."""
        return self.language in ("sh", "python") and not self.reason


def snippets(page: Path) -> list[Snippet]:
    """Return the blocks of a page in their order, with the commands before them as blocks."""
    text, blocks, end = page.read_text(encoding="utf-8"), [], 0
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        follows, end = not text[end : match.start()].strip(), match.end()
        if match["before"]:
            blocks.append(Snippet("before", match["before"], line))
            continue
        code = re.sub(rf"^{match['indent']}", "", match["code"], flags=re.MULTILINE)
        title, reason = match["title"] or "", match["reason"] or ""
        blocks.append(Snippet(match["language"], code, line, title, reason, follows))
    return blocks


def run_page(page: Path, folder: Path) -> None:
    """Run the examples of a page in a folder, which must be the working directory."""
    variables: dict[str, Any] = {"__name__": "__main__"}
    sys.path.insert(0, str(folder))  # for files of the page
    output: str | None = None
    for snippet in snippets(page):
        where = f"{page.name}, line {snippet.line}"
        if snippet.title and not snippet.reason:
            (folder / snippet.title).parent.mkdir(parents=True, exist_ok=True)
            (folder / snippet.title).write_text(snippet.code, encoding="utf-8")
        elif snippet.language == "text" and snippet.follows and output is not None:
            for line in filter(None, map(shape, snippet.code.splitlines())):
                assert line in shape(output), f"{where}: not in the output: {line}\n{output}"
        elif snippet.language == "before" or (snippet.language == "sh" and snippet.runs):
            output = run_shell(snippet.code, folder, where)
            continue
        elif snippet.runs:
            exec(compile("\n" * snippet.line + snippet.code, str(page), "exec"), variables)
        output = None


def run_shell(code: str, folder: Path, where: str) -> str:
    """Run commands by bash and return what they print, errors and warnings included."""
    prelude = f'''
auscult() {{ "{sys.executable}" -m auscult "$@"; }}
python() {{ "{sys.executable}" "$@"; }}
set -euo pipefail
'''
    done = subprocess.run(
        ["bash", "-c", prelude + code],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    assert done.returncode == 0, f"{where}: exit code {done.returncode}\n{code}\n{done.stdout}"
    return done.stdout


def shape(text: str) -> str:
    """Return a text without numbers, spaces and lines, of which widths and values differ between machines."""
    return re.sub(r"[\s─–]+", " ", re.sub(r"[-−+]?\d[\d.,]*", "#", text.replace("…", ""))).strip()


if __name__ == "__main__":
    run_page(DOCS.parent / sys.argv[1], Path.cwd())
