"""Samples of latent codes when scoring, from random numbers that depend on nothing but a seed.

The test of the DCASE baseline calls the model, and a variational autoencoder draws its code when it is
called, so a score may be that of a random code. To be a function of model and recording nonetheless, the
generator starts at every recording from the seed that is stored in the model. Uniform numbers are transformed
by the quantile function: unlike rejection sampling, this makes a code, and so the score, a continuous
function of the posterior's parameters, which differ by rounding between processors.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from auscult.detectors.base import Evidence

#: Lower limit of a code: a gamma distribution of small shape has much of its mass below it.
EPSILON = 1e-6
#: Lower limit of the first parameter of a posterior with softplus heads.
SMALLEST_SHAPE = 0.1
#: Increase of the shape in the sampler ``boosted_uncorrected``.
BOOST = 8
#: Purposes of random numbers; those of different purposes are independent.
_SCORING, _FITTING = 1, 2


def scoring_numbers(seed: int) -> np.random.Generator:
    """Return the generator of a recording's codes; each call returns the same numbers."""
    return np.random.Generator(np.random.PCG64([seed, _SCORING]))


def fitting_numbers(seed: int) -> np.random.Generator:
    """Return the generator of the codes to which covariances and densities are fitted."""
    return np.random.Generator(np.random.PCG64([seed, _FITTING]))


def draw_codes(
    sampler: str, shape: np.ndarray, scale: np.ndarray, numbers: np.random.Generator
) -> np.ndarray:
    """Return one code for each of V windows, as `latents.sample_gamma` draws them in training.

    Args:
        sampler: ``implicit``: Gamma(shape, scale); ``boosted_uncorrected``: Gamma(shape + 8, scale);
            ``weibull``: Weibull(shape, scale).
        shape: (V, latents), of the posterior.
        scale: (V, latents), of the posterior.
        numbers: the generator, which is advanced by V · latents numbers.

    Returns:
        (V, latents) float32, at least `EPSILON`.
    """
    from scipy.special import gammaincinv  # slow to import, and not needed for scoring by the mean

    uniform = numbers.random(shape.shape)
    shape = np.maximum(shape.astype(np.float64), EPSILON)  # a softmax can underflow to 0
    if sampler == "weibull":
        unscaled = (-np.log1p(-uniform)) ** (1 / shape)
    else:
        unscaled = gammaincinv(shape + (BOOST if sampler == "boosted_uncorrected" else 0), uniform)
    return np.maximum(scale * unscaled, EPSILON).astype(np.float32)


def mean_evidence(evidences: Iterable[Evidence]) -> Evidence:
    """Return the mean of every score and of every map over one or more samples."""
    samples = list(evidences)
    first, count = samples[0], len(samples)
    return Evidence(
        {name: sum(e.scores[name] for e in samples) / count for name in first.scores},
        {name: np.mean([e.maps[name] for e in samples], axis=0) for name in first.maps},
    )
