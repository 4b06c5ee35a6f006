"""The dual-branch network: sizes, any length, and that its branches stay apart."""

from __future__ import annotations

import pytest
import torch

from auscult.detectors.discriminative.discriminative import SIZES
from auscult.detectors.discriminative.dual_branch import EMBEDDING, DualBranch, Shape

SMALL = Shape(bands=16, points=256, width=4, line_width=8)


def network(shape: Shape = SMALL) -> DualBranch:
    torch.manual_seed(0)
    return DualBranch(shape).eval()


def test_the_compact_size_has_the_parameters_that_the_page_tells():
    assert sum(p.numel() for p in network(Shape(bands=128, points=8000)).parameters()) == 702_176


@torch.no_grad()
@pytest.mark.parametrize("frames", [1, 2, 31, 157])
def test_clips_of_any_length(frames):
    changes, lines = network()(torch.randn(3, frames, 16), torch.randn(3, 256))
    assert changes.shape == lines.shape == (3, EMBEDDING)
    assert bool(changes.isfinite().all() & lines.isfinite().all())


@torch.no_grad()
def test_no_clip_of_a_batch_depends_on_another():
    frames, spectrum = torch.randn(4, 40, 16), torch.randn(4, 256)
    together, alone = network()(frames, spectrum), network()(frames[2:3], spectrum[2:3])
    for one, other in zip(together, alone, strict=True):
        torch.testing.assert_close(one[2:3], other)


@torch.no_grad()
def test_each_branch_hears_its_own_view():
    frames, spectrum = torch.randn(2, 40, 16), torch.randn(2, 256)
    changes, lines = network()(frames, spectrum)
    other_changes, same_lines = network()(frames + torch.randn(2, 40, 16), spectrum)
    torch.testing.assert_close(lines, same_lines)
    assert not torch.allclose(changes, other_changes)


@torch.no_grad()
def test_the_published_frames_do_not_hear_what_is_steady():
    """Magnitudes with each band's mean taken away: a steady offset of magnitude changes nothing."""
    published = network(Shape(bands=16, points=256, width=4, line_width=8, published=True))
    magnitude, spectrum = 1 + torch.rand(2, 40, 16), torch.randn(2, 256)
    offset = torch.rand(16)
    one, other = (published(20 * torch.log10(m), spectrum)[0] for m in (magnitude, magnitude + offset))
    torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


@torch.no_grad()
def test_the_published_size_runs():
    size = SIZES["published"]
    shape = Shape(bands=513, points=size.points, **size.network)
    changes, lines = network(shape)(torch.randn(1, 62, 513) - 60, torch.randn(1, size.points) - 60)
    assert bool(changes.isfinite().all() & lines.isfinite().all())
