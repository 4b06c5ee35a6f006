"""Every example of the pages for users runs as it is printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from tools.doc_snippets import DOCS, SHOWN, shape, snippets

ROOT = DOCS.parent
PAGES = {
    str(page.relative_to(ROOT)): page
    for page in [*sorted(DOCS.glob("start/*.md")), *sorted(DOCS.glob("how-to/*.md")), ROOT / "README.md"]
}
#: Pages whose examples take no longer than ten seconds.
QUICK = {f"docs/{name}.md" for name in ("start/install", "how-to/encoders", "how-to/export-an-encoder")}
#: Page to the number of its examples that are not run; their reasons are in the pages.
NOT_RUN = {
    "README.md": 2,
    "docs/start/install.md": 2,
    "docs/how-to/dcase.md": 2,
    "docs/how-to/encoders.md": 1,
    "docs/how-to/export-an-encoder.md": 10,
    "docs/how-to/many-machines.md": 1,
    "docs/how-to/monitor.md": 2,
    "docs/how-to/own-detector.md": 2,
    "docs/how-to/thresholds.md": 1,
    "docs/how-to/vibration.md": 4,
    "docs/how-to/watch.md": 1,
}
WITH_EXAMPLES = [name for name, page in PAGES.items() if any(s.runs for s in snippets(page))]
MARKED = [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in WITH_EXAMPLES]


def environment() -> dict[str, str]:
    """Variables of a process that runs a page with this code."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    return {**os.environ, "PYTHONPATH": path, "MPLBACKEND": "Agg"}


@pytest.mark.parametrize("name", MARKED)
def test_the_examples_of_a_page_run(name, tmp_path):
    command = [sys.executable, "-m", "tools.doc_snippets", name]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("name", PAGES)
def test_every_block_has_a_language(name):
    for snippet in snippets(PAGES[name]):
        assert snippet.language in {"sh", "python", "before", *SHOWN}, f"{name}, line {snippet.line}"


def test_what_is_not_run_has_a_reason_and_is_counted():
    counts = {}
    for name, page in PAGES.items():
        text = page.read_text(encoding="utf-8")
        left_out = [s for s in snippets(page) if s.reason]
        assert len(left_out) == len(re.findall("<!-- not run", text)), f"{name}: a comment without a block"
        assert all(len(s.reason) > 10 for s in left_out)
        if left_out:
            counts[name] = len(left_out)
    assert counts == NOT_RUN


def test_a_wrong_example_is_reported(tmp_path):
    page = tmp_path / "page.md"
    outcomes = {
        "```sh\nfalse\n```\n": "exit code 1",
        "```sh\necho 1 clip\n```\n\n```text\n2 clips\n```\n": "not in the output: # clips",
        "```python\nraise ValueError('wrong')\n```\n": "wrong",
        "```sh\necho 1 clip\n```\n\n```text\n 7  clip\n…\n```\n": "",
        "<!-- not run: it cannot work -->\n```sh\nfalse\n```\n": "",
        '```python title="a.py"\nx = 1\n```\n\n```python\nimport a\n\nassert a.x == 1\n```\n': "",
    }
    for text, problem in outcomes.items():
        page.write_text(text)
        command = [sys.executable, "-m", "tools.doc_snippets", page]
        done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True)
        assert (done.returncode == 0) == (not problem), done.stderr
        assert problem in done.stderr


def test_numbers_and_widths_do_not_count():
    assert shape("AUC   90.67 [77.3, 96.5] −1.5 %…") == shape("AUC 8 [1, 2] 3 %")
    assert shape("normal") != shape("anomaly")
