"""Score files of other systems, matched by name to the test clips."""

import numpy as np
import pytest

from auscult.benchmark.others import read_other_scores
from auscult.corpus import Clip
from auscult.errors import EvaluationError
from auscult.evaluation import write_submission

NAMES = [f"section_00_source_test_normal_{i:04d}.wav" for i in range(5)]
TEST = [Clip(path=f"data/fan/test/{name}", machine="fan") for name in NAMES]


def test_scores_come_in_the_order_of_the_test_clips(tmp_path):
    """Whatever the order of their rows: resamples are drawn by place, and differences are paired by them."""
    write_submission(tmp_path, "fan", "00", NAMES[::-1], [4.0, 3.0, 2.0, 1.0, 0.0])
    other = read_other_scores(tmp_path, "fan", TEST)
    assert other.clips == TEST
    np.testing.assert_array_equal(other.scores, [0, 1, 2, 3, 4])


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (NAMES[:3], f"2 names missing, the first {NAMES[3]}"),
        ([*NAMES, "odd.wav"], "1 names not among the test clips, the first odd.wav"),
    ],
)
def test_other_clips_do_not_compare(tmp_path, names, told):
    write_submission(tmp_path, "fan", "00", names, np.arange(len(names)))
    with pytest.raises(EvaluationError, match=told):
        read_other_scores(tmp_path, "fan", TEST)


def test_a_machine_without_a_file(tmp_path):
    write_submission(tmp_path, "fan", "00", NAMES, np.arange(5))
    with pytest.raises(EvaluationError, match="no anomaly_score file for pump"):
        read_other_scores(tmp_path, "pump", TEST)
