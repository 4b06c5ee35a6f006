"""Clip and Corpus."""

from __future__ import annotations

import dataclasses
import pickle

import pytest

from auscult.corpus import Clip, Corpus
from auscult.errors import OptionError

CLIPS = [
    Clip("a.wav", machine="pump", section="00", split="train", condition="normal"),
    Clip("b.wav", machine="fan", section="02", split="test", condition="anomaly"),
    Clip("c.wav", machine="pump", section="02", split="test"),
]


def test_unknown_fields_are_none() -> None:
    clip = Clip("a.wav")
    unknown = [
        getattr(clip, f.name) for f in dataclasses.fields(clip) if f.name not in ("path", "attributes")
    ]
    assert set(unknown) == {None}
    assert dict(clip.attributes) == {}


def test_clips_are_immutable_and_picklable() -> None:
    clip = Clip("a.wav")
    with pytest.raises(dataclasses.FrozenInstanceError):
        clip.machine = "fan"  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(clip)) == clip  # other processes score clips


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("condition", "monday"),
        ("condition", "no_fault"),  # unclear in a manifest too
        ("condition", 1),
        ("condition", ""),
        ("split", "val"),
        ("domain", "foo"),
        ("domain", ["source"]),
    ],
)
def test_other_values_are_refused(field, value) -> None:
    with pytest.raises(OptionError) as error:
        Clip("a.wav", **{field: value})
    allowed = {"split": ["train", "test"], "domain": ["source", "target"], "condition": ["normal", "anomaly"]}
    assert all(word in str(error.value) for word in [field, repr(value), *allowed[field]])


def test_the_condition_is_stated_as_in_a_manifest() -> None:
    words = ("normal", "ok", "0", "anomaly", "broken", "1", None)
    assert [Clip("a.wav", condition=word).condition for word in words] == [
        *["normal"] * 3,
        *["anomaly"] * 3,
        None,
    ]
    assert dataclasses.replace(CLIPS[0], condition="defect").condition == "anomaly"


def test_a_corpus_is_a_sequence() -> None:
    corpus = Corpus(iter(CLIPS), root="data")
    assert len(corpus) == 3
    assert list(corpus) == CLIPS
    assert corpus[-1] is CLIPS[2]
    assert isinstance(corpus[1:], Corpus)
    assert list(corpus[1:]) == CLIPS[1:]
    assert corpus[1:].root == "data"
    assert CLIPS[1] in corpus
    assert "3 clips" in repr(corpus)


def test_where_selects_by_fields() -> None:
    corpus = Corpus(CLIPS, root="data")
    assert list(corpus.where(machine="pump", split="test")) == [CLIPS[2]]
    assert list(corpus.where(condition=None)) == [CLIPS[2]]
    assert list(corpus.where()) == CLIPS
    assert corpus.where(split="train").root == "data"
    with pytest.raises(AttributeError):
        corpus.where(colour="red")


def test_machines_and_sections_in_order_of_appearance() -> None:
    corpus = Corpus(CLIPS)
    assert corpus.machines == ("pump", "fan")
    assert corpus.sections == ("00", "02")
    assert Corpus([]).machines == ()
