"""Sub-cluster AdaCos: a softmax over the cosines to several centres per class.

Wilkinghoff, "Sub-cluster AdaCos: learning representations for anomalous sound detection", IJCNN 2021, with
the fixed scale √2 · log(C·S − 1) of AdaCos (Zhang et al., CVPR 2019) and trainable centres. The clips of a
class may form several clusters: each class has S centres, and its probability is the sum over them.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, normalize


class SubClusterAdaCos(nn.Module):
    """Log-probabilities of C classes from embeddings, with S centres per class."""

    def __init__(self, dimensions: int, classes: int, centres: int, generator: torch.Generator) -> None:
        super().__init__()
        self.classes, self.centres = classes, centres
        start = torch.randn(classes * centres, dimensions, generator=generator)
        self.weight = nn.Parameter(normalize(start))  # (C·S, D)
        self.scale = math.sqrt(2) * math.log(max(classes * centres - 1, 2))

    def forward(self, embedding: Tensor) -> Tensor:
        """The (B, C) log-probabilities of (B, D) embeddings."""
        cosine = linear(normalize(embedding), normalize(self.weight))  # (B, C·S)
        log_p = torch.log_softmax(self.scale * cosine, dim=1)
        return log_p.view(-1, self.classes, self.centres).logsumexp(2)  # (B, C)

    def loss(self, embedding: Tensor, labels: Tensor) -> Tensor:
        """The mean cross-entropy with (B, C) labels, which sum to 1 and need not be one-hot."""
        return -(labels * self(embedding)).sum(1).mean()
