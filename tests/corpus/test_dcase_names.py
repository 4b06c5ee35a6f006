"""File-name grammars, machine folders and attribute tables of DCASE Task 2."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auscult.corpus.dcase_names import (
    clip_at,
    is_machine_folder,
    machine_corpus,
    parse_attributes,
    parse_name,
    read_attribute_table,
)
from auscult.errors import CorpusError


def touch(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


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
     "my_section_00_0000.wav", "section_00_normal_test_0001.wav", "id_00_00000000_x.wav"],
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


def test_clips_are_picklable() -> None:
    clip = clip_at("section_00_source_train_normal_0000_vel_15.wav")
    assert pickle.loads(pickle.dumps(clip)) == clip


def test_a_machine_folder_has_audio_only_in_split_folders(tmp_path: Path) -> None:
    touch(tmp_path / "fan" / "train", "notes.txt", "._hum.wav", ".hum.wav")
    assert not is_machine_folder(tmp_path / "fan")
    touch(tmp_path / "fan" / "train", "hum.wav")
    assert is_machine_folder(tmp_path / "fan")
    touch(tmp_path / "fan", "loose.wav")
    assert not is_machine_folder(tmp_path / "fan")


def test_machine_folder_of_2021(tmp_path: Path) -> None:
    fan = tmp_path / "fan"
    touch(fan / "train", "section_03_source_train_normal_0000_strength_1.wav")
    touch(fan / "source_test", "section_03_source_test_0000.wav")
    touch(fan / "target_test", "section_03_target_test_0000.wav", "section_03_0001.wav")
    corpus = machine_corpus(fan)
    assert corpus.machines == ("fan",)
    assert [(c.split, c.domain, c.condition) for c in corpus] == [
        ("train", "source", "normal"),
        ("test", "source", None),
        ("test", "target", None),
        ("test", "target", None),
    ]


def test_labelled_copies_replace_unlabelled_clips(tmp_path: Path) -> None:
    touch(tmp_path / "train", "section_00_source_train_normal_0000.wav")
    touch(tmp_path / "test", "section_00_0000.wav", "section_00_0001.wav")
    touch(tmp_path / "test_rename", "section_00_source_anomaly_0000_weight_5.wav")
    test = machine_corpus(tmp_path).where(split="test")
    assert [(c.domain, c.condition, c.attributes) for c in test] == [("source", "anomaly", {"weight": "5"})]


def test_labelled_copies_without_originals_are_used(tmp_path: Path) -> None:
    touch(tmp_path / "test_rename", "section_00_source_test_normal_0000.wav")
    assert len(machine_corpus(tmp_path)) == 1


def test_an_empty_test_rename_folder_is_ignored(tmp_path: Path) -> None:
    touch(tmp_path / "test", "section_00_0000.wav")
    touch(tmp_path / "test_rename")
    assert len(machine_corpus(tmp_path)) == 1


def test_supplemental_clips_have_a_tag_and_no_condition(tmp_path: Path) -> None:
    touch(tmp_path / "supplemental", "section_00_machine_0001_.wav", "hum.wav")
    tagged = machine_corpus(tmp_path, machine="ToyPet").where(section="00")[0]
    assert (tagged.split, tagged.condition, tagged.attributes) == ("supplemental", None, {"tag": "machine"})
    assert {c.split for c in machine_corpus(tmp_path)} == {"supplemental"}


def test_clips_are_in_natural_order_within_each_split(tmp_path: Path) -> None:
    touch(tmp_path / "train", "clip10.wav", "clip2.wav", "Clip1.wav")
    touch(tmp_path / "test", "a.wav")
    assert [os.path.basename(c.path) for c in machine_corpus(tmp_path)] == [
        "Clip1.wav", "clip2.wav", "clip10.wav", "a.wav",
    ]  # fmt: skip


def test_no_audio_is_an_error_that_lists_the_folders(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no audio files in any of train, test") as caught:
        machine_corpus(tmp_path)
    assert caught.value.path == str(tmp_path)


def write_table(folder: Path, *lines: str, name: str = "attributes_00.csv", encoding: str = "utf-8") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes("".join(f"{line}\r\n" for line in lines).encode(encoding))
    return path


def test_attribute_table_completes_file_names(tmp_path: Path) -> None:
    touch(tmp_path / "train", "section_00_source_train_normal_0000_m-n_W.wav")
    touch(tmp_path / "test", "section_00_0000.wav", "section_00_0001.wav")
    write_table(
        tmp_path,
        "file_name,d1p,d1v,d2p,d2v",
        "fan/train/section_00_source_train_normal_0000_m-n_W.wav,m-n,W,rec,12",
        "fan/test/section_00_0000.wav,vel,-0.5,domain,target",
        "fan/train/section_00_0001.wav,vel,99,,",  # this name is in test/, not in train/
        encoding="utf-8-sig",
    )
    train, first, second = machine_corpus(tmp_path)
    assert (train.attributes, train.source_recording, train.raw_attributes) == (
        {"m-n": "W", "rec": "12"},
        "12",
        "m-n_W",
    )
    assert (first.attributes, first.domain, first.condition) == (
        {"vel": "-0.5", "domain": "target"},
        "target",
        None,
    )
    assert (second.attributes, second.domain) == ({}, None)


def test_reads_attribute_tables_of_all_sections(tmp_path: Path) -> None:
    touch(tmp_path / "test", "section_00_0000.wav", "section_01_0000.wav")
    write_table(tmp_path, "section_00_0000.wav,vel,1")  # no header
    write_table(
        tmp_path, "file_name,condition,d1p,d1v", "section_01_0000.wav,anomaly,vel,2", name="attributes_01.csv"
    )
    first, second = machine_corpus(tmp_path)
    assert (first.attributes, first.condition) == ({"vel": "1"}, None)
    assert (second.attributes, second.condition) == ({"condition": "anomaly", "vel": "2"}, "anomaly")


def test_file_name_takes_precedence_over_table(tmp_path: Path) -> None:
    name = "section_00_source_test_normal_0000.wav"
    touch(tmp_path / "test", name)
    write_table(tmp_path, "file_name,domain,condition", f"{name},target,anomaly")
    clip = machine_corpus(tmp_path)[0]
    assert (clip.domain, clip.condition) == ("source", "normal")


def test_incomplete_table_rows_are_ignored(tmp_path: Path) -> None:
    path = write_table(
        tmp_path, "", "file_name,d1p,d1v", "a.wav,vel", "b.wav", ",,", "c.wav,vel,3,load,,mic,1"
    )
    table = read_attribute_table(path)
    assert table[None, "b.wav"] == {}
    assert table[None, "c.wav"] == {"vel": "3", "mic": "1"}
    assert table[None, "a.wav"] == {}


def test_a_binary_table_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    touch(tmp_path / "train", "a.wav")
    (tmp_path / "attributes_00.csv").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(CorpusError, match=r"attributes_00\.csv: attribute table cannot be read"):
        machine_corpus(tmp_path)


def test_parses_all_labelled_names_of_the_2023_evaluation() -> None:
    reference = os.environ.get("AUSCULT_REFERENCE")
    if not reference:
        pytest.skip("AUSCULT_REFERENCE is not set: no ground truth of 2023")
    anomalies = {}
    for path in sorted(Path(reference).glob("dcase2023_eval_mse/ground_truth_attributes/*.csv")):
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
