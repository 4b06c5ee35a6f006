"""Checks of recordings before a model is fitted on them."""

from __future__ import annotations

import pytest

from auscult.corpus import Clip
from auscult.corpus.training_checks import common_format
from auscult.errors import FitError


def test_if_no_file_can_be_read_three_are_named_with_the_reason_and_the_others_counted(tmp_path):
    paths = [tmp_path / f"{i}.wav" for i in range(5)]
    for path in paths:
        path.write_bytes(b"no audio at all " * 40)
    with pytest.raises(FitError) as caught:
        common_format([Clip(str(path)) for path in paths])
    message = str(caught.value)
    assert "none of 5 recordings can be read" in message
    assert [str(path) in message for path in paths] == [True, True, True, False, False]
    assert message.endswith("and 2 more")
    assert message.count("cannot be decoded as audio") == 3
