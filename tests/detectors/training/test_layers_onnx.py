"""The ONNX graphs of trained networks give what the PyTorch modules give in evaluation mode."""

from __future__ import annotations

from itertools import product

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from auscult.detectors import detector_type
from auscult.detectors.onnx_export.graph import Value
from auscult.detectors.options import make_config
from auscult.detectors.reconstruction.gamma_vae import GammaVAE
from auscult.detectors.reconstruction.latents import gamma_moments
from auscult.detectors.training.layers_onnx import TrainedNetwork

WIDTH = 3 * 6
SMALL = {"n_mels": 6, "context": 3, "hidden": 12}
X = np.random.default_rng(1).standard_normal((11, WIDTH)).astype(np.float32)
VARIANTS = [
    {"latent": latent, "head": head, "sampler": sampler}
    for latent, head, sampler in product(
        ("shape_scale", "shape_rate", "mean_variance"),
        ("softmax", "softplus"),
        ("implicit", "boosted_uncorrected", "weibull"),
    )  # the sampler ``mean`` scores like ``implicit``
]


def fleet(detector, machines: int) -> torch.nn.ModuleDict:
    """An untrained fleet with random normalisations, in evaluation mode."""
    network = detector.network.build([torch.Generator().manual_seed(seed) for seed in range(machines)])
    generator = torch.Generator().manual_seed(99)
    for name, tensor in network.state_dict().items():
        if ".norms." in name:
            positive = name.endswith(("running_var", "scale"))
            tensor.uniform_(*((0.5, 3.0) if positive else (-2.0, 2.0)), generator=generator)
    return network.eval()


def run(blob: np.ndarray, x: np.ndarray) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(blob.tobytes(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"x": x}), strict=True))


def assert_close(values: np.ndarray, expected: torch.Tensor, message: str = "") -> None:
    """Equal to a millionth of the largest value; ``expected`` is computed in float64."""
    scale = float(expected.abs().max())
    np.testing.assert_allclose(values, expected.numpy(), rtol=1e-6, atol=1e-6 * scale, err_msg=message)


@torch.no_grad()
def test_every_machine_of_a_fleet_gets_the_right_weights():
    detector = detector_type("autoencoder")(make_config("autoencoder", settings=SMALL))
    network = fleet(detector, 3)
    blobs = [TrainedNetwork.of_machine(network, m).to_onnx(detector.network.outputs, WIDTH) for m in range(3)]
    network.double()
    for machine, blob in enumerate(blobs):
        assert blob.dtype == np.uint8
        for count in (1, 2, 11):  # any number of vectors
            x = torch.from_numpy(X[:count]).double().expand(3, -1, -1)
            assert_close(run(blob, X[:count])["rebuilt"], network["rebuild"](network["layers"](x))[machine])
    assert not np.allclose(run(blobs[0], X)["rebuilt"], run(blobs[1], X)["rebuilt"])


@pytest.mark.parametrize("settings", VARIANTS, ids=lambda settings: "-".join(settings.values()))
@torch.no_grad()
def test_every_posterior_of_the_gamma_vae(settings):
    detector = GammaVAE(make_config("gamma_vae", settings={**SMALL, **settings, "kl": "exact"}))
    network = fleet(detector, 1)

    def outputs(network: TrainedNetwork, x: Value) -> dict[str, Value]:
        shape, scale = detector.network.posterior_in_graph(network, x)
        return {"shape": shape, "scale": scale, "mean": detector.network.mean_in_graph(shape, scale)}

    exported = run(TrainedNetwork.of_machine(network, 0).to_onnx(outputs, WIDTH), X)
    shape, scale = detector.network.posterior(network.double(), torch.from_numpy(X).double()[None])
    assert_close(exported["shape"], shape[0])
    assert_close(exported["scale"], scale[0])
    # From the shape in float32: the mean of a Weibull is very sensitive to a small shape.
    rounded = (torch.from_numpy(exported[name]).double() for name in ("shape", "scale"))
    mean, _ = gamma_moments(*rounded, detector.config.sampler)
    np.testing.assert_allclose(exported["mean"], mean.float().numpy(), rtol=1e-6)


@pytest.mark.parametrize("settings", [{}, {"sampler": "boosted_uncorrected"}, {"head": "softmax"}], ids=str)
@torch.no_grad()
def test_the_gamma_vae_decodes_the_posterior_mean(settings):
    detector = GammaVAE(make_config("gamma_vae", settings={**SMALL, **settings}))
    network = fleet(detector, 1)
    exported = run(TrainedNetwork.of_machine(network, 0).to_onnx(detector.network.outputs, WIDTH), X)
    shape, scale = detector.network.posterior(network.double(), torch.from_numpy(X).double()[None])
    mean, _ = gamma_moments(shape, scale, detector.config.sampler)
    assert_close(exported["rebuilt"], network["rebuild"](network["decoder"](mean))[0])
    assert_close(exported["shape"], shape[0])
    assert_close(exported["scale"], scale[0])


@torch.no_grad()
def test_codes_that_are_drawn_have_a_graph_of_their_own():
    detector = GammaVAE(make_config("gamma_vae", settings={**SMALL, "scoring": "sample"}))
    network, codes = fleet(detector, 1), np.abs(X[:, : detector.config.latents])
    graphs = detector.network.stored(TrainedNetwork.of_machine(network, 0))
    assert run(graphs["network"], X).keys() == {"shape", "scale"}
    network.double()
    expected = network["rebuild"](network["decoder"](torch.from_numpy(codes).double()[None]))
    assert_close(run(graphs["decoder"], codes)["rebuilt"], expected[0])


def test_a_normalisation_is_part_of_the_linear_layer_before_it():
    detector = detector_type("autoencoder")(make_config("autoencoder", settings=SMALL))
    blob = TrainedNetwork.of_machine(fleet(detector, 1), 0).to_onnx(detector.network.outputs, WIDTH)
    nodes = [node.op_type for node in onnx.load_from_string(blob.tobytes()).graph.node]
    assert nodes == ["Gemm", "Relu"] * 9 + ["Gemm", "Identity"]


def test_other_values_of_the_graph_can_be_outputs():
    detector = detector_type("autoencoder")(make_config("autoencoder", settings=SMALL))
    network = TrainedNetwork.of_machine(fleet(detector, 1), 0)

    def outputs(network: TrainedNetwork, x: Value) -> dict[str, Value]:
        return {"codes": network.stack("layers", x), "twice": x + x}

    exported = run(network.to_onnx(outputs, WIDTH), X)
    assert exported["codes"].shape == (11, 12)
    np.testing.assert_array_equal(exported["twice"], 2 * X)
