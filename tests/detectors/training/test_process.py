"""PyTorch settings that training changes and restores."""

from __future__ import annotations

import torch

from auscult.detectors.training.process import torch_single_thread


def test_torch_single_thread_restores_the_previous_count():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with torch_single_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
