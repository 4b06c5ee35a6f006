"""Members: names, options and front ends."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from auscult.detectors import detector_type
from auscult.detectors.ensemble.members import MEMBERS, chosen_members, order_members
from auscult.errors import OptionError
from auscult.spectrum import FrontEnd, order_front_end, shorter_frames


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
    assert config.front_end == shorter_frames(front_end, member.divisor)
    assert not kind.required_options
    assert member.trains == bool(kind.extra)


def test_each_family_has_members_of_three_lengths_of_frames():
    assert [name for name, member in MEMBERS.items() if member.divisor == 4] == [
        "quarter_levels", "quarter_modulation", "quarter_neighbours", "quarter_residual", "quarter_error",
    ]  # fmt: skip
    for name, member in MEMBERS.items():
        if member.divisor > 1:
            standard = MEMBERS[name.partition("_")[2]]
            assert (standard.divisor, standard.weight, standard.score) == (1, member.weight, member.score)


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


def test_members_for_orders_follow_those_that_are_no_networks():
    n_fft, front_end = 8192, FrontEnd(sample_rate=20_000)
    orders = order_members(n_fft)
    assert list(chosen_members("untrained", order_n_fft=n_fft)) == [*chosen_members("untrained"), *orders]
    chosen = chosen_members("levels,vae,order_levels", order_n_fft=n_fft)
    assert list(chosen) == ["levels", "order_levels", "vae"]
    config, standard = (chosen[name].config(7, front_end) for name in ("order_levels", "levels"))
    assert config.front_end == order_front_end(front_end, n_fft)
    assert replace(config, front_end=front_end) == standard
    untrained = chosen_members("untrained", order_n_fft=n_fft)
    weights = [sum(m.weight for m in untrained.values() if bool(m.order_n_fft) == of) for of in (True, False)]
    assert weights[0] == weights[1], "the frames for orders count as much as all others together"
    with pytest.raises(OptionError, match=r"order_levels needs frames.* set order_n_fft"):
        chosen_members("order_levels")
