"""Sound as a stationary Gaussian process: by how much its past predicts its future."""

from __future__ import annotations

import numpy as np

#: Samples of past and of future.
END = 256
#: A recording must be this many times longer than an end, so that its autocovariance is known well enough.
MIN_ENDS = 8
#: Power of a white noise that is added to the model, relative to the recording: no model predicts better.
_NOISE = 1e-3
_SIZE = 32 * END  # of the Fourier transforms of an autocovariance


def autocovariance(centred: np.ndarray) -> np.ndarray:
    """Return the (2 · END,) autocovariance at lags from 0, divided by the variance.

    Args:
        centred: (N,) samples of zero mean, not all 0. They are processed in blocks, so that long recordings
            need little memory.
    """
    lags = 2 * END
    block = _SIZE - 2 * lags  # the second lags are 0, so that the transform does not wrap around
    total, counted_twice = np.zeros(_SIZE // 2 + 1), np.zeros(lags + 1)
    for first in range(0, len(centred), block):  # products of the samples of a block with all later ones
        total += _power(centred[first : first + block + lags], _SIZE)
        counted_twice += _power(centred[first + block : first + block + lags], 2 * lags)
    covariance = np.fft.irfft(total)[:lags] - np.fft.irfft(counted_twice)[:lags]
    return covariance / covariance[0]


def _power(samples: np.ndarray, size: int) -> np.ndarray:
    spectrum = np.fft.rfft(samples, size)
    return spectrum.real**2 + spectrum.imag**2


def factor_of(covariance: np.ndarray) -> np.ndarray:
    """Return the (2 · END, 2 · END) Cholesky factor of the covariance of past and future.

    Args:
        covariance: as of `autocovariance`.
    """
    from scipy.linalg import cholesky, toeplitz  # slow to import, and scoring does not need it

    covariance = covariance.astype(np.float64)
    covariance[0] += _NOISE
    return cholesky(toeplitz(covariance), lower=True, check_finite=False)


def gains(factor: np.ndarray, past: np.ndarray, future: np.ndarray) -> np.ndarray:
    """Return the (K,) log-likelihoods of (K, END) futures given (K, END) pasts, less those of futures alone.

    With the factor of the joint covariance, the lower half of the whitened sequence is the future given the
    past. The upper left part is also the factor of the future alone, since the process is stationary.
    """
    alone_factor, cross, given_factor = factor[:END, :END], factor[END:, :END], factor[END:, END:]
    whitened_past = _solve(alone_factor, past.T)
    given_past = _solve(given_factor, future.T - cross @ whitened_past)
    alone = _solve(alone_factor, future.T)
    log_determinants = np.log(np.diag(alone_factor)).sum() - np.log(np.diag(given_factor)).sum()
    return log_determinants + 0.5 * ((alone**2).sum(axis=0) - (given_past**2).sum(axis=0))


def _solve(factor: np.ndarray, values: np.ndarray) -> np.ndarray:
    from scipy.linalg import solve_triangular

    return solve_triangular(factor, values, lower=True, check_finite=False)
