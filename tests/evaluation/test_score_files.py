"""Score and decision files of submissions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auscult.errors import EvaluationError
from auscult.evaluation import read_submission, write_submission
from auscult.evaluation.score_files import read_values, section_files


def _write(folder, name, text):
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_written_scores_are_read_as_the_same_floats(tmp_path_factory, scores):
    folder = tmp_path_factory.mktemp("submission")
    names = [f"section_00_{index:04d}.wav" for index in range(len(scores))]
    write_submission(folder, "fan", "00", names, np.array(scores), [score > 0 for score in scores])
    submission = read_submission(folder)
    assert [row.value for row in submission.scores["fan", "00"]] == scores
    assert [row.name for row in submission.scores["fan", "00"]] == names
    assert [row.value == 1 for row in submission.decisions["fan", "00"]] == [score > 0 for score in scores]


def test_files_have_the_format_of_the_challenge(tmp_path):
    written = write_submission(
        tmp_path / "new" / "system", "ToyCar", "00", ["a.wav", "b.wav"], [1.5, 2], [False, True]
    )
    assert [path.name for path in written] == [
        "anomaly_score_ToyCar_section_00_test.csv",
        "decision_result_ToyCar_section_00_test.csv",
    ]
    assert written[0].read_bytes() == b"a.wav,1.5\nb.wav,2.0\n"
    assert written[1].read_bytes() == b"a.wav,0\nb.wav,1\n"
    assert len(list(written[0].parent.iterdir())) == 2  # no temporary file is left


def test_without_decisions_only_scores_are_written(tmp_path):
    (written,) = write_submission(tmp_path, "fan", "01", ["a.wav"], [1.0])
    assert written.name == "anomaly_score_fan_section_01_test.csv"
    assert read_submission(tmp_path).decisions == {}


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    (path,) = write_submission(tmp_path, "fan", "00", ["a.wav"], [1.0])

    def full_disk(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("auscult.evaluation.textfile.os.fsync", full_disk)
    with pytest.raises(EvaluationError, match="No space left"):
        write_submission(tmp_path, "fan", "00", ["a.wav"], [2.0])
    assert path.read_text() == "a.wav,1.0\n"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("names", "scores", "decisions", "message"),
    [
        (["a", "b"], [1.0], None, "2 names, 1 scores"),
        (["a"], [1.0], [True, False], "1 names, 1 scores, 2 decisions"),
        (["a", "b", "a"], [1.0, 2.0, 3.0], None, "duplicate file name a"),
        (["a", "b"], [1.0, float("nan")], None, "the score of b must be finite, got nan"),
    ],
)
def test_invalid_submissions_are_not_written(tmp_path, names, scores, decisions, message):
    with pytest.raises(EvaluationError, match=f"fan section 00: {message}"):
        write_submission(tmp_path, "fan", "00", names, scores, decisions)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "machine", "section", "domain"),
    [
        ("anomaly_score_fan_section_00_test.csv", "fan", "00", None),
        ("anomaly_score_DCASE2024T2ToyCar_section_00_test_seed13711_id(0_).csv", "ToyCar", "00", None),
        ("anomaly_score_DCASE2023T2Vacuum_section_00_test_seed13711_id(0_)_Eval.csv", "Vacuum", "00", None),
        ("anomaly_score_DCASE2024T23DPrinter_section_00_test.csv", "3DPrinter", "00", None),
        ("anomaly_score_ToyConveyor_id_05.csv", "ToyConveyor", "05", None),
        ("anomaly_score_gearbox_section_03_source_test.csv", "gearbox", "03", "source"),
        ("anomaly_score_gearbox_section_03_target.csv", "gearbox", "03", "target"),
        ("anomaly_score_my_fan_section_10_test.csv", "my_fan", "10", None),
    ],
)
def test_file_names_of_all_years_are_parsed(tmp_path, name, machine, section, domain):
    _write(tmp_path, name, "a.wav,1\n")
    (file,) = section_files(tmp_path, "anomaly_score")
    assert (file.machine, file.section, file.domain) == (machine, section, domain)
    assert list(read_submission(tmp_path).scores) == [(machine, section)]


def test_files_of_both_domains_of_2021_are_combined(tmp_path):
    _write(tmp_path, "anomaly_score_fan_section_03_source_test.csv", "s.wav,1\n")
    _write(tmp_path, "anomaly_score_fan_section_03_target_test.csv", "t.wav,2\n")
    assert [row.name for row in read_submission(tmp_path).scores["fan", "03"]] == ["s.wav", "t.wav"]


@pytest.mark.parametrize(
    "content",
    [
        b"a.wav,1.5\r\nb.wav,2\r\n",
        b"\xef\xbb\xbfa.wav,1.5\nb.wav,2",
        b"\n\na.wav , 1.5 \n  \n, \n\tb.wav,\t2\n\n",
        b'"a.wav","1.5"\n"b.wav","2"\n',
        b"a.wav,1.5\rb.wav,2\r",
        b"a.wav,15e-1\nb.wav,+2.0\n",
    ],
)
def test_variants_of_csv_are_read(tmp_path, content):
    path = _write(tmp_path, "anomaly_score_fan_section_00_test.csv", content)
    assert [(row.name, row.value) for row in read_values(path, "anomaly_score")] == [
        ("a.wav", 1.5),
        ("b.wav", 2.0),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a.wav,1\nb.wav,many\n", "line 2: 'many' is not a number"),
        ("file_name,score\na.wav,1\n", "line 1: 'score' is not a number; these files have no header"),
        ("a.wav,1\n\r\nb.wav,nan\n", "line 3: the value for b.wav must be finite, got nan"),
        ("a.wav,-inf\n", "line 1: the value for a.wav must be finite, got -inf"),
        ("a.wav,1,2\n", "line 1: expected name.wav,value, got 'a.wav,1,2'"),
        ("a.wav;1\n", "line 1: expected name.wav,value"),
        ("a.wav,\n", "line 1: expected name.wav,value"),
        ("a.wav,1_0\n", "'1_0' is not a number"),
        ("", "no rows"),
        ("\n\n", "no rows"),
        (b"\xff\xfea\x00", "not a UTF-8 text file"),
        ('"a.wav,1\n', "line 1"),
    ],
)
def test_errors_in_score_files_name_file_and_line(tmp_path, content, message):
    path = _write(tmp_path, "anomaly_score_fan_section_00_test.csv", content)
    with pytest.raises(EvaluationError) as error:
        read_submission(tmp_path)
    assert str(path) in str(error.value)
    assert message in str(error.value)


def test_decisions_must_be_zero_or_one(tmp_path):
    _write(tmp_path, "anomaly_score_fan_section_00_test.csv", "a.wav,0.5\n")
    path = _write(tmp_path, "decision_result_fan_section_00_test.csv", "a.wav,1.0\nb.wav,0\n")
    assert [row.value for row in read_values(path, "decision_result")] == [1, 0]
    _write(tmp_path, path.name, "a.wav,0.5\n")
    with pytest.raises(EvaluationError, match=r"line 1: the decision for a\.wav must be 0 or 1, got 0\.5"):
        read_submission(tmp_path)


def test_score_files_are_searched_in_the_folder_and_one_level_below(tmp_path):
    with pytest.raises(EvaluationError, match="no files anomaly_score_"):
        read_submission(tmp_path)
    with pytest.raises(EvaluationError, match="no such folder"):
        read_submission(tmp_path / "absent")
    write_submission(tmp_path / "one", "fan", "00", ["a.wav"], [1.0])
    assert read_submission(tmp_path).folder == tmp_path / "one"
    write_submission(tmp_path / "two", "fan", "00", ["a.wav"], [1.0])
    with pytest.raises(EvaluationError, match=r"several folders \(one, two\)"):
        read_submission(tmp_path)
    _write(tmp_path, "anomaly_score_nonsense.csv", "a.wav,1\n")
    with pytest.raises(
        EvaluationError, match=r"anomaly_score_nonsense\.csv: cannot parse machine and section"
    ):
        read_submission(tmp_path)


def test_a_folder_that_cannot_be_created_is_an_error(tmp_path):
    path = _write(tmp_path, "file", "x")
    with pytest.raises(EvaluationError, match="cannot be created"):
        write_submission(path / "below", "fan", "00", ["a.wav"], [1.0])
