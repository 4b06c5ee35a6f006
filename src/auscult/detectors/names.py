"""Names of detectors with a preset and settings, such as ``gamma_vae@report[latents=4,kl_weight=0]``.

Tables show these names as they are; files and folders have names without brackets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from auscult.detectors.options import parse_settings
from auscult.errors import OptionError

#: Most file systems have no longer names of files.
_LONGEST_FILE_NAME = 255


@dataclass(frozen=True)
class DetectorName:
    """The parts of a name.

    Attributes:
        detector: name of the detector.
        preset: name of a preset, or ``None``.
        settings: option names and values as text, in the order given.
    """

    detector: str
    preset: str | None = None
    settings: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, name: str) -> DetectorName:
        """Parse ``detector``, ``detector@preset``, or either followed by ``[key=value,…]``.

        A value may contain commas: only a comma before ``key=`` ends it.

        Raises:
            OptionError: the brackets do not match, contain something else, or a setting twice.
        """
        match = re.fullmatch(r"([^\[\]]*)(?:\[([^\[\]:]*)\])?", name.strip())
        if match is None:
            raise OptionError(
                f"invalid detector {name!r}: write NAME or NAME[KEY=VALUE,KEY=VALUE]; set a value with a "
                "colon or a bracket by `settings={'NAME.KEY': VALUE}`"
            )
        detector, _, preset = match[1].strip().partition("@")
        pairs = re.split(r",(?=\s*\w+\s*=)", match[2]) if match[2] else []
        settings = parse_settings(pairs)
        if len(settings) < len(pairs):
            raise OptionError(
                f"{name.strip()}: a setting is given twice in the brackets; leave one of them out"
            )
        return cls(detector, preset or None, tuple(settings.items()))

    def __str__(self) -> str:
        settings = ",".join(f"{key}={value}" for key, value in self.settings)
        return f"{self._base}[{settings}]" if settings else self._base

    @property
    def folder(self) -> str:
        """The name as a file name that is valid on all systems and needs no quotes: ``detector+key=value``.

        Raises:
            OptionError: it would be too long.
        """
        folder = "+".join([self._base, *(f"{key}={quote(value, safe='')}" for key, value in self.settings)])
        if len(folder) > _LONGEST_FILE_NAME:
            raise OptionError(
                f"{self}: too long for the name of a folder; set long values by "
                f"`settings={{'{self.detector}.KEY': VALUE}}` instead"
            )
        return folder

    @property
    def _base(self) -> str:
        return f"{self.detector}@{self.preset}" if self.preset else self.detector


def name_of_folder(folder: str) -> str:
    """Return the name whose `DetectorName.folder` this is."""
    base, *settings = folder.split("+")
    return f"{base}[{','.join(map(unquote, settings))}]" if settings else base


def split_names(text: str) -> list[str]:
    """Split names at commas outside of brackets: ``a[x=1,y=2], b`` into ``a[x=1,y=2]`` and ``b``."""
    names = re.split(r",(?![^\[\]]*\])", text)
    return [name.strip() for name in names if name.strip()]
