"""File-name grammars of DCASE Task 2."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auscult.corpus.dcase_names import (
    clip_at,
    parse_attributes,
    parse_name,
)

# section, index, split, domain, condition, tag, attributes, raw_attributes
NAMES = {
    # 2021 to 2026
    "section_00_source_train_normal_0000_car_A1_spd_28V_mic_1_noise_1.wav": (
        "00", "0000", "train", "source", "normal", None,
        {"car": "A1", "spd": "28V", "mic": "1", "noise": "1"}, "car_A1_spd_28V_mic_1_noise_1",
    ),
    "section_01_target_test_anomaly_0099_vel_15.wav": (
        "01", "0099", "test", "target", "anomaly", None, {"vel": "15"}, "vel_15",
    ),
    "section_02_target_test_normal_0003_vel_-0.5_load_+1.25.wav": (
        "02", "0003", "test", "target", "normal", None,
        {"vel": "-0.5", "load": "+1.25"}, "vel_-0.5_load_+1.25",
    ),
    "section_00_source_train_normal_0000_noAttribute.wav": (
        "00", "0000", "train", "source", "normal", None, {}, "noAttribute",
    ),
    "section_00_source_train_normal_0000_.wav": ("00", "0000", "train", "source", "normal", None, {}, ""),
    "section_00_source_train_normal_0000.wav": ("00", "0000", "train", "source", "normal", None, {}, None),
    "section_00_source_test_normal_0001_weight15_BckgF.wav": (
        "00", "0001", "test", "source", "normal", None, {}, "weight15_BckgF",
    ),
    "section_00_source_test_normal_0001_spd1000_BckgA.wav": (
        "00", "0001", "test", "source", "normal", None, {}, "spd1000_BckgA",
    ),
    "section_00_source_test_normal_0001_m-n_X.wav": (
        "00", "0001", "test", "source", "normal", None, {}, "m-n_X",
    ),
    "section_00_source_test_normal_0001_ac_0.03_.wav": (
        "00", "0001", "test", "source", "normal", None, {}, "ac_0.03_",
    ),
    "section_00_source_train_normal_0000_0_g_25_mm_2000_mV_none.wav": (
        "00", "0000", "train", "source", "normal", None, {}, "0_g_25_mm_2000_mV_none",
    ),
    "section_00_source_train_normal_0000_strength_1_ambient.wav": (
        "00", "0000", "train", "source", "normal", None, {}, "strength_1_ambient",
    ),
    # RoboticArm of 2024: no split
    "section_00_target_anomaly_0049_weight_5.wav": (
        "00", "0049", None, "target", "anomaly", None, {"weight": "5"}, "weight_5",
    ),
    # evaluation names: 2021, and from 2022 on
    "section_03_source_test_0000.wav": ("03", "0000", "test", "source", None, None, {}, None),
    "section_00_0199.wav": ("00", "0199", None, None, None, None, {}, None),
    # 2020
    "normal_id_00_00000000.wav": ("00", "00000000", None, None, "normal", None, {}, None),
    "anomaly_id_06_00000123.wav": ("06", "00000123", None, None, "anomaly", None, {}, None),
    "id_05_00000000.wav": ("05", "00000000", None, None, None, None, {}, None),
    # supplemental of 2025 and 2026
    "section_00_machine_0001_.wav": ("00", "0001", "supplemental", None, None, "machine", {}, ""),
    "section_00_noise_0012_mic_2.wav": (
        "00", "0012", "supplemental", None, None, "noise", {"mic": "2"}, "mic_2",
    ),
    "section_00_machine_source_0000_noAttribute.wav": (
        "00", "0000", "supplemental", "source", None, "machine", {}, "noAttribute",
    ),
    "section_00_source_supplemental_machine_0000.wav": (
        "00", "0000", "supplemental", "source", None, "machine", {}, None,
    ),
    "section_00_noise_supplemental_normal_0000.wav": (
        "00", "0000", "supplemental", None, None, "noise", {}, None,
    ),
    # variants of extension, case and folder
    "SECTION_00_Source_Train_Normal_0007_vel_15.FLAC": (
        "00", "0007", "train", "source", "normal", None, {"vel": "15"}, "vel_15",
    ),
    "fan/test/section_00_source_test_normal_0001_vel_0.5": (
        "00", "0001", "test", "source", "normal", None, {"vel": "0.5"}, "vel_0.5",
    ),
    r"C:\fan\test\anomaly_id_06_00000123.ogg": ("06", "00000123", None, None, "anomaly", None, {}, None),
}  # fmt: skip


@pytest.mark.parametrize(("name", "expected"), NAMES.items(), ids=NAMES.keys())
def test_parses_every_form_of_name(name: str, expected: tuple) -> None:
    fields = parse_name(name)
    assert fields is not None
    assert (
        fields.section, fields.index, fields.split, fields.domain, fields.condition, fields.tag,
        fields.attributes, fields.raw_attributes,
    ) == expected  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["", ".wav", "hum.wav", "section_00.wav", "section_xx_0000.wav", "normal_00000000.wav",
     "section_٣_0000.wav", "section_00_source_train_normal_.wav", "section_00_test_source_0001.wav",
     "my_section_00_0000.wav", "section_00_normal_test_0001.wav",
     "section_00_train_machine_0001.wav", "section_00_supplemental_0001.wav",
     "id_00_00000000_x.wav"],
)  # fmt: skip
def test_other_names_are_not_parsed(name: str) -> None:
    assert parse_name(name) is None


@given(st.text(max_size=80))
def test_never_raises(name: str) -> None:
    parse_name(name)
    parse_attributes(name)


@given(st.text(alphabet="section_0123sourcetargettrainnormal.wav-", max_size=60))
def test_parsed_fields_are_part_of_the_name(tail: str) -> None:
    fields = parse_name("section_00_" + tail)
    if fields is not None and fields.raw_attributes:
        assert fields.raw_attributes in tail
        assert fields.index in tail


keys = st.text(st.characters(categories=["Ll", "Lu"]), min_size=1, max_size=6)
values = st.text(
    st.characters(codec="ascii", categories=["Ll", "Lu", "Nd"], include_characters="+-."), min_size=1
)


@given(
    section=st.integers(0, 99),
    domain=st.sampled_from(["source", "target", None]),
    split=st.sampled_from(["train", "test", None]),
    condition=st.sampled_from(["normal", "anomaly", None]),
    index=st.integers(0, 9999),
    attributes=st.dictionaries(keys, values, max_size=5),
    extension=st.sampled_from([".wav", ".flac", ".WAV", ".ogg", ".mp3", ".aiff"]),
)
def test_generated_names_round_trip(section, domain, split, condition, index, attributes, extension) -> None:
    raw = "_".join(f"{k}_{v}" for k, v in attributes.items())
    slots = [f"section_{section:02d}", domain, split, condition, f"{index:04d}", raw or None]
    fields = parse_name("_".join(slot for slot in slots if slot) + extension)
    assert fields is not None
    assert (fields.section, fields.index) == (f"{section:02d}", f"{index:04d}")
    assert (fields.split, fields.domain, fields.condition) == (split, domain, condition)
    assert fields.attributes == attributes
    assert fields.raw_attributes == (raw or None)
    assert fields.tag is None


def test_a_repeated_key_gives_no_pairs() -> None:
    assert parse_attributes("mic_1_mic_2") == {}
    assert parse_attributes("mic_1_spd_2") == {"mic": "1", "spd": "2"}


@pytest.mark.parametrize("key", ["recording", "rec"])
def test_source_recording_is_read_from_an_attribute(key: str) -> None:
    assert clip_at(f"section_00_source_train_normal_0000_{key}_7.wav").source_recording == "7"
    assert clip_at("section_00_source_train_normal_0000_record_7.wav").source_recording is None


def test_split_folder_gives_machine_split_and_domain() -> None:
    clip = clip_at("data/fan/source_test/section_03_0000.wav")
    assert (clip.machine, clip.split, clip.domain) == ("fan", "test", "source")
    other = clip_at("data/fan/source_test/hum.wav")
    assert (other.machine, other.split, other.domain) == (None, None, None)
    assert clip_at("/normal_id_00_00000000.wav").machine is None


def test_ids_of_mimii_are_sections() -> None:
    clip = clip_at("data/6_dB_fan/fan/id_02/abnormal/00000012.wav")
    assert (clip.machine, clip.section, clip.condition) == ("fan", "02", None)  # folders state the condition
    assert clip_at("press/id_02/normal/00000012.wav").machine is None
    for other in ("fan/id_02/normal/12.wav", "fan/id_02/june/00000012.wav", "fan/2/normal/00000012.wav"):
        assert clip_at(other).section is None


def test_clips_are_picklable() -> None:
    clip = clip_at("section_00_source_train_normal_0000_vel_15.wav")
    assert pickle.loads(pickle.dumps(clip)) == clip


def test_parses_all_labelled_names_of_the_2023_evaluation(reference: Path) -> None:
    anomalies = {}
    for path in sorted(reference.glob("dcase2023_eval_mse/ground_truth_attributes/*.csv")):
        rows = [line.split(",") for line in path.read_text().splitlines() if line]
        hidden = [parse_name(name) for name, _ in rows]
        labelled = [parse_name(stem) for _, stem in rows]
        assert all(fields and fields.domain is None and fields.condition is None for fields in hidden)
        assert all(
            fields and fields.split == "test" and fields.domain and fields.attributes for fields in labelled
        )
        machine = path.name.removeprefix("ground_truth_").removesuffix("_section_00_test.csv")
        anomalies[machine] = sum(fields is not None and fields.condition == "anomaly" for fields in labelled)
    assert anomalies == {
        "ToyDrone": 100, "ToyNscale": 100, "ToyTank": 100, "Vacuum": 100,
        "bandsaw": 73, "grinder": 57, "shaker": 99,
    }  # fmt: skip
