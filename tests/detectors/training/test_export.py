"""ONNX Runtime reproduces the outputs of the trained network."""

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
VARIANTS = [
    {"latent": latent, "head": head, "sampler": sampler}
    for latent, head, sampler in product(
        ("shape_scale", "shape_rate", "mean_variance"), ("softmax", "softplus"), ("implicit", "weibull")
    )  # the sampler ``mean`` scores like ``implicit``
]


def fleet(detector, machines: int) -> torch.nn.ModuleDict:
    """An untrained fleet with random normalisation statistics, in evaluation mode."""
    network = detector.build([torch.Generator().manual_seed(seed) for seed in range(machines)])
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
    batch = torch.from_numpy(x)[None].expand(machines, -1, -1)
    return {name: value[machine].numpy() for name, value in outputs(network, batch).items()}


@pytest.mark.parametrize("name", ["autoencoder", "gamma_vae"])
def test_every_machine_of_a_fleet_is_exported_with_the_right_weights(name):
    detector = detector_type(name)(make_config(name, settings=SMALL))
    network = fleet(detector, 3)
    blobs = export_fleet(detector.build, detector.outputs, network, range(3), WIDTH)
    assert [blob.dtype for blob in blobs] == [np.uint8] * 3
    for machine, blob in enumerate(blobs):
        for count in (1, 2, 11):  # any number of vectors
            exported, wanted = run(blob, X[:count]), expected(detector.outputs, network, X[:count], machine)
            assert exported.keys() == wanted.keys()
            for output, value in wanted.items():
                np.testing.assert_allclose(exported[output], value, rtol=1e-5, atol=1e-5, err_msg=output)
    assert not np.allclose(run(blobs[0], X)["rebuilt"], run(blobs[1], X)["rebuilt"])


def test_every_variant_of_the_gamma_vae_is_exported():
    """The heads of all variants are in one graph behind one encoder, since tracing is the slowest part; the
    decoder is replaced by the identity."""
    detectors = [
        GammaVAE(make_config("gamma_vae", settings={**SMALL, **variant, "kl": "exact"}))
        for variant in VARIANTS
    ]

    def outputs(network, x):
        encoded = network["encoder"](x)
        heads = {"fc_mu": network["fc_mu"], "fc_var": network["fc_var"]}
        heads |= {"encoder": lambda *_: encoded, "decoder": lambda z: z, "rebuild": lambda z: z}
        return {
            f"{i}_{k}": v
            for i, detector in enumerate(detectors)
            for k, v in detector.outputs(heads, x).items()
        }

    network = fleet(detectors[0], 1)
    (blob,) = export_fleet(detectors[0].build, outputs, network, [0], WIDTH)
    exported, wanted = run(blob, X), expected(outputs, network, X, 0)
    assert len(wanted) == 3 * len(VARIANTS)
    for output, value in wanted.items():
        variant = VARIANTS[int(output.split("_")[0])]
        # In logarithms: the mean of a Weibull of shape 0.02 is 1e36, of which float32 keeps four digits.
        np.testing.assert_allclose(
            np.log(exported[output]), np.log(value), rtol=1e-5, atol=1e-5, err_msg=f"{output} {variant}"
        )


def test_the_file_contains_no_source_paths():
    detector = detector_type("autoencoder")(make_config("autoencoder", settings=SMALL))
    (blob,) = export_fleet(detector.build, detector.outputs, fleet(detector, 1), range(1), WIDTH)
    assert b".py" not in blob.tobytes()
    assert b"pkg.torch" not in blob.tobytes()
