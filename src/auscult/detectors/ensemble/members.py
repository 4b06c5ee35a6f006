"""Who may take part in `auto`: a detector, its settings, and which of its scores counts.

Two resolutions in time stand side by side: the usual frames of 64 ms hear a tone that moved by a band, and
frames of 16 ms hear single blows, which the long ones average away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import Any

from auscult.detectors import detector_type
from auscult.detectors.base import Config
from auscult.detectors.options import make_config
from auscult.errors import OptionError
from auscult.spectrum import FrontEnd

#: Length of a short frame and the step from one to the next, seconds; bands of a short frame.
SHORT_FRAME, SHORT_HOP, SHORT_BANDS = 0.016, 0.004, 32


@dataclass(frozen=True)
class Member:
    """One voice of the ensemble.

    Attributes:
        detector: a name from the table of detectors.
        score: the one of its scores that counts.
        settings: options other than the detector's own defaults.
        short_frames: hears frames of 16 ms instead of the front end's.
    """

    detector: str
    score: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    short_frames: bool = False

    def config(self, seed: int, front_end: FrontEnd, **more: Any) -> Config:
        """The detector's configuration at the front end's sample rate, with ``more`` of its options set."""
        if self.short_frames:
            front_end = short_frames(front_end)
        settings = {**self.settings, **more, "score": self.score, "seed": seed}
        return replace(make_config(self.detector, settings=settings), front_end=front_end)

    @property
    def trains(self) -> bool:
        """Whether it is a network, which takes minutes and needs PyTorch."""
        return bool(detector_type(self.detector).extra)


def short_frames(front_end: FrontEnd) -> FrontEnd:
    """The front end of short frames for the same sample rate."""
    half = max(1, round(front_end.sample_rate * SHORT_FRAME / 2))
    hop = min(max(1, round(front_end.sample_rate * SHORT_HOP)), 2 * half)
    return replace(front_end, n_fft=2 * half, hop=hop, n_mels=min(SHORT_BANDS, front_end.n_mels))


#: Name to member, cheap ones first.
MEMBERS: dict[str, Member] = {
    "levels": Member("pooled_gaussian", "joint"),
    "modulation": Member("pooled_gaussian", "joint", {"views": "modulation"}),
    "short_levels": Member("pooled_gaussian", "joint", short_frames=True),
    "short_modulation": Member("pooled_gaussian", "joint", {"views": "modulation"}, short_frames=True),
    "neighbours": Member("spectral_memory", "domain"),
    "short_neighbours": Member("spectral_memory", "domain", short_frames=True),
    "expectation": Member("gamma_observation", "deviance_top"),
    "classes": Member("discriminative", "density"),
}


def chosen_members(names: str) -> dict[str, Member]:
    """The members that ``names`` asks for, in the order of the table.

    Args:
        names: names parted by commas; ``untrained`` stands for all that are no networks, ``all`` for all
            that can be fitted here.

    Raises:
        OptionError: an unknown name.
    """
    wanted = {name.strip() for name in names.split(",")}
    for name in wanted - {"untrained", "all"}:
        if name not in MEMBERS:
            known = ", ".join(MEMBERS)
            raise OptionError(f"members={names!r}: {name!r} is none; there are {known}, untrained and all")
    return {
        name: member
        for name, member in MEMBERS.items()
        if name in wanted
        or ("untrained" in wanted and not member.trains)
        or ("all" in wanted and (not member.trains or find_spec("torch")))
    }
