"""Probabilities of classes with several centres each."""

from __future__ import annotations

import math

import pytest
import torch

from auscult.detectors.discriminative.adacos import SubClusterAdaCos


def head(classes: int = 3, centres: int = 4, dimensions: int = 8) -> SubClusterAdaCos:
    return SubClusterAdaCos(dimensions, classes, centres, torch.Generator().manual_seed(0))


def test_probabilities_sum_to_one_and_ignore_the_length_of_the_embedding():
    x = torch.randn(5, 8, generator=torch.Generator().manual_seed(1))
    log_p = head()(x)
    assert log_p.shape == (5, 3)
    torch.testing.assert_close(log_p.exp().sum(1), torch.ones(5))
    torch.testing.assert_close(head()(7 * x), log_p)


def test_a_class_is_as_probable_as_its_centres_together():
    adacos = head()
    x = torch.randn(8, generator=torch.Generator().manual_seed(1))
    weights = []
    for centre in adacos.weight.detach():  # by the definition, one centre after the other
        cosine = torch.dot(x, centre) / (x.norm() * centre.norm())
        weights.append(math.exp(math.sqrt(2) * math.log(3 * 4 - 1) * float(cosine)))
    expected = [sum(weights[4 * c : 4 * c + 4]) / sum(weights) for c in range(3)]
    assert adacos(x[None])[0].exp().tolist() == pytest.approx(expected, rel=1e-4)


def test_any_centre_of_a_class_is_as_good():
    adacos = head(dimensions=64)
    assert adacos(adacos.weight).argmax(1).tolist() == [0] * 4 + [1] * 4 + [2] * 4


def test_the_loss_of_mixed_labels_is_mixed_and_one_class_costs_nothing():
    x = torch.randn(2, 8, generator=torch.Generator().manual_seed(1))
    adacos, eye = head(), torch.eye(3)
    parts = [adacos.loss(x, eye[[c, c]]).item() for c in (0, 1)]
    mixed = torch.tensor([[0.25, 0.75, 0.0]]).expand(2, 3)
    assert adacos.loss(x, mixed).item() == pytest.approx(0.25 * parts[0] + 0.75 * parts[1], rel=1e-5)
    assert head(classes=1).loss(x, torch.ones(2, 1)).item() == pytest.approx(0, abs=1e-6)


def test_centres_are_learnt():
    adacos = head()
    adacos.loss(torch.randn(2, 8), torch.eye(3)[:2]).backward()
    assert adacos.weight.grad is not None
    assert float(adacos.weight.grad.abs().sum()) > 0
