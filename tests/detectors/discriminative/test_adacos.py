"""Class probabilities of sub-cluster AdaCos."""

from __future__ import annotations

import math

import pytest
import torch

from auscult.detectors.discriminative.adacos import SubClusterAdaCos


def head(classes: int = 3, centres: int = 4, dimensions: int = 8) -> SubClusterAdaCos:
    return SubClusterAdaCos(dimensions, classes, centres, torch.Generator().manual_seed(0))


def test_probabilities_sum_to_one_and_do_not_depend_on_the_embedding_norm():
    x = torch.randn(5, 8, generator=torch.Generator().manual_seed(1))
    log_p = head()(x)
    assert log_p.shape == (5, 3)
    torch.testing.assert_close(log_p.exp().sum(1), torch.ones(5))
    torch.testing.assert_close(head()(7 * x), log_p)


def test_class_probability_is_the_sum_over_the_centres_of_the_class():
    adacos = head()
    x = torch.randn(8, generator=torch.Generator().manual_seed(1))
    weights = []
    for centre in adacos.weight.detach():  # the definition, as a loop over centres
        cosine = torch.dot(x, centre) / (x.norm() * centre.norm())
        weights.append(math.exp(math.sqrt(2) * math.log(3 * 4 - 1) * float(cosine)))
    expected = [sum(weights[4 * c : 4 * c + 4]) / sum(weights) for c in range(3)]
    assert adacos(x[None])[0].exp().tolist() == pytest.approx(expected, rel=1e-4)


def test_every_centre_is_classified_as_the_class_it_belongs_to():
    adacos = head(dimensions=64)
    assert adacos(adacos.weight).argmax(1).tolist() == [0] * 4 + [1] * 4 + [2] * 4


def test_loss_is_linear_in_the_labels_and_zero_for_a_single_class():
    x = torch.randn(2, 8, generator=torch.Generator().manual_seed(1))
    adacos, eye = head(), torch.eye(3)
    parts = [adacos.loss(x, eye[[c, c]]).item() for c in (0, 1)]
    mixed = torch.tensor([[0.25, 0.75, 0.0]]).expand(2, 3)
    assert adacos.loss(x, mixed).item() == pytest.approx(0.25 * parts[0] + 0.75 * parts[1], rel=1e-5)
    assert head(classes=1).loss(x, torch.ones(2, 1)).item() == pytest.approx(0, abs=1e-6)


def test_centres_are_trainable():
    adacos = head()
    adacos.loss(torch.randn(2, 8), torch.eye(3)[:2]).backward()
    assert adacos.weight.grad is not None
    assert float(adacos.weight.grad.abs().sum()) > 0
