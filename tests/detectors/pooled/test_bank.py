"""The bank of normal clips: domains, groups and storage; and the option ``views``."""

from __future__ import annotations

import json

import numpy as np
import pytest

from auscult.corpus import Clip
from auscult.detectors.options import make_config
from auscult.detectors.pooled.bank import NormalBank
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


def bank_of(*clips: Clip) -> NormalBank:
    return NormalBank(np.zeros((len(clips), 2, 3), np.float32), clips)


def test_domains_and_groups():
    bank = bank_of(*CLIPS)
    assert bank.target.tolist() == [False, True, False, False, False, True]
    assert bank.target.sum() == 2, "a clip of unknown domain counts as source"
    same = bank.groups[:, None] == bank.groups
    pairs = {(i, j) for i, j in zip(*np.nonzero(same), strict=True) if i < j}
    assert pairs == {(0, 2), (4, 5)}


def test_round_trip_through_facts():
    bank = bank_of(*CLIPS)
    restored = NormalBank.from_facts(bank.vectors, json.loads(json.dumps(bank.to_facts())))
    assert restored.clips == bank.clips
    early = NormalBank.from_facts(bank.vectors[:2], [["factory", None], ["target", None]])
    assert early.target.tolist() == [False, True], "domains of early models were not checked"


def test_selection_and_concatenation():
    bank = bank_of(*CLIPS)
    mask = np.array([True, False, False, True, False, True])
    assert bank.select(mask).clips == (CLIPS[0], CLIPS[3], CLIPS[5])
    total = bank.select(mask) + bank.select(~mask)
    assert len(total) == len(bank) == len(total.vectors)
    assert total.clips == tuple(CLIPS[i] for i in (0, 3, 5, 1, 2, 4))


def test_the_option_views():
    assert make_config("spectral_memory").view_names == FAMILIES["levels"]
    assert make_config("spectral_memory", settings={"views": "max, std"}).view_names == ("max", "std")


@pytest.mark.parametrize("views", ["loudness", "max,max", "", "all,max"])
def test_invalid_views_are_rejected(views):
    with pytest.raises(OptionError, match="views="):
        make_config("spectral_memory", settings={"views": views})


def test_fitting_needs_recordings():
    with pytest.raises(FitError, match="at least 2 are required"):
        SpectralMemory().fit([])
