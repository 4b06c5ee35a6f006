"""The candidate members of `auto`: detectors with their options and the score that is used.

There are two resolutions in time: the default frames of 64 ms resolve a tone that moved by one band, and
frames of 16 ms resolve single knocks, which long frames average out.
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
from auscult.spectrum import FrontEnd, without_empty_bands

#: Length and hop of short frames in seconds, and their maximum number of bands.
SHORT_FRAME, SHORT_HOP, SHORT_BANDS = 0.016, 0.004, 32


@dataclass(frozen=True)
class Member:
    """A candidate member of the ensemble.

    Attributes:
        detector: name of the detector.
        score: name of its score that is used.
        settings: options that differ from the detector's defaults.
        short_frames: whether it uses frames of 16 ms instead of those of the ensemble's front end.
    """

    detector: str
    score: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    short_frames: bool = False

    def config(self, seed: int, front_end: FrontEnd, **options: Any) -> Config:
        """Return the detector's configuration, with further ``options``, for the ensemble's front end."""
        if self.short_frames:
            front_end = short_frames(front_end)
        settings = {**self.settings, **options, "score": self.score, "seed": seed}
        return replace(make_config(self.detector, settings=settings), front_end=front_end)

    @property
    def trains(self) -> bool:
        """Whether it is a network, whose training takes minutes and needs PyTorch."""
        return bool(detector_type(self.detector).extra)


def short_frames(front_end: FrontEnd) -> FrontEnd:
    """Return the front end of short frames for the same sample rate, with no band that lacks a bin."""
    half = max(1, round(front_end.sample_rate * SHORT_FRAME / 2))
    hop = min(max(1, round(front_end.sample_rate * SHORT_HOP)), 2 * half)
    bands = min(SHORT_BANDS, front_end.n_mels)
    return without_empty_bands(replace(front_end, n_fft=2 * half, hop=hop, n_mels=bands))


#: Name to member, the fastest to fit first.
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
#: Name of the member that scores by a pretrained encoder; there is one if the user provides an encoder.
ENCODER = "encoder"


def encoder_member(options: Mapping[str, Any]) -> Member:
    """Return the member with a pretrained encoder; ``options`` of `embedding_memory`."""
    return Member("embedding_memory", "variance", options)


def chosen_members(names: str, encoder: Mapping[str, Any] | None = None) -> dict[str, Member]:
    """Return the members that the option ``members`` selects, in the order of `MEMBERS`.

    A member with a pretrained encoder follows those that are not networks.

    Args:
        names: comma-separated names; ``untrained`` means all that are not networks, ``all`` all that can be
            fitted in this environment.
        encoder: options of the member with a pretrained encoder; ``None``: there is no such member.

    Raises:
        OptionError: an unknown name.
    """
    requested = {name.strip() for name in names.split(",")}
    if ENCODER in requested and encoder is None:
        raise OptionError(
            f"members={names!r}: the member {ENCODER} needs a pretrained encoder: set encoder=FILE.onnx; see "
            "docs/encoders.md"
        )
    for name in requested - {"untrained", "all", ENCODER}:
        if name not in MEMBERS:
            known = ", ".join(MEMBERS)
            raise OptionError(
                f"members={names!r}: no member named {name!r}; choose from {known}, untrained and all"
            )
    chosen = {
        name: member
        for name, member in MEMBERS.items()
        if name in requested
        or ("untrained" in requested and not member.trains)
        or ("all" in requested and (not member.trains or find_spec("torch")))
    }
    if encoder is not None:
        chosen[ENCODER] = encoder_member(encoder)
    return dict(sorted(chosen.items(), key=lambda item: item[1].trains))
