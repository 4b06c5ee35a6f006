"""The maps of members on the grid of the ensemble's map.

Members for the orders of a shaft have bands up to 1 kHz only, so that their maps cover its lowest bands.
"""

from __future__ import annotations

import numpy as np

from auscult.detectors.maps.map_profile import resized
from auscult.spectrum import FrontEnd, band_centres


def covered_bands(of_member: FrontEnd, of_ensemble: FrontEnd) -> int:
    """Return how many of the lowest bands of an ensemble are in the frequency range of a member.

    Args:
        of_member: its front end, with the same lowest frequency.
        of_ensemble: the front end of the ensemble.
    """
    return max(1, int(np.count_nonzero(band_centres(of_ensemble) < of_member.top)))


def placed(map: np.ndarray, of_member: FrontEnd, of_ensemble: FrontEnd, frames: int) -> np.ndarray:
    """Return the map of a member on the grid of the ensemble, 0 in bands that the member does not have.

    Args:
        map: (T, B) z-scores.
        of_member: its front end, with B bands.
        of_ensemble: the front end of the ensemble, with B' bands.
        frames: number T' of frames with the latter.

    Returns:
        (T', B') float32.
    """
    bands = covered_bands(of_member, of_ensemble)
    return np.pad(resized(map, (frames, bands)), ((0, 0), (0, of_ensemble.n_mels - bands)))
