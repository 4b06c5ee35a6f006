"""How fast this machine multiplies float32 matrices, and how long a training step's own products take.

No step can be faster than its matrix products, so these are the limit that training is held against. Three
libraries are tried: NumPy's, PyTorch's usual one (MKL on x86), and oneDNN, which PyTorch carries as well.
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
#: A product of two matrices as (rows, inner, columns).
Shape = tuple[int, int, int]


def products(network: str) -> Iterator[Shape]:
    """The matrix products of one training step of one machine: forward, gradient of the input (but for the
    first layer, whose input is data), gradient of the weights."""
    for number, (n_in, n_out) in enumerate(LAYERS[network]):
        yield BATCH, n_in, n_out
        if number:
            yield BATCH, n_out, n_in
        yield n_in, BATCH, n_out


def operations(network: str) -> int:
    """Floating-point operations of these products: two for each multiplication and addition."""
    return sum(2 * a * b * c for a, b, c in products(network))


def libraries() -> dict[str, Callable[[Shape], Callable[[], object]]]:
    """Library to what makes, for a shape, a product that is ready to run."""
    import numpy as np
    import torch

    def by_numpy(shape: Shape) -> Callable[[], object]:
        a, b, out = (np.ones(s, np.float32) for s in (shape[:2], shape[1:], shape[::2]))
        return lambda: np.matmul(a, b, out=out)

    def by_torch(shape: Shape) -> Callable[[], object]:
        a, b, out = (torch.ones(s) for s in (shape[:2], shape[1:], shape[::2]))
        return lambda: torch.mm(a, b, out=out)

    def by_onednn(shape: Shape) -> Callable[[], object]:
        a, b = torch.ones(shape[:2]), torch.ones(shape[2], shape[1])
        product = torch.ops.mkldnn._linear_pointwise
        return lambda: product(a, b, None, "none", [], "")

    found: dict[str, Callable[[Shape], Callable[[], object]]] = {"NumPy": by_numpy, "PyTorch mm": by_torch}
    if torch.backends.mkldnn.is_available():
        found["oneDNN"] = by_onednn
    return found


def measured(threads: int, seconds: float = 0.3) -> dict[str, float]:
    """``GFLOP/s of a 1024³ product`` by library, and of each network's products the milliseconds a step.

    Args:
        threads: of every library.
        seconds: how long each product is tried; the best run counts, since a limit is asked for.
    """
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(threads)
    found = {}
    with torch.no_grad(), threadpool_limits(threads):
        for library, prepared in libraries().items():
            best = _best([prepared((1024, 1024, 1024))], seconds)
            found[f"{library} 1024"] = 2 * 1024**3 / best / 1e9
            for network in LAYERS:
                best = _best([prepared(shape) for shape in products(network)], seconds)
                found[f"{library} {network}"] = 1e3 * best
    return found


def _best(runs: list[Callable[[], object]], seconds: float) -> float:
    """The least time that all of them took, one after the other."""
    best, until = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < until:
        started = time.perf_counter()
        for run in runs:
            run()
        best = min(best, time.perf_counter() - started)
    return best
