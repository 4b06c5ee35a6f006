"""The dual-branch network: sizes, clips of any length, and independent branches."""

from __future__ import annotations

import pytest
import torch

from auscult.detectors.discriminative.discriminative import SIZES
from auscult.detectors.discriminative.dual_branch import EMBEDDING, DualBranch, DualBranchSize

SMALL = DualBranchSize(bands=16, points=256, width=4, line_width=8)


def network(size: DualBranchSize = SMALL) -> DualBranch:
    torch.manual_seed(0)
    return DualBranch(size).eval()


def test_the_compact_size_has_the_documented_number_of_parameters():
    assert sum(p.numel() for p in network(DualBranchSize(bands=128, points=8000)).parameters()) == 702_176


@torch.no_grad()
@pytest.mark.parametrize("frames", [1, 2, 31, 157])
def test_clips_of_any_length(frames):
    of_frames, of_spectrum = network()(torch.randn(3, frames, 16), torch.randn(3, 256))
    assert of_frames.shape == of_spectrum.shape == (3, EMBEDDING)
    assert bool(of_frames.isfinite().all() & of_spectrum.isfinite().all())


@torch.no_grad()
def test_clips_of_a_batch_are_independent():
    frames, spectrum = torch.randn(4, 40, 16), torch.randn(4, 256)
    together, alone = network()(frames, spectrum), network()(frames[2:3], spectrum[2:3])
    for of_batch, of_clip in zip(together, alone, strict=True):
        torch.testing.assert_close(of_batch[2:3], of_clip)


@torch.no_grad()
def test_each_branch_depends_on_one_view_only():
    frames, spectrum = torch.randn(2, 40, 16), torch.randn(2, 256)
    of_frames, of_spectrum = network()(frames, spectrum)
    other_of_frames, same_of_spectrum = network()(frames + torch.randn(2, 40, 16), spectrum)
    torch.testing.assert_close(of_spectrum, same_of_spectrum)
    assert not torch.allclose(of_frames, other_of_frames)


@torch.no_grad()
def test_the_published_frame_branch_ignores_steady_sound():
    """It subtracts each band's mean magnitude, so a constant offset of the magnitudes has no effect."""
    published = network(DualBranchSize(bands=16, points=256, width=4, line_width=8, published=True))
    magnitude, spectrum = 1 + torch.rand(2, 40, 16), torch.randn(2, 256)
    offset = torch.rand(16)
    before, after = (published(20 * torch.log10(m), spectrum)[0] for m in (magnitude, magnitude + offset))
    torch.testing.assert_close(before, after, rtol=1e-3, atol=1e-5)


@torch.no_grad()
def test_the_published_size_runs():
    preset = SIZES["published"]
    size = DualBranchSize(bands=513, points=preset.points, **preset.network)
    of_frames, of_spectrum = network(size)(torch.randn(1, 62, 513) - 60, torch.randn(1, preset.points) - 60)
    assert bool(of_frames.isfinite().all() & of_spectrum.isfinite().all())
