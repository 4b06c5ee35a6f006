"""The maps of members on the grid of the ensemble's map.

Members for the orders of a shaft have bands up to 1 kHz only, so that their maps cover its lowest bands.
"""

from __future__ import annotations

import numpy as np

from auscult.detectors.maps.map_profile import resized
from auscult.spectrum import FrontEnd, band_centres


def covered_bands(front_end: FrontEnd, whole: FrontEnd) -> int:
    """Return how many of the lowest bands of ``whole`` are in the frequency range of ``front_end``.

    Args:
        front_end: of a member, with the same lowest frequency.
        whole: the front end of the ensemble.
    """
    return max(1, int(np.count_nonzero(band_centres(whole) < front_end.top)))


def placed(map: np.ndarray, front_end: FrontEnd, whole: FrontEnd, frames: int) -> np.ndarray:
    """Return the map of a member on the grid of the ensemble, 0 in bands that the member does not have.

    Args:
        map: (T, B) z-scores.
        front_end: of the member, with B bands.
        whole: the front end of the ensemble, with B' bands.
        frames: number T' of frames with ``whole``.

    Returns:
        (T', B') float32.
    """
    bands = covered_bands(front_end, whole)
    return np.pad(resized(map, (frames, bands)), ((0, 0), (0, whole.n_mels - bands)))
