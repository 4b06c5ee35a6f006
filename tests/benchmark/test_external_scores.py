"""Score files of other systems, matched by file name to the test clips."""

import numpy as np
import pytest

from auscult.benchmark.external_scores import check_system_names, folders_by_seed, read_external_scores
from auscult.corpus import Clip
from auscult.errors import EvaluationError, OptionError
from auscult.evaluation import write_submission

NAMES = [f"section_00_source_test_normal_{i:04d}.wav" for i in range(5)]
TEST = [Clip(path=f"data/fan/test/{name}", machine="fan") for name in NAMES]


def test_scores_are_in_the_order_of_the_test_clips(tmp_path):
    """The order of the rows does not matter; paired differences need the same order for all systems."""
    write_submission(tmp_path, "fan", "00", NAMES[::-1], [4.0, 3.0, 2.0, 1.0, 0.0])
    external = read_external_scores(tmp_path, "fan", TEST)
    assert external.clips == TEST
    np.testing.assert_array_equal(external.scores, [0, 1, 2, 3, 4])


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (NAMES[:3], f"2 file names are missing, for instance {NAMES[3]}"),
        ([*NAMES, "new.wav"], "1 file names are not among the test clips, for instance new.wav"),
    ],
)
def test_scores_of_other_clips_are_refused(tmp_path, names, message):
    write_submission(tmp_path, "fan", "00", names, np.arange(len(names)))
    with pytest.raises(EvaluationError, match=message):
        read_external_scores(tmp_path, "fan", TEST)


def test_a_machine_without_a_score_file_is_refused(tmp_path):
    write_submission(tmp_path, "fan", "00", NAMES, np.arange(5))
    with pytest.raises(EvaluationError, match="no anomaly_score file for pump"):
        read_external_scores(tmp_path, "pump", TEST)


def folders(root, *names):
    for name in names:
        (root / name).mkdir(parents=True)
    return str(root)


@pytest.mark.parametrize(
    ("names", "pattern", "expected"),
    [
        (["seed0", "seed13711", "other"], "seed*", {0: "seed0", 13711: "seed13711"}),
        (["run2", "run10"], "run*", {2: "run2", 10: "run10"}),
        (["b_1", "a_1"], "*_1", {0: "a_1", 1: "b_1"}),  # equal numbers are no seeds
        (["first", "second"], "*", {0: "first", 1: "second"}),
        (["seed7"], "seed7", {0: "seed7"}),  # one folder is one system without seeds
        (["x[1]", "x[2]"], "x[1]", {0: "x[1]"}),  # brackets in the name of an existing folder
        (["1/scores", "2/scores"], "*/scores", {0: "1/scores", 1: "2/scores"}),
    ],
)
def test_each_matching_folder_is_a_seed(tmp_path, names, pattern, expected):
    root = folders(tmp_path, *names)
    (tmp_path / "seed9.csv").touch()  # no folder
    by_seed = folders_by_seed(f"{root}/{pattern}")
    assert {seed: path.relative_to(root).as_posix() for seed, path in by_seed.items()} == expected


def test_several_folders_are_seeds_of_one_system(tmp_path):
    root = folders(tmp_path, "seed4", "seed7", "other")
    by_seed = folders_by_seed([f"{root}/seed7", f"{root}/seed4"])
    assert by_seed == {4: tmp_path / "seed4", 7: tmp_path / "seed7"}
    assert folders_by_seed([f"{root}/other", f"{root}/seed*"]) == {
        0: tmp_path / "other",
        1: tmp_path / "seed4",
        2: tmp_path / "seed7",
    }
    with pytest.raises(OptionError, match="seed4: this folder of score files is given twice"):
        folders_by_seed([f"{root}/seed*", f"{root}/seed4/"])


@pytest.mark.parametrize("name", ["autoencoder", "auto:largest", "gamma_vae@report", "auto[time_limit=1]"])
def test_a_system_must_not_have_the_name_of_a_detector(name):
    check_system_names(["theirs", "autoencoder of others"])
    with pytest.raises(OptionError, match="the name is taken by a detector"):
        check_system_names(["theirs", name])


@pytest.mark.parametrize(
    ("name", "message"),
    [("published x", "names of published systems"), ("the\x1birs", "has control characters")],
)
def test_other_names_that_a_table_cannot_show_are_refused(name, message):
    with pytest.raises(OptionError, match=message):
        check_system_names([name])


def test_a_pattern_without_folders_is_refused(tmp_path):
    with pytest.raises(EvaluationError, match="no folder matches"):
        folders_by_seed(tmp_path / "seed*")
