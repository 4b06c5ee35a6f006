"""What source files say about code, kept in the cache folder since parsing takes up to a second."""

from __future__ import annotations

import json
import platform
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from auscult.runtime.cache_folder import cache_folder
from auscult.runtime.code_digest import code_digest, installed_packages, local_modules, source_digest
from auscult.runtime.files import write_atomically


@dataclass(frozen=True)
class CodeFacts:
    """The code of a module and of what it imports.

    Attributes:
        code: its `code_digest`.
        source: `source_digest` of the packages and of ``local``; ``None`` if a file is missing.
        local: its `local_modules`.
        installed: its `installed_packages`.
    """

    code: str
    source: str | None
    local: tuple[str, ...]
    installed: tuple[str, ...]

    def is_current(self, packages: tuple[str, ...]) -> bool:
        """Whether no source file has changed; then the same modules are imported, too."""
        return self.source is not None and self.source == source_digest(packages, self.local)


@lru_cache(maxsize=64)
def code_facts(module: str, packages: tuple[str, ...]) -> CodeFacts:
    """Return the facts about a module, from the cache folder if the source files have not changed.

    Only the bytes of these files are read then, which takes some milliseconds.

    Args:
        module: full name of a module.
        packages: as in `code_digest`.
    """
    folder = cache_folder()
    python = ".".join(platform.python_version_tuple()[:2])  # another version has other syntax trees
    path = folder / "code" / f"{module}-{python}.json" if folder else None
    stored = _read(path) if path else None
    if stored and stored.is_current(packages):
        return stored
    local = local_modules(module, packages)
    facts = CodeFacts(
        code_digest(module, packages),
        source_digest(packages, local),
        local,
        installed_packages(module, packages),
    )
    if path:
        with suppress(OSError):  # a read-only folder
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, json.dumps(asdict(facts)).encode(), sync=False)
    return facts


def _read(path: Path) -> CodeFacts | None:
    """The facts in a file; ``None`` if there is none, or it is damaged or of another version of auscult."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        stored = json.loads(path.read_text())
        local, installed = (tuple(stored[name]) for name in ("local", "installed"))
        return CodeFacts(stored["code"], stored["source"], local, installed)
    return None
