"""What a bank knows of its clips, and what its detectors refuse."""

from __future__ import annotations

import json

import numpy as np
import pytest

from auscult.corpus import Clip
from auscult.detectors.options import make_config
from auscult.detectors.pooled.bank import Bank
from auscult.detectors.pooled.spectral_memory import SpectralMemory
from auscult.detectors.statistics.pooled_views import FAMILIES
from auscult.errors import FitError, OptionError

CLIPS = (
    Clip("", domain="source", source_recording="one"),
    Clip("", domain="target"),
    Clip("", source_recording="one"),
    Clip("", domain="source"),
    Clip("", domain="source", source_recording="two"),
    Clip("", domain="target", source_recording="two"),
)


def bank_of(*clips: Clip) -> Bank:
    return Bank(np.zeros((len(clips), 2, 3), np.float32), clips)


def test_domains_and_groups():
    bank = bank_of(*CLIPS)
    assert bank.target.tolist() == [False, True, False, False, False, True]
    assert bank.domains == "4 + 2", "a clip of unknown domain counts as source"
    same = bank.groups[:, None] == bank.groups
    pairs = {(i, j) for i, j in zip(*np.nonzero(same), strict=True) if i < j}
    assert pairs == {(0, 2), (4, 5)}


def test_as_facts_and_back():
    bank = bank_of(*CLIPS)
    again = Bank.from_facts(bank.vectors, json.loads(json.dumps(bank.as_facts())))
    assert again.clips == bank.clips


def test_parts_and_sums():
    bank = bank_of(*CLIPS)
    chosen = np.array([True, False, False, True, False, True])
    assert bank.only(chosen).clips == (CLIPS[0], CLIPS[3], CLIPS[5])
    whole = bank.only(chosen) + bank.only(~chosen)
    assert len(whole) == len(bank) == len(whole.vectors)
    assert whole.clips == tuple(CLIPS[i] for i in (0, 3, 5, 1, 2, 4))


def test_views_by_option():
    assert make_config("spectral_memory").view_names == FAMILIES["levels"]
    assert make_config("spectral_memory", settings={"views": "max, std"}).view_names == ("max", "std")


@pytest.mark.parametrize("views", ["loudness", "max,max", "", "all,max"])
def test_views_that_do_not_exist(views):
    with pytest.raises(OptionError, match="views="):
        make_config("spectral_memory", settings={"views": views})


def test_nothing_to_learn_from():
    with pytest.raises(FitError, match="at least 2"):
        SpectralMemory().fit([])
