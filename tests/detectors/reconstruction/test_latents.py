"""Random latent samples with one generator per machine, and the number of active latents."""

from __future__ import annotations

import torch

from auscult.detectors.reconstruction.latents import active_units, sample_per_machine


def test_every_machine_uses_a_separate_generator():
    parameter = torch.zeros(2, 5, 3)

    def numbers(seeds: list[int], machines: slice) -> torch.Tensor:
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        return sample_per_machine(
            parameter[machines], generators, lambda part, g: torch.rand(part.shape, generator=g)
        )

    both = numbers([1, 2], slice(None))
    assert both.shape == (2, 5, 3)
    assert torch.equal(both[:1], numbers([1], slice(1)))
    assert torch.equal(both[1:], numbers([2], slice(1, 2)))
    assert torch.equal(both[0], torch.rand(5, 3, generator=torch.Generator().manual_seed(1)))


def test_active_units_are_those_whose_mean_varies():
    mean, variance, mask = torch.full((1, 30, 4), 2.0), torch.full((1, 30, 4), 2.0), torch.ones(1, 30, 1)
    mean[0, :, 1] += torch.linspace(-1, 1, 30)  # variance of the mean 0.36: active
    mean[0, :, 2] += 0.1 * torch.linspace(-1, 1, 30)  # 0.0036: not active
    assert active_units(mean, variance, mask).tolist() == [1.0]
    half = torch.cat([torch.ones(1, 15, 1), torch.zeros(1, 15, 1)], dim=1)
    mean[0, 15:, 3] = 50.0  # varies only in the padding
    assert active_units(mean, variance, half).tolist() == [1.0]
