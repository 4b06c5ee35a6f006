"""Contiguous blocks of time, for folds within few long recordings."""

from __future__ import annotations

from collections.abc import Sequence

#: With fewer recordings than this, folds by recording would hold out too many clips at a time.
MIN_RECORDINGS = 5


def time_blocks(lengths: Sequence[int]) -> list[list[int]]:
    """Divide few recordings into blocks of consecutive windows, at least `MIN_RECORDINGS` in all.

    Longer recordings are divided into more blocks; the blocks of one recording differ by one window at most.

    Args:
        lengths: number of windows of each recording.

    Returns:
        For each recording the block of each of its windows, numbered from 0 within the recording. There are
        fewer blocks only if there are fewer windows.
    """
    total = sum(lengths)
    blocks = []
    for length in lengths:
        count = min(length, -(-MIN_RECORDINGS * length // total)) if total else 0
        blocks.append([position * count // length for position in range(length)])
    return blocks


def boundary_windows(blocks: Sequence[int]) -> list[int]:
    """Return the positions of the windows to leave out between the blocks of one recording.

    It is the last window of each block but the last one. Blocks of one window are kept.
    """
    return [
        position
        for position in range(1, len(blocks) - 1)
        if blocks[position] != blocks[position + 1] and blocks[position] == blocks[position - 1]
    ]
