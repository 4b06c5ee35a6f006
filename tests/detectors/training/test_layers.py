"""Fleet layers compared with PyTorch's layers, one machine at a time."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from auscult.detectors.training.layers import BatchNorm, Linear, Stack, mean_squared_error


def seeded(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(s) for s in seeds]


def mask_of(counts: list[int], length: int) -> torch.Tensor:
    """The mask (M, length, 1) of ``counts`` real vectors per machine."""
    return (torch.arange(length)[None, :] < torch.tensor(counts)[:, None])[..., None].double()


def test_linear_is_initialised_within_the_bounds_of_torch():
    ours, theirs = Linear(seeded(0, 1), 64, 256), nn.Linear(64, 256)
    bound = 1 / math.sqrt(64)
    for parameter in (ours.weight, ours.bias, theirs.weight, theirs.bias):
        assert float(parameter.detach().abs().max()) <= bound
        assert float(parameter.detach().abs().max()) > 0.97 * bound, "the whole range is used"
    assert abs(float(ours.weight.detach().mean())) < 0.02 * bound
    assert float(ours.weight.detach().std()) == pytest.approx(bound / math.sqrt(3), rel=0.03)


def test_the_weights_of_a_machine_depend_on_the_seed_only():
    fleet = Linear(seeded(3, 4), 6, 5)
    alone = Linear(seeded(4), 6, 5)
    assert torch.equal(fleet.weight[1], alone.weight[0])
    assert torch.equal(fleet.bias[1], alone.bias[0])
    assert not torch.equal(fleet.weight[0], fleet.weight[1])


def test_linear_uses_separate_weights_for_every_machine():
    layer, x = Linear(seeded(0, 1, 2), 7, 4), torch.randn(3, 9, 7)
    for machine in range(3):
        expected = nn.functional.linear(x[machine], layer.weight[machine].T, layer.bias[machine, 0])
        torch.testing.assert_close(layer(x)[machine], expected)


def plain(linear: Linear, norm: BatchNorm, machine: int) -> nn.Sequential:
    """PyTorch's layers with the weights of one machine."""
    theirs = nn.Linear(linear.weight.shape[1], linear.weight.shape[2])
    batch_norm = nn.BatchNorm1d(linear.weight.shape[2], momentum=0.01, eps=1e-3)
    with torch.no_grad():
        theirs.weight.copy_(linear.weight[machine].T)
        theirs.bias.copy_(linear.bias[machine, 0])
        batch_norm.weight.copy_(norm.scale[machine, 0])
        batch_norm.bias.copy_(norm.shift[machine, 0])
    return nn.Sequential(theirs, batch_norm, nn.ReLU()).to(linear.weight.dtype)


@pytest.mark.parametrize("counts", [[12, 12], [12, 5], [2, 9]], ids=str)
def test_a_layer_matches_torch_on_the_real_vectors(counts):
    torch.manual_seed(0)
    stack = Stack(seeded(3, 4), [6, 4]).double()
    (linear,), (norm,) = stack.linears, stack.norms
    with torch.no_grad():
        norm.scale.uniform_(0.5, 2)
        norm.shift.uniform_(-1, 1)
    theirs = [plain(linear, norm, machine) for machine in range(2)]
    mask = mask_of(counts, 12)
    for _ in range(3):  # running statistics accumulate
        x = (3 + 2 * torch.randn(2, 12, 6, dtype=torch.float64)).requires_grad_()
        upstream = torch.randn(2, 12, 4, dtype=torch.float64) * mask
        y = stack(x, mask)
        inputs = [x, linear.weight, norm.scale, norm.shift]
        g_x, *gradients = torch.autograd.grad((y * upstream).sum(), inputs)
        for machine, (count, reference) in enumerate(zip(counts, theirs, strict=True)):
            x_alone = x[machine, :count].detach().requires_grad_()
            expected = reference(x_alone)
            torch.testing.assert_close(y[machine, :count], expected)
            first, second = reference[:2]
            inputs_alone = [x_alone, first.weight, second.weight, second.bias, first.bias]
            expected_g_x, weight, scale, shift, bias = torch.autograd.grad(
                (expected * upstream[machine, :count]).sum(), inputs_alone
            )
            torch.testing.assert_close(g_x[machine, :count], expected_g_x)
            assert torch.all(g_x[machine, count:] == 0), "padding has no effect"
            for gradient, expected_gradient in zip(gradients, (weight.T, scale, shift), strict=True):
                torch.testing.assert_close(gradient[machine].squeeze(0), expected_gradient)
            assert float(bias.abs().max()) < 1e-12, "the normalisation cancels the bias"
            torch.testing.assert_close(norm.running_mean[machine, 0], second.running_mean)
            torch.testing.assert_close(norm.running_var[machine, 0], second.running_var)
    stack.eval()
    x = torch.randn(2, 5, 6, dtype=torch.float64)
    for machine in range(2):
        torch.testing.assert_close(stack(x)[machine], theirs[machine].eval()(x[machine]))


def test_batch_norm_has_the_momentum_and_eps_of_the_baseline():
    stack = Stack(seeded(0), [1, 1])
    (linear,), (norm,) = stack.linears, stack.norms
    with torch.no_grad():
        linear.weight.fill_(1.0)
        linear.bias.fill_(0.0)
    stack(torch.tensor([[[10.0], [30.0]]]))
    assert float(norm.running_mean) == pytest.approx(0.01 * 20)
    assert float(norm.running_var) == pytest.approx(0.99 + 0.01 * 200)
    constant = stack(torch.tensor([[[0.0], [0.002]]]))  # variance 1e-6, far below eps
    assert float(constant.detach()[0, 1, 0]) == pytest.approx(0.001 / math.sqrt(1e-3 + 1e-6), rel=1e-4)


def test_gradients_of_a_stack_match_finite_differences():
    torch.manual_seed(1)
    stack = Stack(seeded(5, 6), [3, 4, 2]).double()
    mask = mask_of([5, 3], 5)
    x = torch.randn(2, 5, 3, dtype=torch.float64, requires_grad=True)
    names = [name for name, _ in stack.named_parameters() if "bias" not in name]

    def forward(x, *weights):
        given = dict(zip(names, weights, strict=True))
        return torch.func.functional_call(stack, given, (x, mask)) * mask

    weights = [stack.get_parameter(name) for name in names]
    assert torch.autograd.gradcheck(forward, (x, *weights))


def test_gradients_of_affine_and_mean_squared_error_match_finite_differences():
    torch.manual_seed(2)
    layer, mask = Linear(seeded(5, 6), 3, 4).double(), mask_of([5, 3], 5)
    x = torch.randn(2, 5, 3, dtype=torch.float64, requires_grad=True)
    target = torch.randn(2, 5, 4, dtype=torch.float64)

    def forward(x, weight, bias):
        y = torch.func.functional_call(layer, {"weight": weight, "bias": bias}, (x,))
        return mean_squared_error(y, target, mask)

    assert torch.autograd.gradcheck(forward, (x, layer.weight, layer.bias))
    errors = (layer(x) - target).square()
    expected = [errors[0].mean(), errors[1, :3].mean()]
    torch.testing.assert_close(mean_squared_error(layer(x), target, mask), torch.stack(expected))


def test_a_machine_without_real_vectors_stays_finite():
    stack = Stack(seeded(0, 1), [3, 3])
    y = stack(torch.randn(2, 4, 3), torch.tensor([1.0, 0.0])[:, None, None].expand(2, 4, 1))
    assert torch.all(torch.isfinite(y))
    assert torch.all(torch.isfinite(stack.norms[0].running_var))


def test_stack_is_repeated_linear_norm_relu():
    stack = Stack(seeded(0, 1), [6, 5, 4, 3])
    x, mask = torch.randn(2, 8, 6), torch.ones(2, 8, 1)
    y = stack(x, mask)
    for machine in range(2):
        layers = [plain(*pair, machine) for pair in zip(stack.linears, stack.norms, strict=True)]
        torch.testing.assert_close(y[machine], nn.Sequential(*layers)(x[machine]), atol=1e-5, rtol=1e-4)
