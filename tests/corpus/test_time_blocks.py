"""Blocks of time within few recordings."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from auscult.corpus.time_blocks import boundary_windows, time_blocks


@given(st.lists(st.integers(1, 200), min_size=1, max_size=4))
def test_blocks_are_contiguous_and_at_least_five(lengths):
    blocks = time_blocks(lengths)
    assert [len(block) for block in blocks] == lengths
    assert all(block == sorted(block) and set(block) == set(range(max(block) + 1)) for block in blocks)
    assert sum(max(block) + 1 for block in blocks) >= min(5, sum(lengths))
    for block in blocks:
        sizes = [block.count(number) for number in set(block)]
        assert max(sizes) - min(sizes) <= 1


def test_one_window_is_left_out_between_blocks_that_have_more_than_one():
    assert time_blocks([10]) == [[0, 0, 1, 1, 2, 2, 3, 3, 4, 4]]
    assert boundary_windows([0, 0, 1, 1, 2, 2]) == [1, 3]
    assert boundary_windows([0, 1, 2]) == []
    assert boundary_windows([0, 0, 0]) == []
