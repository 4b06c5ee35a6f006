"""Checks that code and documentation use ordinary technical English; part of ``make lint``.

    python tools/check_language.py [FILE_OR_FOLDER ...]

Some words made the code of version 0.1.0 hard to read, since they stood for many different things. They must
not be used as identifiers or as parts of identifiers (``told_by``), and others must not be used in comments,
docstrings, messages or documentation pages. Prints every violation and exits with code 1 if there are any.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

#: What to write instead depends on the meaning: a result, a warning, a training set, a mask, a total, …
IDENTIFIERS = {"told", "heard", "found", "its", "odd", "whole", "said"}
#: Patterns of words, and what to write instead.
WORDS = {
    r"told": "reported, given, passed, shown",
    r"heard": "read, seen in training, fitted on",
    r"learnt": "fitted, trained, estimated",
    r"odd(?:ness|est)": "anomaly, anomalous, deviation",
    r"reckon(?:s|ed|ing)?": "compute, computed",
    r"anew": "again",
    r"whoever": "the caller, the user",
    r"foretell": "predict",
}
#: These files quote the words.
EXEMPT = {"check_language.py", "test_language.py"}
DEFAULT_PATHS = ("src", "bench", "tests", "tools", "docs", "README.md", "pyproject.toml", "Makefile")

_TEXT = re.compile(r"\b(" + "|".join(WORDS) + r")\b", re.IGNORECASE)


def identifiers(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of every variable, argument, attribute, function, class and imported alias."""
    for node in ast.walk(tree):
        names: list[str | None] = []
        if isinstance(node, ast.Name):
            names = [node.id]
        elif isinstance(node, ast.Attribute):
            names = [node.attr]
        elif isinstance(node, ast.arg | ast.keyword):
            names = [node.arg]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ExceptHandler):
            names = [node.name]
        elif isinstance(node, ast.ClassDef):
            names = [re.sub(r"(?<=[a-z])(?=[A-Z])", "_", node.name)]
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.asname for alias in node.names]
        yield from ((node.lineno, name) for name in names if name)  # type: ignore[attr-defined]


def texts(source: str, tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and text of every comment and string, line by line."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for offset, line in enumerate(node.value.split("\n")):
                yield node.lineno + offset, line


def problems(path: Path) -> Iterator[str]:
    """Every violation in a file, with its line and a suggestion."""
    source = path.read_text(encoding="utf-8")
    lines = list(enumerate(source.split("\n"), start=1))
    if path.suffix == ".py":
        tree = ast.parse(source)
        for line, name in identifiers(tree):
            if banned := IDENTIFIERS & set(name.lower().split("_")):
                yield f"{path}:{line}: identifier {name!r}: {', '.join(sorted(banned))} says too little"
        lines = list(texts(source, tree))
    for line, text in lines:
        for match in _TEXT.finditer(text):
            pattern = next(word for word in WORDS if re.fullmatch(word, match[0], re.IGNORECASE))
            yield f"{path}:{line}: {match[0]!r}: write for instance {WORDS[pattern]}"


def files(paths: list[str]) -> Iterator[Path]:
    """The files to check: the Python and Markdown files of a folder."""
    for path in map(Path, paths):
        inside = [file for file in sorted(path.rglob("*")) if file.suffix in {".py", ".md"}]
        yield from (
            file for file in inside or [path] if file.name not in {"check_language.py", "test_language.py"}
        )


def main() -> int:
    every = [problem for file in files(sys.argv[1:] or list(DEFAULT_PATHS)) for problem in problems(file)]
    print("\n".join(every), end="\n" if every else "")
    return 1 if every else 0


if __name__ == "__main__":
    sys.exit(main())
