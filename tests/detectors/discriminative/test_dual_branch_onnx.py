"""The ONNX graph of the dual-branch network gives what the PyTorch module gives in evaluation mode."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from auscult.detectors.discriminative.dual_branch import DualBranch, DualBranchSize
from auscult.detectors.discriminative.dual_branch_onnx import export_dual

SIZES = {
    "compact": DualBranchSize(bands=16, points=256, width=4, line_width=8),
    "two blocks": DualBranchSize(bands=21, points=256, width=2, blocks=2, line_width=4),
    "published": DualBranchSize(bands=33, points=300, width=4, blocks=2, line_width=8, published=True),
    "other kernels": DualBranchSize(bands=16, points=501, width=4, line_width=8, kernels=((33, 8), (7, 3))),
}


@torch.no_grad()
def trained(size: DualBranchSize) -> DualBranch:
    """A network with random normalisations."""
    torch.manual_seed(0)
    network = DualBranch(size).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            for tensor in (module.weight, module.running_var):
                tensor.uniform_(0.5, 2.0)
            for tensor in (module.bias, module.running_mean):
                tensor.uniform_(-1.0, 1.0)
    for norm, level, spread in ((network.frames.norm_in, -60, 100), (network.spectrum.layers[0], -60, 100)):
        if not size.published:  # levels in dB
            norm.running_mean.fill_(level)
            norm.running_var.fill_(spread)
    return network


def session(network: DualBranch, size: DualBranchSize) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(
        export_dual(network, size).tobytes(), providers=["CPUExecutionProvider"]
    )


@pytest.mark.parametrize("name", SIZES)
@torch.no_grad()
def test_embeddings_of_clips_of_any_length(name):
    size = SIZES[name]
    network = trained(size)
    opened, rng = session(network, size), torch.Generator().manual_seed(4)
    network.double()
    for n_clips, n_frames, n_spectra in ((1, 1, 1), (3, 37, 1), (1, 160, 4)):
        frames = 10 * torch.randn(n_clips, n_frames, size.bands, generator=rng) - 60
        spectrum = 10 * torch.randn(n_spectra, size.points, generator=rng) - 60
        exported = opened.run(["changes", "lines"], {"frames": frames.numpy(), "spectrum": spectrum.numpy()})
        for output, tensor in zip(exported, network(frames.double(), spectrum.double()), strict=True):
            expected = tensor.numpy()
            np.testing.assert_allclose(output, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


def test_only_normalisations_before_padding_remain():
    size = SIZES["compact"]
    nodes = [n.op_type for n in onnx.load_from_string(export_dual(trained(size), size).tobytes()).graph.node]
    assert nodes.count("Conv") == 1 + 2 * 4 + 3 + len(size.kernels)
    assert "BatchNormalization" not in nodes
    assert nodes.count("Mul") == 2 + 4, "two inputs, and the gains of four blocks"
