"""The members of `auto`: detectors with their options, the score that is used, and its weight.

Each family has members at three resolutions in time: the frames of the ensemble's front end resolve a tone
that moved by one band, and frames of half and a quarter of that length resolve single knocks, which long
frames average out.
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
from auscult.spectrum import FrontEnd, order_front_end, shorter_frames


@dataclass(frozen=True)
class Member:
    """A member of the ensemble.

    Attributes:
        detector: name of the detector.
        score: name of its score that is used.
        settings: options that differ from the detector's defaults.
        weight: of its standardised score in the mean.
        divisor: how many times shorter frames are than those of the ensemble's front end.
        order_n_fft: samples of frames that resolve the orders of a shaft, which then replace those of the
            ensemble's front end; ``None``: they do not.
    """

    detector: str
    score: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    weight: float = 1.0
    divisor: int = 1
    order_n_fft: int | None = None

    def config(self, seed: int, front_end: FrontEnd, **options: Any) -> Config:
        """Return the detector's configuration, with further ``options``, for the ensemble's front end."""
        settings = {**self.settings, **options, "score": self.score, "seed": seed}
        config = make_config(self.detector, settings=settings)
        if self.order_n_fft is not None:
            front_end = order_front_end(front_end, self.order_n_fft)
        return replace(config, front_end=shorter_frames(front_end, self.divisor))

    @property
    def trains(self) -> bool:
        """Whether it is a network, whose training takes minutes and needs PyTorch."""
        return bool(detector_type(self.detector).extra)


_ONE_SCORE = {"all_scores": False}  # the others would only cost time
_LOW_RANKS = {**_ONE_SCORE, "ranks": "1,2,4"}
_FAMILIES = {
    "levels": Member("pooled_gaussian", "joint", _ONE_SCORE),
    "modulation": Member("pooled_gaussian", "joint", {**_ONE_SCORE, "views": "modulation"}, weight=2.0),
    "neighbours": Member("spectral_memory", "domain", _ONE_SCORE),
    "residual": Member("subspace_residual", "weighted", _LOW_RANKS),
    "error": Member("subspace_residual", "residual", _LOW_RANKS),
}
#: Names of the members that resolve the orders of a shaft.
ORDER_MEMBERS = tuple(f"order_{family}" for family in _FAMILIES)
_DIVISORS = {"": 1, "half_": 2, "quarter_": 4}
#: Name to member, networks last.
MEMBERS: dict[str, Member] = {
    **{
        f"{prefix}{family}": replace(member, divisor=divisor)
        for prefix, divisor in _DIVISORS.items()
        for family, member in _FAMILIES.items()
    },
    "vae": Member("gamma_vae", "mse"),
    "expectation": Member("gamma_observation", "deviance"),
    "classes": Member("discriminative", "density"),
}
#: Name of the member that scores by a pretrained encoder; there is one if the user provides an encoder.
ENCODER = "encoder"


def encoder_member(options: Mapping[str, Any]) -> Member:
    """Return the member with a pretrained encoder; ``options`` of `embedding_memory`."""
    return Member("embedding_memory", "variance", options)


def order_members(n_fft: int) -> dict[str, Member]:
    """Return the members that resolve the orders of a shaft by frames of ``n_fft`` samples.

    Each family has one, with the weight that its members of other frames have together.
    """
    return {
        name: replace(member, order_n_fft=n_fft, weight=member.weight * len(_DIVISORS))
        for name, member in zip(ORDER_MEMBERS, _FAMILIES.values(), strict=True)
    }


def chosen_members(
    names: str, encoder: Mapping[str, Any] | None = None, order_n_fft: int | None = None
) -> dict[str, Member]:
    """Return the members that the option ``members`` selects, in the order of `MEMBERS`.

    A member with a pretrained encoder follows those that are not networks.

    Args:
        names: comma-separated names; ``untrained`` means all that are not networks, ``all`` all that can be
            fitted in this environment.
        encoder: options of the member with a pretrained encoder; ``None``: there is no such member.
        order_n_fft: frame length of `order_members`, which are not networks; ``None``: there are none.

    Raises:
        OptionError: an unknown name.
    """
    requested = {name.strip() for name in names.split(",")}
    if ENCODER in requested and encoder is None:
        raise OptionError(
            f"members={names!r}: the member {ENCODER} needs a pretrained encoder: set encoder=FILE.onnx; see "
            "docs/how-to/encoders.md"
        )
    members = MEMBERS if order_n_fft is None else {**MEMBERS, **order_members(order_n_fft)}
    if without_frames := (requested - {*members}) & {*ORDER_MEMBERS}:
        raise OptionError(
            f"members={names!r}: the member {min(without_frames)} needs frames that resolve the orders of a "
            "shaft: use the preset vibration, or set order_n_fft"
        )
    for name in requested - {"untrained", "all", ENCODER}:
        if name not in members:
            known = ", ".join(members)
            raise OptionError(
                f"members={names!r}: no member named {name!r}; choose from {known}, untrained and all"
            )
    chosen = {
        name: member
        for name, member in members.items()
        if name in requested
        or ("untrained" in requested and not member.trains)
        or ("all" in requested and (not member.trains or find_spec("torch")))
    }
    if encoder is not None:
        chosen[ENCODER] = encoder_member(encoder)
    return dict(sorted(chosen.items(), key=lambda item: item[1].trains))
