"""Detectors of other installed packages, which name them as entry points of the group ``auscult.detectors``.

A package adds the detector ``loudness`` by these lines in its ``pyproject.toml``::

    [project.entry-points."auscult.detectors"]
    loudness = "my_package.loudness:Loudness"

A plugin is imported when its detector is used. One that cannot be used has no effect on other detectors.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from auscult.detectors.base import Config, Detector
from auscult.errors import PluginError

GROUP = "auscult.detectors"


@dataclass(frozen=True)
class Plugin:
    """A detector of another package.

    Attributes:
        name: of the detector.
        distribution: name and version of the installed package, such as ``my-package 1.0``.
        entry_point: where the class is.
        conflict: why the name cannot be used; empty if it can.
    """

    name: str
    distribution: str
    entry_point: EntryPoint
    conflict: str = ""

    def load(self) -> type[Detector]:
        """Import the package and return the class of the detector.

        Raises:
            PluginError: the name is taken, the package cannot be imported, or what it names is no detector
                of this name.
        """
        if self.conflict:
            raise self._error(self.conflict)
        try:
            kind = self.entry_point.load()
        except (Exception, SystemExit) as error:  # a broken package may raise anything
            raise self._error(
                f"{self.entry_point.value} cannot be imported ({type(error).__name__}: {error})"
            ) from error
        if problem := definition_problem(kind):
            raise self._error(f"{self.entry_point.value} {problem}")
        if kind.name != self.name:
            raise self._error(f"its class {kind.__qualname__} has the name {kind.name!r}")
        return kind

    def _error(self, reason: str) -> PluginError:
        return PluginError(self.name, self.distribution, reason)


def definition_problem(kind: Any) -> str:
    """Return why something is no class of a detector that can be used; empty if it is one."""
    if not (isinstance(kind, type) and issubclass(kind, Detector)):
        return "is not a subclass of auscult.detectors.Detector"
    undefined = [name for name in ("name", "scores", "config_type") if not hasattr(kind, name)]
    if undefined := [*undefined, *sorted(kind.__abstractmethods__)]:
        return f"does not define {', '.join(undefined)}"
    if not (isinstance(kind.config_type, type) and issubclass(kind.config_type, Config)):
        return (
            f"has the config_type {kind.config_type!r}, which is not a subclass of auscult.detectors.Config"
        )
    return ""


def installed_plugins(built_in: Collection[str]) -> dict[str, Plugin]:
    """Return the plugins by name, those included that cannot be used, without importing them.

    Args:
        built_in: names of the detectors of auscult, which no plugin can have. A name that two packages give
            to a detector can be used for neither.
    """
    return _read_plugins(frozenset(built_in), tuple(sys.path))


@lru_cache(maxsize=4)
def _read_plugins(built_in: frozenset[str], path: tuple[str, ...]) -> dict[str, Plugin]:
    """As `installed_plugins`, cached for a ``path``, the folders where Python looks for packages."""
    points = sorted(entry_points(group=GROUP), key=lambda point: (point.name, _distribution(point)))
    counts = Counter(point.name for point in points)
    plugins: dict[str, Plugin] = {}
    for point in points:
        conflict = ""
        if point.name in built_in:
            conflict = "auscult has a detector of this name; the package has to choose another name"
        elif counts[point.name] > 1:
            owners = [_distribution(other) for other in points if other.name == point.name]
            conflict = f"several packages have a detector of this name: {', '.join(owners)}"
        plugins.setdefault(point.name, Plugin(point.name, _distribution(point), point, conflict))
    return plugins


def _distribution(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown package"
