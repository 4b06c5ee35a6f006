"""The map of an ensemble: the maps of its members, and which bins of the spectrogram stand out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add

import numpy as np

from auscult.detectors.crossfit import TrainingSet
from auscult.detectors.maps.bin_residuals import CONTEXT, BinResiduals, WindowSums, sharpened, smoothed
from auscult.detectors.maps.map_profile import MapProfile
from auscult.spectrum import FrontEnd

#: Weight of the members' maps in the map of ``mean``, relative to the bin residuals of the spectrogram.
MEMBERS_WEIGHT = 0.5


class EnsembleMaps:
    """What the maps of an ensemble are computed with.

    Args:
        arrays: of the ensemble, among them those of `fit_maps`.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        self._arrays = arrays

    @property
    def bins(self) -> BinResiduals:
        """The regression of each bin of the spectrogram on the bins around it."""
        return BinResiduals(self._arrays["bins/mean"], self._arrays["bins/weights"])

    def profile(self, name: str) -> MapProfile:
        """Return what the map of a member is standardised by, or that of the bin residuals, ``bins``."""
        return MapProfile.from_arrays(self._arrays[f"profile/{name}"])

    def mean_map(self, frames: np.ndarray, weights: np.ndarray, maps: Sequence[np.ndarray]) -> np.ndarray:
        """Combine the members' maps (T, B), by weights (K,), with the bin residuals of the log-mel frames.

        The members' maps locate an anomaly well in frequency but hardly in time, since members score pooled
        clips; the bin residuals locate it in time. The maps are compressed as the scores are. Both parts are
        smoothed, so that a weak fault that covers several bins stands out. `sharpened` then shows in which of
        these bins it is.
        """
        residuals = self.bins.residuals(frames)
        of_members = np.tensordot(weights, np.arcsinh(maps), axes=1)
        map = self.profile("bins").zscore(smoothed(residuals)) + MEMBERS_WEIGHT * of_members
        return sharpened(map, residuals).astype(np.float32)


def fit_maps(
    training: TrainingSet,
    profiles: Mapping[str, Sequence[MapProfile]],
    front_end: FrontEnd,
) -> list[dict[str, np.ndarray]]:
    """The arrays that maps are standardised by, of the final ensemble and of each fold model.

    Args:
        training: the normal recordings and their folds.
        profiles: by member as from `MapProfile.cross_merged`.
        front_end: the front end of the ensemble.
    """
    folds = training.folds
    spectra = [recording.log_mel(front_end) for recording in training.recordings]
    sums = [
        WindowSums.of(frames for frames, fold in zip(spectra, folds, strict=True) if fold == index)
        for index in range(training.fold_count)
    ]
    total = reduce(add, sums)
    bins = BinResiduals.fit(total)
    # Single recordings hardly change the residuals, so those of the final ensemble serve for all profiles.
    of_bins = MapProfile.cross_merged([MapProfile.fit([bins.map(frames)]) for frames in spectra], folds)
    profiles = {**profiles, "bins": of_bins}
    result = []
    for index, bins_of in enumerate((bins, *(BinResiduals.fit(total - of_fold) for of_fold in sums))):
        arrays = {f"profile/{name}": merged[index].to_arrays() for name, merged in profiles.items()}
        arrays["bins/mean"] = bins_of.mean.astype(np.float32)
        arrays["bins/weights"] = bins_of.weights.astype(np.float32)
        result.append(arrays)
    return result


def map_shapes(bands: int, members: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the arrays of `fit_maps`, from the number of bands of the ensemble and of each
    member."""
    return {
        "bins/mean": (CONTEXT * bands,),
        "bins/weights": (CONTEXT * bands, bands),
        **{f"profile/{name}": (2, count) for name, count in {**members, "bins": bands}.items()},
    }
