"""Matrix products of a fleet: equal numbers for every implementation, and the error of lower precisions."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from auscult.detectors.training.products import precision, product_in_use

CPU = torch.device("cpu")


def multiplied(name: str, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    with precision(name):
        return product_in_use()(a, b)


@pytest.mark.parametrize("machines", [1, 3])
def test_products_match_torch_for_every_memory_layout(machines):
    torch.manual_seed(0)
    a, b = torch.randn(machines, 20, 30), torch.randn(machines, 30, 12)
    for left, right in ((a, b), (a.mT.contiguous().mT, b), (a, b.mT.contiguous().mT)):
        exact = torch.bmm(left.double(), right.double())
        torch.testing.assert_close(multiplied("float32", left, right).double(), exact, rtol=1e-5, atol=1e-5)
        assert multiplied("float32", left, right).is_contiguous()
    assert torch.equal(multiplied("float32", a.double(), b.double()), torch.bmm(a.double(), b.double()))


@pytest.mark.parametrize("name", ["float32", "bf16"])
def test_a_machine_gives_the_same_product_in_a_fleet_and_alone(name):
    torch.manual_seed(1)
    a, b = torch.randn(4, 16, 24), torch.randn(4, 24, 8)
    together = multiplied(name, a, b)
    for machine in range(4):
        alone = multiplied(name, a[machine : machine + 1], b[machine : machine + 1])
        torch.testing.assert_close(together[machine], alone[0], rtol=1e-6, atol=1e-6)


def test_bf16_keeps_two_to_three_digits_and_returns_float32():
    torch.manual_seed(2)
    a, b = torch.randn(2, 50, 640), torch.randn(2, 640, 30)
    exact, rounded = torch.bmm(a, b), multiplied("bf16", a, b)
    assert rounded.dtype == torch.float32
    error = float((rounded - exact).norm() / exact.norm())
    assert 1e-4 < error < 1e-2, "rounded to eight bits and not more"


def test_bf16_on_a_processor_without_it():
    code = (
        "import torch; from auscult.detectors.training.products import bf16_product as product; "
        "assert float(product(torch.ones(2, 3, 4), torch.ones(2, 4, 5)).sum()) == 120"
    )
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"}
    process = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr


def test_precision_is_restored_after_the_block():
    before = product_in_use()
    with precision("bf16"):
        assert product_in_use() is not before
    assert product_in_use() is before
