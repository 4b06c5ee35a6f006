"""What ONNX Runtime computes is what the trained network computes."""

from __future__ import annotations

from itertools import product

import numpy as np
import onnxruntime
import pytest
import torch

from auscult.detectors import detector_type
from auscult.detectors.options import make_config
from auscult.detectors.reconstruction.gamma_vae import GammaVAE
from auscult.detectors.training.export import export_fleet

WIDTH = 3 * 6
SMALL = {"n_mels": 6, "context": 3, "hidden": 12}
X = np.random.default_rng(1).standard_normal((11, WIDTH)).astype(np.float32)
READINGS = [
    {"latent": latent, "head": head, "sampler": sampler}
    for latent, head, sampler in product(
        ("shape_scale", "shape_rate", "mean_variance"), ("softmax", "softplus"), ("implicit", "weibull")
    )  # the sampler ``mean`` scores as ``implicit`` does
]


def fleet(kind, machines: int) -> torch.nn.ModuleDict:
    """An untrained fleet whose normalisations have seen something, in evaluation mode."""
    network = kind.build([torch.Generator().manual_seed(seed) for seed in range(machines)])
    generator = torch.Generator().manual_seed(99)
    for name, buffer in network.named_buffers():
        low, high = (0.5, 3.0) if name.endswith("running_var") else (-2.0, 2.0)
        buffer.uniform_(low, high, generator=generator)
    return network.eval()


def run(blob: np.ndarray, x: np.ndarray) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(blob.tobytes(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"x": x}), strict=True))


@torch.no_grad()
def expected(outputs, network, x: np.ndarray, machine: int) -> dict[str, np.ndarray]:
    machines = network["rebuild"].weight.shape[0]
    every = torch.from_numpy(x)[None].expand(machines, -1, -1)
    return {name: value[machine].numpy() for name, value in outputs(network, every).items()}


@pytest.mark.parametrize("name", ["autoencoder", "gamma_vae"])
def test_every_machine_of_a_fleet_gets_its_own_weights(name):
    kind = detector_type(name)(make_config(name, settings=SMALL))
    network = fleet(kind, 3)
    blobs = export_fleet(kind.build, kind.outputs, network, range(3), WIDTH)
    assert [blob.dtype for blob in blobs] == [np.uint8] * 3
    for machine, blob in enumerate(blobs):
        for rows in (1, 2, 11):  # any number of vectors
            ours, theirs = run(blob, X[:rows]), expected(kind.outputs, network, X[:rows], machine)
            assert ours.keys() == theirs.keys()
            for output, value in theirs.items():
                np.testing.assert_allclose(ours[output], value, rtol=1e-5, atol=1e-5, err_msg=output)
    assert not np.allclose(run(blobs[0], X)["rebuilt"], run(blobs[1], X)["rebuilt"])


def test_every_reading_of_the_gamma_vae_survives_export():
    """The heads of all readings in one graph behind one encoder, since tracing takes longer than all else;
    what stands for the decoder hands the code through."""
    kinds = [
        GammaVAE(make_config("gamma_vae", settings={**SMALL, **reading, "kl": "exact"}))
        for reading in READINGS
    ]

    def outputs(network, x):
        encoded = network["encoder"](x)
        heads = {"fc_mu": network["fc_mu"], "fc_var": network["fc_var"]}
        heads |= {"encoder": lambda *_: encoded, "decoder": lambda z: z, "rebuild": lambda z: z}
        return {f"{i}_{k}": v for i, kind in enumerate(kinds) for k, v in kind.outputs(heads, x).items()}

    network = fleet(kinds[0], 1)
    (blob,) = export_fleet(kinds[0].build, outputs, network, [0], WIDTH)
    ours, theirs = run(blob, X), expected(outputs, network, X, 0)
    assert len(theirs) == 3 * len(READINGS)
    for output, value in theirs.items():
        reading = READINGS[int(output.split("_")[0])]
        # In logarithms: the mean of a Weibull of shape 0.02 is 1e36, and float32 keeps four digits of it.
        np.testing.assert_allclose(
            np.log(ours[output]), np.log(value), rtol=1e-5, atol=1e-5, err_msg=f"{output} {reading}"
        )


def test_the_file_does_not_tell_where_it_was_made():
    kind = detector_type("autoencoder")(make_config("autoencoder", settings=SMALL))
    (blob,) = export_fleet(kind.build, kind.outputs, fleet(kind, 1), range(1), WIDTH)
    assert b".py" not in blob.tobytes()
    assert b"pkg.torch" not in blob.tobytes()
