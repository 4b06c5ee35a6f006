"""Candidate members: names, options, and the front end of short frames."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from auscult.detectors import detector_type
from auscult.detectors.ensemble.members import MEMBERS, chosen_members, short_frames
from auscult.errors import OptionError
from auscult.spectrum import FrontEnd, empty_bands, log_mel


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_every_member_can_be_configured(name, rate):
    member = MEMBERS[name]
    kind = detector_type(member.detector)
    front_end = FrontEnd(sample_rate=rate)
    config = member.config(7, front_end)
    assert isinstance(config, kind.config_type)
    assert kind(config).decisive_score == member.score
    assert member.score in kind.scores
    assert config.seed == 7
    assert config.front_end == (short_frames(front_end) if member.short_frames else front_end)
    assert not kind.required_options
    assert member.trains == bool(kind.extra)


@pytest.mark.parametrize("rate", [500, 4000, 8000, 11025, 16000, 22050, 44100, 48000])
def test_short_frames_are_short_at_every_rate(rate):
    default = FrontEnd(sample_rate=rate)
    front_end = short_frames(default)
    assert front_end.n_fft / rate == pytest.approx(0.016, abs=1 / rate)
    assert front_end.hop / rate == pytest.approx(0.004, abs=0.5 / rate)
    assert front_end.sample_rate == rate
    assert front_end.n_mels == 32 if rate >= 4000 else 1 <= front_end.n_mels < 32
    assert not len(empty_bands(front_end)), "every band contains a bin"
    for unchanged in ("f_min", "f_max", "floor"):
        assert getattr(front_end, unchanged) == getattr(default, unchanged)
    assert np.all(np.isfinite(log_mel(np.random.default_rng(0).normal(size=rate), front_end)))


def test_short_frames_have_at_most_the_bands_of_the_front_end():
    assert short_frames(FrontEnd(n_mels=16)).n_mels == 16


def test_short_frames_resolve_a_single_knock():
    """A knock of 4 ms raises the level of a frame of 16 ms much more than that of a frame of 64 ms."""
    noise = np.random.default_rng(0).normal(0, 1, 16000)
    with_knock = noise.copy()
    with_knock[8000:8064] *= 4
    long_rise, short_rise = (
        (log_mel(with_knock, f) - log_mel(noise, f)).mean(axis=1).max()
        for f in (FrontEnd(), short_frames(FrontEnd()))
    )
    assert short_rise > long_rise + 2


def test_members_are_selected_by_name_in_the_order_of_the_table():
    first, second, *_ = MEMBERS
    assert list(chosen_members(f" {second},{first},{second} ")) == [first, second]
    assert chosen_members(second) == {second: MEMBERS[second]}


def test_untrained_selects_all_members_without_a_network():
    untrained = {name: member for name, member in MEMBERS.items() if not member.trains}
    assert chosen_members("untrained") == untrained
    trained = next(name for name in MEMBERS if name not in untrained)
    assert chosen_members(f"untrained,{trained}") == {**untrained, trained: MEMBERS[trained]}
    assert list(chosen_members(f"untrained,{next(iter(untrained))}")) == list(untrained)


@pytest.mark.parametrize("names", ["ear", "levels,ear", "", "levels,"])
def test_an_unknown_name_is_rejected_and_the_known_ones_are_listed(names):
    with pytest.raises(OptionError, match=f"choose from {', '.join(MEMBERS)}, untrained and all"):
        chosen_members(names)


def test_all_selects_the_members_that_can_be_fitted_in_this_environment(monkeypatch):
    assert chosen_members("all") == MEMBERS
    monkeypatch.setitem(sys.modules, "torch", None)
    assert chosen_members("all") == chosen_members("untrained")
    assert chosen_members("classes"), "selected by name; fitting it raises MissingExtraError"


def test_an_encoder_is_a_member_before_the_networks():
    options = {"encoder": "beats.onnx", "encoder_rate": 32000}
    chosen = chosen_members("levels,classes", options)
    assert list(chosen) == ["levels", "encoder", "classes"]
    config = chosen["encoder"].config(7, FrontEnd(sample_rate=48000))
    assert (config.encoder, config.encoder_rate, config.score) == ("beats.onnx", 32000, "variance")
    assert config.front_end == FrontEnd(sample_rate=48000)
    assert list(chosen_members("encoder", options)) == ["encoder"]
    with pytest.raises(OptionError, match=r"the member encoder needs a pretrained encoder: set encoder="):
        chosen_members("untrained,encoder")
