"""The condition of recordings: by the names of folders and files, stated by the user, and unclear ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auscult.corpus import Corpus, open_corpus, vocabulary
from auscult.corpus.conditions import (
    learned_unasked,
    left_out_of_training,
    unclear_conditions,
    unknown_conditions,
)
from auscult.corpus.folders import open_corpora
from auscult.corpus.training_checks import check_training_clips
from auscult.errors import FitError, OptionError


def touch(root: Path, *files: str) -> Path:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    return root


def conditions(corpus: Corpus, root: Path) -> dict[str, str | None]:
    return {
        Path(clip.path).relative_to(root).as_posix(): "unclear" if clip.unclear else clip.condition
        for clip in corpus
    }


#: The layouts of public data sets: files, and what is known about them if the root folder is opened.
LAYOUTS = {
    "ToyADMOS": {
        "case1/NormalSound_IND/1000010001_ToyCar_case1_normal_IND_ch1_0001.wav": "normal",
        "case1/AnomalousSound_IND/1200010001_ToyCar_case1_ab01_IND_ch1_0001.wav": "anomaly",
        "case1/EnvironmentalNoise_CNT/1400010001_N1_ch1_0001.wav": "unclear",
    },
    "IDMT-ISA-ELECTRIC-ENGINE": {
        "train_cut/engine1_good/pure_0.wav": "normal",
        "train_cut/engine2_broken/pure_0.wav": "anomaly",
        "train_cut/engine3_heavyload/pure_0.wav": "unclear",
    },
    "MIMII": {
        "fan/id_00/normal/00000000.wav": "normal",
        "fan/id_00/abnormal/00000000.wav": "anomaly",
        "fan/id_02/normal/00000000.wav": "normal",
    },
    "CWRU as folders": {
        "Normal/97.wav": "normal",
        "IR007/105.wav": "unclear",
        "OR007@6/130.wav": "unclear",
    },
    "CWRU as files": {"Normal_0.wav": "normal", "B007_1.wav": "unclear", "normal_3.wav": "normal"},
    "air compressor": {
        "Healthy/preprocess_Reading1.wav": "normal",
        "Bearing/preprocess_Reading1.wav": "unclear",
        "LIV/preprocess_Reading1.wav": "unclear",
    },
    "Edge Impulse": {
        "training/ok.2q8k3v1s.wav": "normal",
        "training/faulty.2q8k3v2t.wav": "anomaly",
        "testing/ok.2q8k3v3u.wav": "normal",
    },
    "MVTec": {
        "motor/train/good/000.wav": "normal",
        "motor/test/good/000.wav": "normal",
        "motor/test/broken_large/000.wav": "anomaly",
    },
    "splits inside conditions": {
        "normal/train/1.wav": "normal",
        "normal/test/2.wav": "normal",
        "abnormal/test/3.wav": "anomaly",
    },
    "DCASE 2020": {
        "fan/train/normal_id_00_00000000.wav": "normal",
        "fan/test/anomaly_id_00_00000000.wav": "anomaly",
    },
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts_of_public_data_sets(tmp_path: Path, name: str) -> None:
    root = touch(tmp_path / "data", *LAYOUTS[name])
    assert conditions(open_corpus(root), root) == LAYOUTS[name]


@pytest.mark.parametrize(
    ("train", "test"),
    [("Train", "Test"), ("TRAIN", "TEST"), ("training", "testing"), ("Training", "Testing")],
)
def test_splits_in_any_letter_case_with_other_folders_and_files(
    tmp_path: Path, train: str, test: str
) -> None:
    root = touch(tmp_path / "m", f"{train}/1.wav", f"{test}/2.wav", "other/3.wav")
    corpus = open_corpus(root)
    assert [Path(clip.path).name for clip in corpus.for_training()] == ["1.wav"]
    assert [Path(clip.path).name for clip in corpus.for_evaluation()] == ["2.wav"]
    assert left_out_of_training(corpus) == ["1 recording outside the training folder left out: other (1)"]
    touch(root, "0.wav")  # no machine folder then, but the splits stay
    assert Counter(clip.split for clip in open_corpus(root)) == {"train": 1, "test": 1, None: 2}


def test_split_words_count_only_as_complete_names_below_the_named_path(tmp_path: Path) -> None:
    root = touch(tmp_path / "test", "test_rig/1.wav", "train 7/2.wav", "test1/3.wav")
    assert {clip.split for clip in open_corpus(root)} == {None}


def test_the_innermost_folder_and_all_others_have_to_agree(tmp_path: Path) -> None:
    root = touch(
        tmp_path / "rec", "broken/june/1.wav", "normal/faulty/2.wav", "faulty/ok_3.wav", "no fault/4.wav"
    )
    assert conditions(open_corpus(root), root) == {
        "broken/june/1.wav": "anomaly",
        "normal/faulty/2.wav": "unclear",
        "faulty/ok_3.wav": "unclear",
        "no fault/4.wav": "unclear",
    }


def test_a_condition_in_a_dcase_name_takes_precedence_but_not_against_a_folder_of_faults(
    tmp_path: Path,
) -> None:
    root = touch(
        tmp_path / "rec",
        "normal/anomaly_id_00_00000000.wav",
        "m1/section_00_source_train_normal_0000_fault_none.wav",
        "faulty/normal_id_00_00000000.wav",
    )
    assert sorted(conditions(open_corpus(root), root).values()) == ["anomaly", "normal", "unclear"]


@pytest.mark.parametrize("own", ["faulty", "Abnormal", "NG", "bad recordings", "not_ok"])
def test_the_name_of_the_named_folder_counts_if_it_says_nothing_else(tmp_path: Path, own: str) -> None:
    (clip,) = open_corpus(touch(tmp_path / own, "1.wav"))
    assert clip.condition == "anomaly" or clip.unclear
    assert open_corpus(tmp_path / own / "1.wav")[0] == clip, "the folder of a file that is named itself"
    (clip,) = open_corpus(touch(tmp_path / f"m_{own}", "normal/1.wav"))
    assert (clip.condition, clip.unclear) == ("normal", None)


def test_unknown_folders_beside_normal_ones_are_asked_about(tmp_path: Path) -> None:
    root = touch(tmp_path / "rec", "ok/1.wav", "klong/2.wav", "a/klack/3.wav", "4.wav")
    clips = open_corpus(root).for_training()
    with pytest.raises(FitError, match=r"what 3 recordings are is unclear: .*`conditions=.*: 'normal'"):
        check_training_clips(clips)
    text = unclear_conditions(clips)
    assert text is not None
    assert "klong: no word for normal or faulty" in text
    assert "a/klack: " in text
    without_normal = open_corpus(touch(tmp_path / "more", "klong/2.wav", "faulty/3.wav"))
    assert unclear_conditions(without_normal) is None, "nothing here is called normal"
    assert unclear_conditions(open_corpus(root, condition="normal")) is None


def test_names_that_state_a_class_without_a_meaning_are_asked_about(tmp_path: Path) -> None:
    for folders in (("class_0", "class_1"), ("positive", "negative"), ("0", "1"), ("m/0", "m/1")):
        root = touch(tmp_path / folders[0] / "rec", *(f"{folder}/1.wav" for folder in folders))
        assert set(conditions(open_corpus(root), root).values()) == {"unclear"}, folders
    root = touch(tmp_path / "rec", "faulty/class_1/1.wav", "normal/yes/2.wav", "normal/No 2/3.wav")
    assert conditions(open_corpus(root), root) == {
        "faulty/class_1/1.wav": "anomaly",
        "normal/yes/2.wav": "unclear",
        "normal/No 2/3.wav": "normal",
    }
    mics = touch(tmp_path / "mics", "0/1.wav", "1/1.wav", "2/1.wav")
    assert set(conditions(open_corpus(mics), mics).values()) == {None}


def test_a_folder_with_more_than_a_word_for_normal_beside_just_normal_is_asked_about(tmp_path: Path) -> None:
    root = touch(tmp_path / "rec", "normal/1.wav", "hampir_normal/2.wav")  # "almost" in Indonesian
    assert conditions(open_corpus(root), root) == {"normal/1.wav": "normal", "hampir_normal/2.wav": "unclear"}
    root = touch(tmp_path / "engines", "engine1_good/1.wav", "engine2_good/2.wav")
    assert set(conditions(open_corpus(root), root).values()) == {"normal"}


def test_files_in_one_folder_are_named_by_patterns_that_match_no_other(tmp_path: Path) -> None:
    root = touch(
        tmp_path / "rec",
        "Normal_0.wav",
        "B007_0.wav",
        "B014_1.wav",
        "N_1.wav",
        "O_1.wav",
        "Out_of_order_broken.wav",
    )
    text = unclear_conditions(open_corpus(root))
    assert text is not None
    assert "B*: no word for normal or faulty, while other recordings are called normal (2)" in text
    assert "N_*.wav: " in text
    assert "O_*.wav: " in text, "O* would also match a recording of a fault"
    stated = open_corpus(root, conditions={"B*": "anomaly", "N_*.wav": "normal", "O_*.wav": "normal"})
    assert unclear_conditions(stated) is None
    names = touch(tmp_path / "more", "no_fault_1.wav", "no_fault_2.wav", "good [1].wav")
    text = unclear_conditions(open_corpus(names))
    assert text is not None
    assert "`conditions={'no*': 'normal'}`" in text
    assert open_corpus(names, conditions={"good [1].wav": "anomaly", "no*": "normal"})


def test_a_link_does_not_change_what_a_recording_is(tmp_path: Path) -> None:
    touch(tmp_path, "store/bad/1.wav", "store/faulty/june/1.wav", "store/faulty/2.wav", "store/ok/3.wav")
    root = touch(tmp_path / "rec", "a/0.wav")
    for link, target in (("normal", "bad"), ("b", "faulty/june"), ("a/2.wav", "faulty/2.wav")):
        (root / link).symlink_to(tmp_path / "store" / target)
    (root / "a" / "9.wav").symlink_to(tmp_path / "store" / "ok" / "3.wav")
    by_path = conditions(open_corpus(root), root)
    assert (by_path["normal/1.wav"], by_path["b/1.wav"]) == ("unclear", "anomaly")
    assert (by_path["a/2.wav"], by_path["a/9.wav"]) == ("anomaly", "normal")


def test_what_is_learned_without_being_asked_for(tmp_path: Path) -> None:
    root = touch(tmp_path / "rec", "K001/1.wav", "KA01/1.wav", "KA01/2.wav")
    (text,) = learned_unasked(open_corpus(root))
    assert text.startswith(
        "used as normal: KA01 (2), K001 (1): their names do not say what they are. If some"
    )
    (text,) = learned_unasked(open_corpus(touch(tmp_path / "inv", "1.wav", "2.wav", "rusty/3.wav")))
    assert text.startswith("used as normal: inv (2), rusty (1): ")
    assert not learned_unasked(open_corpus(root, conditions={"*": "normal"}))
    for files in (("2024-05-01/1.wav", "2024-05-02/1.wav"), ("monday/1.wav",), ("1.wav", "2.wav")):
        assert not learned_unasked(open_corpus(touch(tmp_path / files[0][:4], *files))), files
    cut = touch(tmp_path / "idmt", "train_cut/good/1.wav", "test_cut/good/2.wav")
    (text,) = learned_unasked(open_corpus(cut))
    assert text.startswith(
        "1 recording taken for training although a folder seems to be a test split: test_cut"
    )
    assert not learned_unasked(open_corpus(touch(tmp_path / "x", "test_rig/good/1.wav")))


def test_recordings_without_a_condition_cannot_be_evaluated(tmp_path: Path) -> None:
    root = touch(tmp_path / "rec", "before/1.wav", "before/2.wav", "after/1.wav", "faulty/1.wav")
    text = unknown_conditions(open_corpus(root), str(root))
    assert text is not None
    assert text.startswith("3 of 4 recordings have no condition (normal or anomaly): before (2), after (1).")
    assert "`conditions={'PATTERN': 'normal'}`" in text
    stated = open_corpus(root, conditions={"before": "normal", "after": "anomaly"})
    assert unknown_conditions(stated, str(root)) is None


def test_unknown_recordings_in_another_split_or_machine_are_no_question(tmp_path: Path) -> None:
    root = touch(tmp_path / "m", "train/1.wav", "test/normal/2.wav", "test/faulty/3.wav")
    assert unclear_conditions(open_corpus(root)) is None
    plant = touch(tmp_path / "plant", "fan/train/normal/1.wav", "pump/train/1.wav")
    assert unclear_conditions(open_corpus(plant)) is None


def test_paths_in_one_folder_are_siblings(tmp_path: Path) -> None:
    touch(tmp_path, "rec/normal/1.wav", "rec/klong/2.wav", "more/june/3.wav")
    normal, klong, june = (str(tmp_path / name) for name in ("rec/normal", "rec/klong", "more/june"))
    assert [bool(unclear_conditions(corpus)) for corpus in open_corpora([normal, klong])] == [False, True]
    assert [bool(unclear_conditions(corpus)) for corpus in open_corpora([normal, june])] == [False, False]
    stated = open_corpora([normal, klong], conditions={"klong": "anomaly"})
    assert [corpus[0].condition for corpus in stated] == ["normal", "anomaly"]


@pytest.mark.parametrize(
    "pattern", ["klong", "kl*", "a/klong", "a/*", "*.wav", "b_?.wav", "a/klong/b_1.wav", "rec"]
)
def test_the_user_states_conditions_by_pattern(tmp_path: Path, pattern: str) -> None:
    root = touch(tmp_path / "rec", "a/klong/b_1.wav", "ok.flac")
    corpus = open_corpus(root, conditions={pattern: "anomaly", "ok.flac": "normal"})
    assert conditions(corpus, root) == {"a/klong/b_1.wav": "anomaly", "ok.flac": "normal"}
    assert corpus.for_training().conditions == {pattern: "anomaly", "ok.flac": "normal"}


def test_stated_conditions_take_precedence_over_names(tmp_path: Path) -> None:
    root = touch(tmp_path / "rec", "faulty/1.wav", "normal/2.wav", "3.wav")
    corpus = open_corpus(root, conditions={"faulty": "normal", "normal": "anomaly", ".": "anomaly"})
    assert conditions(corpus, root) == {
        "faulty/1.wav": "normal", "normal/2.wav": "anomaly", "3.wav": "anomaly"
    }  # fmt: skip


def test_statements_that_match_nothing_or_say_something_else_are_errors(tmp_path: Path) -> None:
    root = touch(tmp_path / "rec", "klong/1.wav")
    with pytest.raises(OptionError, match=r"'klang': no recording has .* the folders are klong"):
        open_corpus(root, conditions={"klang": "anomaly"})
    with pytest.raises(OptionError, match="'klong' is given as 'faulty'; write normal or anomaly"):
        open_corpus(root, conditions={"klong": "faulty"})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    word=st.sampled_from(sorted(vocabulary._ANOMALY.split())),
    letters=st.sampled_from([str.lower, str.upper, str.capitalize, str.title]),
    position=st.sampled_from(["{}/x.wav", "a/{}/b/x.wav", "{}_3.wav", "a/unit {}.wav", "{}/train/x.wav"]),
    beside=st.sampled_from([(), ("normal/1.wav",), ("ok_1.wav", "a/good/2.wav"), ("june/1.wav",)]),
    in_manifest=st.booleans(),
)
def test_no_recording_with_a_word_for_an_anomaly_in_the_path_is_fitted_as_normal(
    tmp_path_factory: pytest.TempPathFactory,
    word: str,
    letters: Callable[[str], str],
    position: str,
    beside: tuple[str, ...],
    in_manifest: bool,
) -> None:
    root = tmp_path_factory.mktemp("rec")
    file = position.format(letters(word))
    touch(root, file, *beside)
    path = root
    if in_manifest:
        path = root / "list.csv"
        path.write_text("\n".join(["path", *beside, file]), encoding="utf-8")
    clips = open_corpus(path).for_training()
    (clip,) = [clip for clip in clips if Path(clip.path) == root / file] or [None]
    assert clip is None or clip.unclear
    if clip is not None:
        with pytest.raises(FitError):
            check_training_clips(clips)
