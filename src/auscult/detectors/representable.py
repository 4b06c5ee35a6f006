"""Detectors that represent a recording by codes, embeddings or pooled views before they score it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from auscult.corpus import AudioClip
from auscult.detectors.base import Detector
from auscult.errors import OptionError


@dataclass(frozen=True)
class Representation:
    """What a detector computes of one recording before the score, by name.

    Attributes:
        recording: arrays of the recording, each of the same shape for every recording.
        windows: (V, …) arrays of its V windows or frames.
        seconds: (V,) times of the middles of the windows.
        axes: names of the entries along an axis, such as the views of ``views``.
    """

    recording: Mapping[str, np.ndarray]
    windows: Mapping[str, np.ndarray] = field(default_factory=dict)
    seconds: np.ndarray = field(default_factory=lambda: np.empty(0))
    axes: Mapping[str, Sequence[str]] = field(default_factory=dict)


class Representable(Detector):
    """Base class of detectors that compute a representation."""

    @abstractmethod
    def represent(self, recording: AudioClip) -> Representation:
        """Return the codes, embeddings or pooled views of a recording.

        Names and shapes, where D is the length of an embedding and K that of a code:

        - ``codes`` (V, K) of the windows and ``mean_code`` (K,) of the recording: `autoencoder`, `gamma_vae`
          and `gamma_observation` (see their `codes`);
        - ``frames`` (F, D) as encoded and ``embedding`` (D,) pooled over them: `embedding_memory`;
        - ``embedding`` (D,): `discriminative`;
        - ``views`` (V, B) of B bands, named by ``view_names``: `spectral_memory` and `pooled_gaussian`.

        Raises:
            AudioError: as in `score`.
        """


class LatentSpace(Representable):
    """Base class of detectors with a latent space, in which each window has a code."""

    @abstractmethod
    def codes(self, recording: AudioClip) -> np.ndarray:
        """Return the (V, K) latent code of each window of a recording.

        Raises:
            AudioError: as in `score`.
        """


def representable(detector: Detector) -> Representable:
    """Return a detector that is `Representable`.

    Raises:
        OptionError: it is not.
    """
    if isinstance(detector, Representable):
        return detector
    raise OptionError(
        f"{detector.name} has no codes, embeddings or pooled views: use a model of another detector, such as "
        "autoencoder, gamma_vae, embedding_memory or spectral_memory; a detector of your own has them if "
        "it is a Representable that implements the method represent (docs/how-to/own-detector.md)"
    )
