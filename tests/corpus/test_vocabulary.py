"""What names say about recordings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auscult.corpus import vocabulary
from auscult.corpus.vocabulary import (
    condition_if_nothing_else,
    condition_of_name,
    holds_conditions,
    is_unexplained_class,
    only_negates,
    qualifies_normal,
)

ANOMALY_WORDS = sorted(set(vocabulary._ANOMALY.split()) | set(vocabulary._ANOMALY_PARTS.split()))
NORMAL_WORDS = sorted(vocabulary._NORMAL.split())
FILLERS = ["fan", "pump", "m", "engine", "rec", "june", "x", "unit", "Motor", "test", "rig", "left"]
SEPARATORS = ["_", "-", ".", " ", "__", "1", "_02_", "+", "(", "·"]


def described(names: str) -> dict[str, str | None]:
    return {name: condition_of_name(name) for name in names.split()}


def test_words_of_inspectors_and_of_other_languages() -> None:
    anomalies = (
        "faulty Anomalous BROKEN bad defect_3 NOK ng Reject scrap crack engine2_broken m_faulty defekt "
        "STÖRUNG stoerung beschaedigt Lagerschaden BearingFault bearingfault défaut cassé averia rotto falha "
        "kapot uszkodzony неисправен ДЕФЕКТ 異常 故障 不合格 ＮＧ 불량 01bad02 AnomalousSound_IND "
        "outlier worn leak"
    )
    normals = (
        "normal Normal NORMAL_2 good ok OK okay Healthy intact undamaged faultless gut fehlerfrei "
        "unbeschädigt sain bueno normale исправен 正常 良品 NormalSound_IND engine1_good iO i.O. IO pass"
    )
    assert set(described(anomalies).values()) == {"anomaly"}, described(anomalies)
    assert set(described(normals).values()) == {"normal"}, described(normals)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "no_fault",
            "fault free",
            "fault-free",
            "FaultFree",
            "faultfree",
            "not ok",
            "NotOK",
            "n.i.O.",
            "niO",
        ),
        *(
            "nicht i.O.",
            "nicht in Ordnung",
            "kein Fehler",
            "pas de défaut",
            "sin defecto",
            "ohneFehler",
            "nOK",
        ),
        *(
            "without any defect",
            "free of faults",
            "non-faulty",
            "unbroken",
            "not_normal",
            "normal_not",
            "ok: no",
        ),
        *(
            "healthy_fault",
            "ok_or_broken",
            "pass_fail",
            "无异常",
            "異常なし",
            "ab-normal",
            "fault_none",
            "NIO",
        ),
        *("no bearing fault", "zero_errors", "нет дефект"),
    ],
)
def test_negations_and_contradictions_are_unclear(name: str) -> None:
    assert condition_of_name(name) == "unclear"


@pytest.mark.parametrize(
    "name",
    [
        *(
            "monday",
            "test_rig",
            "fan",
            "default",
            "low_pass",
            "first_pass",
            "normalized",
            "unnormalised",
            "noise",
        ),
        *("goodyear", "nook", "gutter", "fault_detection", "AnomalyDetector", "ring", "none", "in_use", ""),
        *(
            "engine3_heavyload",
            "IR007",
            "Bearing",
            "Flywheel",
            "section_00_source_test_0000",
            "20240101",
            "…",
        ),
        *("3f2bad4c-1bad-4f00-9bad-0123456789ab", "0123456789bad4567890"),
    ],
)
def test_other_names_say_nothing(name: str) -> None:
    assert condition_of_name(name) is None


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        *((name, "unclear") for name in ("ikke_ok", "ej ok", "não_conforme", "tidak normal", "nem jó")),
        *((name, "unclear") for name in ("정상아님", "正常不", "לא תקין", "normal değil", "isNormal=false")),
        *(
            (name, "anomaly")
            for name in ("arızalı", "ARIZALI", "rikki", "hibás", "ødelagt", "不良品", "NG品")
        ),
        *((name, "anomaly") for name in ("badmotor", "MotorBad", "Schlechtteile", "Lagerfehler", "KO", "HS")),
        *((name, "normal") for name in ("sağlam", "kunnossa", "OK品", "ठीक", "سليم", "κανονικό", "Baseline")),
        *((name, "normal") for name in ("goodmotor", "pumpok", "Gutteile", "PUMPNORMAL1")),
        *((name, "unclear") for name in ("nomal", "faluty", "helathy", "Anomlay")),
        *((name, None) for name in ("formal", "norman", "new_baseline_mic", "fancy", "ko_samui")),
    ],
)
def test_other_languages_compounds_and_misspellings(name: str, meaning: str | None) -> None:
    assert condition_of_name(name) == meaning


def test_classes_without_their_meaning() -> None:
    for name in ("class_1", "label A", "severity-2", "positive", "False", "yes"):
        assert is_unexplained_class(name), name
    for name in ("class", "No 3", "state_1", "x_y", "machine_1", "2", ""):
        assert not is_unexplained_class(name), name


def test_names_that_only_negate() -> None:
    assert all(map(only_negates, ("no", "NOT", "kein", "false")))
    assert not any(map(only_negates, ("no_load", "No.3", "normal", "")))


def test_words_before_a_word_for_normal() -> None:
    assert qualifies_normal("hampir_normal")
    assert not any(map(qualifies_normal, ("normal_load", "normal", "recording normal", "ok_good")))


def test_a_negation_of_something_else() -> None:
    assert (condition_of_name("normal_no_load"), condition_of_name("faulty_no_load")) == ("normal", "anomaly")


def test_accents_may_be_composed_or_not() -> None:
    assert condition_of_name("de\u0301faut") == condition_of_name("d\u00e9faut") == "anomaly"


def test_names_in_which_every_word_is_about_the_condition() -> None:
    names = {"faulty": "anomaly", "Normal": "normal", "AnomalousSound_IND": "anomaly", "bad data": "anomaly"}
    names |= {"not ok": "unclear", "n.i.O.": "unclear"}
    assert {name: condition_if_nothing_else(name) for name in names} == names
    for name in ("m_faulty", "leaky_pump", "good_fan", "engine2_broken", "monday", ""):
        assert condition_if_nothing_else(name) is None


def test_columns_that_state_the_condition() -> None:
    for column in (
        "label",
        "Class",
        "status",
        "target",
        "anomaly",
        "is_anomaly",
        "Machine Status",
        "isFaulty",
        "OK",
    ):
        assert holds_conditions(column, set()), column
    for column in ("remark", "operator", "path", "speed", "temperature", "date", "rpm"):
        assert not holds_conditions(column, {"3"}), column


@pytest.mark.parametrize(
    ("column", "cells", "expected"),
    [
        ("kind", {"normal", "inner"}, True),
        ("kind", {"normal"}, False),
        ("load", {"normal", "high"}, False),
        ("remark", {"new cable", "faulty"}, True),
        ("remark", {"new cable", "yes"}, False),
        ("y", {"0", "1"}, True),
        ("y", {"0.5", "1"}, False),
        ("isok", {"1"}, True),
        ("Fehlerart", {"x"}, True),
    ],
)
def test_columns_are_judged_by_their_cells_too(column: str, cells: set[str], expected: bool) -> None:
    assert holds_conditions(column, cells) == expected


def any_case(word: str) -> st.SearchStrategy[str]:
    """A word in lower case, in upper case, capitalised, or with each letter in any case."""
    flips = st.lists(st.booleans(), min_size=len(word), max_size=len(word))
    mixed = flips.map(lambda bits: "".join(c.upper() if b else c for c, b in zip(word, bits, strict=True)))
    return st.one_of(st.sampled_from([word, word.upper(), word.capitalize()]), mixed)


@given(
    word=st.sampled_from(ANOMALY_WORDS).flatmap(any_case),
    before=st.lists(st.tuples(st.sampled_from(FILLERS), st.sampled_from(SEPARATORS)), max_size=3),
    after=st.lists(st.tuples(st.sampled_from(SEPARATORS), st.sampled_from(FILLERS)), max_size=3),
)
def test_no_word_for_an_anomaly_in_any_position_means_normal_or_nothing(
    word: str, before: list[tuple[str, str]], after: list[tuple[str, str]]
) -> None:
    name = "".join(map("".join, before)) + word + "".join(map("".join, after))
    assert condition_of_name(name) in ("anomaly", "unclear")


@given(
    anomaly=st.sampled_from(ANOMALY_WORDS),
    normal=st.sampled_from(NORMAL_WORDS),
    separator=st.sampled_from(SEPARATORS),
)
def test_words_for_both_are_unclear(anomaly: str, normal: str, separator: str) -> None:
    assert condition_of_name(anomaly + separator + normal) == "unclear"
    assert condition_of_name(normal + separator + anomaly) == "unclear"


@given(st.text(max_size=40))
def test_any_text_is_read(name: str) -> None:
    assert condition_of_name(name) in ("normal", "anomaly", "unclear", None)
    assert condition_if_nothing_else(name) in (condition_of_name(name), None)
