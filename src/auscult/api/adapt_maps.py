"""Profiles and limits of an adapted model: what its maps are compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple

import numpy as np

from auscult.detectors.maps.map_limits import MapLimits
from auscult.detectors.maps.map_profile import MapProfile
from auscult.model import Model
from auscult.model.calibrated_model import MAX_PROFILE_CLIPS

#: New recordings whose maps are computed, at most.
MAX_MAPS = 40


def extended_maps(
    model: Model, maps: Mapping[str, Sequence[np.ndarray]]
) -> tuple[dict[str, MapProfile], dict[str, MapLimits]]:
    """Extend the profiles and limits of a model by maps of new normal recordings.

    Args:
        model: the model before it is adapted; each of its recordings has the weight of a new one.
        maps: score name to the (T, B) raw maps of new recordings by detectors that were not adapted to them;
            no names if there are none, which changes nothing.

    Returns:
        The profiles, and the limits: none that is lower than before.
    """
    profiles = dict(model.profiles)
    limits = {name: model.map_limits(name) for name in model.detector.scores}
    earlier = min(len(model.normals.paths), MAX_PROFILE_CLIPS)
    for name, new in maps.items():
        zscores = new
        if name in profiles:
            parts = [MapProfile.fit([map]) for map in new]
            profile = profiles[name] = MapProfile.merge([profiles[name]] * earlier + parts)
            zscores = [profile.smoothed_zscore(map) for map in new]
        pairs = zip(astuple(limits[name]), astuple(MapLimits.fit(zscores)), strict=True)
        limits[name] = MapLimits(*(max(pair) for pair in pairs))
    return profiles, limits
