"""Rate of float32 matrix products on this machine, and time of the products of one training step.

No training step can be faster than its matrix products, so they are the limit that training is compared with.
Three libraries are measured: NumPy's, PyTorch's default (MKL on x86), and oneDNN, which PyTorch includes too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import pairwise

BATCH = 256
#: Matrix sizes (in, out) of the networks, layer by layer.
LAYERS = {
    "autoencoder": list(pairwise([640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640])),
    "gamma_vae": [*pairwise([640, 128, 128, 128, 128, 8]), (128, 8), *pairwise([8, 128, 128, 128, 128, 640])],
}
#: The sizes of a product of two matrices: (rows, inner, columns).
ProductShape = tuple[int, int, int]


def products(network: str) -> Iterator[ProductShape]:
    """Yield the matrix products of one training step of one machine.

    These are the forward pass, the gradient of the input (except for the first layer, whose input is data),
    and the gradient of the weights.
    """
    for number, (n_in, n_out) in enumerate(LAYERS[network]):
        yield BATCH, n_in, n_out
        if number:
            yield BATCH, n_out, n_in
        yield n_in, BATCH, n_out


def operations(network: str) -> int:
    """Floating-point operations of these products; a multiplication and an addition count as two."""
    return sum(2 * a * b * c for a, b, c in products(network))


def libraries() -> dict[str, Callable[[ProductShape], Callable[[], object]]]:
    """Name of each library to a function that prepares a product of a given shape and returns a callable."""
    import numpy as np
    import torch

    def by_numpy(shape: ProductShape) -> Callable[[], object]:
        a, b, out = (np.ones(s, np.float32) for s in (shape[:2], shape[1:], shape[::2]))
        return lambda: np.matmul(a, b, out=out)

    def by_torch(shape: ProductShape) -> Callable[[], object]:
        a, b, out = (torch.ones(s) for s in (shape[:2], shape[1:], shape[::2]))
        return lambda: torch.mm(a, b, out=out)

    def by_onednn(shape: ProductShape) -> Callable[[], object]:
        a, b = torch.ones(shape[:2]), torch.ones(shape[2], shape[1])
        product = torch.ops.mkldnn._linear_pointwise
        return lambda: product(a, b, None, "none", [], "")

    by_library: dict[str, Callable[[ProductShape], Callable[[], object]]] = {
        "NumPy": by_numpy,
        "PyTorch mm": by_torch,
    }
    if torch.backends.mkldnn.is_available():
        by_library["oneDNN"] = by_onednn
    return by_library


def measured(threads: int, seconds: float = 0.3) -> dict[str, float]:
    """For each library: GFLOP/s of a 1024³ product, and milliseconds of the products of each network's step.

    Args:
        threads: of every library.
        seconds: time for which each product is repeated; the best run counts, since this is a limit.
    """
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(threads)
    results = {}
    with torch.no_grad(), threadpool_limits(threads):
        for library, prepare in libraries().items():
            best = _best([prepare((1024, 1024, 1024))], seconds)
            results[f"{library} 1024"] = 2 * 1024**3 / best / 1e9
            for network in LAYERS:
                best = _best([prepare(shape) for shape in products(network)], seconds)
                results[f"{library} {network}"] = 1e3 * best
    return results


def _best(functions: list[Callable[[], object]], seconds: float) -> float:
    """The minimum time to run all functions, one after the other."""
    best, until = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < until:
        started = time.perf_counter()
        for function in functions:
            function()
        best = min(best, time.perf_counter() - started)
    return best
