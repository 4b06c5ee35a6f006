"""Fleet layers against PyTorch's own, one machine at a time."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from auscult.detectors.learning.layers import BatchNorm, Linear, Stack


def seeded(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(s) for s in seeds]


def rows_that_count(counts: list[int], length: int) -> torch.Tensor:
    return (torch.arange(length)[None, :] < torch.tensor(counts)[:, None])[..., None].double()


def test_linear_starts_within_the_bounds_of_torch():
    ours, theirs = Linear(seeded(0, 1), 64, 256), nn.Linear(64, 256)
    bound = 1 / math.sqrt(64)
    for parameter in (ours.weight, ours.bias, theirs.weight, theirs.bias):
        assert float(parameter.detach().abs().max()) <= bound
        assert float(parameter.detach().abs().max()) > 0.97 * bound, "the whole range is used"
    assert abs(float(ours.weight.detach().mean())) < 0.02 * bound
    assert float(ours.weight.detach().std()) == pytest.approx(bound / math.sqrt(3), rel=0.03)


def test_every_machine_has_the_weights_of_its_own_seed():
    fleet = Linear(seeded(3, 4), 6, 5)
    alone = Linear(seeded(4), 6, 5)
    assert torch.equal(fleet.weight[1], alone.weight[0])
    assert torch.equal(fleet.bias[1], alone.bias[0])
    assert not torch.equal(fleet.weight[0], fleet.weight[1])


def test_linear_maps_every_machine_by_its_own_weights():
    layer, x = Linear(seeded(0, 1, 2), 7, 4), torch.randn(3, 9, 7)
    for machine in range(3):
        expected = nn.functional.linear(x[machine], layer.weight[machine].T, layer.bias[machine, 0])
        torch.testing.assert_close(layer(x)[machine], expected)


@pytest.mark.parametrize("counts", [[12, 12], [12, 5], [2, 9]], ids=str)
def test_batch_norm_is_that_of_torch_on_the_rows_that_count(counts):
    torch.manual_seed(0)
    ours = BatchNorm(2, 4).double()
    with torch.no_grad():
        ours.scale.uniform_(0.5, 2)
        ours.shift.uniform_(-1, 1)
    theirs = [nn.BatchNorm1d(4, momentum=0.01, eps=1e-3).double() for _ in counts]
    for machine, reference in enumerate(theirs):
        reference.load_state_dict(
            {
                **reference.state_dict(),
                "weight": ours.scale[machine, 0].detach(),
                "bias": ours.shift[machine, 0].detach(),
            }
        )
    rows = rows_that_count(counts, 12)
    for _ in range(3):  # running statistics build up
        x = (3 + 2 * torch.randn(2, 12, 4, dtype=torch.float64)).requires_grad_()
        upstream = torch.randn(2, 12, 4, dtype=torch.float64) * rows
        y = ours(x, rows)
        g_x, g_scale, g_shift = torch.autograd.grad((y * upstream).sum(), [x, ours.scale, ours.shift])
        for machine, (count, reference) in enumerate(zip(counts, theirs, strict=True)):
            own = x[machine, :count].detach().requires_grad_()
            expected = reference(own)
            torch.testing.assert_close(y[machine, :count], expected)
            grads = torch.autograd.grad(
                (expected * upstream[machine, :count]).sum(), [own, reference.weight, reference.bias]
            )
            torch.testing.assert_close(g_x[machine, :count], grads[0])
            torch.testing.assert_close(g_scale[machine, 0], grads[1])
            torch.testing.assert_close(g_shift[machine, 0], grads[2])
            assert torch.all(g_x[machine, count:] == 0), "a row that does not count changes nothing"
            torch.testing.assert_close(ours.running_mean[machine, 0], reference.running_mean)
            torch.testing.assert_close(ours.running_var[machine, 0], reference.running_var)
    ours.eval()
    x = torch.randn(2, 5, 4, dtype=torch.float64)
    for machine, reference in enumerate(theirs):
        torch.testing.assert_close(ours(x)[machine], reference.eval()(x[machine]))


def test_batch_norm_has_the_baselines_momentum_and_eps():
    layer = BatchNorm(1, 1)
    layer(torch.tensor([[[10.0], [30.0]]]))
    assert float(layer.running_mean) == pytest.approx(0.01 * 20)
    assert float(layer.running_var) == pytest.approx(0.99 + 0.01 * 200)
    still = BatchNorm(1, 1)
    constant = still(torch.tensor([[[0.0], [0.002]]]))  # variance 1e-6, far below eps
    assert float(constant.detach()[0, 1, 0]) == pytest.approx(0.001 / math.sqrt(1e-3 + 1e-6), rel=1e-4)


def test_batch_norm_gradient_by_finite_differences():
    torch.manual_seed(1)
    layer = BatchNorm(2, 3).double()
    rows = rows_that_count([5, 3], 5)
    x = torch.randn(2, 5, 3, dtype=torch.float64, requires_grad=True)

    def forward(x, scale, shift):
        given = {"scale": scale, "shift": shift}
        return torch.func.functional_call(layer, given, (x, rows)) * rows

    scale = torch.rand(2, 1, 3, dtype=torch.float64, requires_grad=True)
    shift = torch.rand(2, 1, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(forward, (x, scale, shift))


def test_a_machine_without_a_row_stays_finite():
    layer = BatchNorm(2, 3)
    rows = torch.tensor([1.0, 0.0])[:, None, None].expand(2, 4, 1)
    y = layer(torch.randn(2, 4, 3), rows)
    assert torch.all(torch.isfinite(y))
    assert torch.all(torch.isfinite(layer.running_var))


def test_stack_is_linear_norm_relu_as_often_as_asked():
    stack = Stack(seeded(0, 1), [6, 5, 4, 3])
    x, rows = torch.randn(2, 8, 6), torch.ones(2, 8, 1)
    y = stack(x, rows)
    for machine in range(2):
        layers = []
        for linear in stack.linears:
            plain = nn.Linear(linear.weight.shape[1], linear.weight.shape[2])
            with torch.no_grad():
                plain.weight.copy_(linear.weight[machine].T)
                plain.bias.copy_(linear.bias[machine, 0])
            layers += [plain, nn.BatchNorm1d(linear.weight.shape[2], eps=1e-3), nn.ReLU()]
        torch.testing.assert_close(y[machine], nn.Sequential(*layers)(x[machine]), atol=1e-5, rtol=1e-4)
