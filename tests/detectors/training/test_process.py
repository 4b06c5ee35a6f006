"""What training asks of PyTorch, and that it is handed back."""

from __future__ import annotations

import torch

from auscult.detectors.training.process import one_thread


def test_one_thread_ends_with_its_block():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
