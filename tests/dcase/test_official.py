"""Official evaluation of a submission against the ground truth."""

import json
import shutil

import numpy as np
import pytest
from scipy.stats import hmean
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

from auscult.dcase.official import evaluate_submission
from auscult.errors import EvaluationError, OptionError
from auscult.evaluation import write_submission
from auscult.findings import messages

MACHINES = ("ToyDrone", "Vacuum")


class Challenge:
    """A small evaluation set of two machines on disk: ground truth and a complete submission."""

    def __init__(self, root, *, labelled=False, size=12):
        self.truth, self.scores = root / "truth", root / "scores"
        rng = np.random.default_rng(0)
        self.tables = {}
        for machine in MACHINES:
            anomaly = np.tile([0, 1], 2 * size)
            target = np.repeat([0, 1], 2 * size)
            order = rng.permutation(4 * size)
            anomaly, target = anomaly[order], target[order]
            values = np.round(rng.normal(size=4 * size) + anomaly, 1)
            hidden = [f"section_00_{index:04d}.wav" for index in range(4 * size)]
            stems = [
                f"section_00_{domain}_test_{condition}_{index:04d}_vel_{index % 3}"
                for index, (condition, domain) in enumerate(
                    zip(
                        np.where(anomaly, "anomaly", "normal"),
                        np.where(target, "target", "source"),
                        strict=True,
                    )
                )
            ]
            columns = {"data": anomaly, "domain": target, "attributes": stems}
            for kind, column in columns.items():
                folder = self.truth / f"ground_truth_{kind}"
                folder.mkdir(parents=True, exist_ok=True)
                rows = "".join(f"{name},{value}\r\n" for name, value in zip(hidden, column, strict=True))
                (folder / f"ground_truth_{machine}_section_00_test.csv").write_bytes(rows.encode())
            names = [f"{stem}.wav" for stem in stems] if labelled else hidden
            shuffled = rng.permutation(4 * size)
            write_submission(
                self.scores,
                machine,
                "00",
                [names[i] for i in shuffled],
                values[shuffled],
                values[shuffled] > 0.5,
            )
            self.tables[machine] = anomaly.astype(bool), target.astype(bool), values
            if machine == "ToyDrone":
                self.names = names

    def file(self, kind, machine="ToyDrone"):
        return self.scores / f"{kind}_{machine}_section_00_test.csv"

    def edit(self, kind, change, machine="ToyDrone"):
        path = self.file(kind, machine)
        path.write_text("".join(f"{line}\n" for line in change(path.read_text().splitlines())))

    def evaluate(self, **options):
        return evaluate_submission(self.scores, self.truth, **options)


@pytest.fixture(params=[False, True], ids=["hidden names", "labelled names"])
def challenge(tmp_path, request):
    return Challenge(tmp_path, labelled=request.param)


def test_metrics_agree_with_scikit_learn(challenge):
    report = challenge.evaluate()
    terms = []
    for machine, (anomaly, target, values) in challenge.tables.items():
        summary = report.machines[machine]
        for auc, mask in ((summary.auc_source, ~target | anomaly), (summary.auc_target, target | anomaly)):
            terms.append(roc_auc_score(anomaly[mask], values[mask]))
            assert auc.value == pytest.approx(terms[-1], abs=1e-12)
        terms.append(roc_auc_score(anomaly, values, max_fpr=0.1))
        assert summary.pauc.value == pytest.approx(terms[-1], abs=1e-12)
        for domain, mask in (("source", ~target), ("target", target)):
            expected = precision_recall_fscore_support(anomaly[mask], values[mask] > 0.5, average="binary")
            for name, value in zip(("precision", "recall", "f1"), expected, strict=False):
                assert summary.decisions[f"{name}_{domain}"].value == pytest.approx(value)
    assert report.official_score.value == pytest.approx(hmean(terms), abs=1e-12)
    assert report.official_score.low < report.official_score.value < report.official_score.high
    assert report.complete


def test_report_as_json(challenge):
    data = json.loads(json.dumps(challenge.evaluate().to_json()))
    assert set(data["official_score"]) == {"value", "low", "high"}
    assert list(data["machines"]) == list(MACHINES)
    assert data["machines"]["Vacuum"]["sections"]["00"]["pauc"] == data["machines"]["Vacuum"]["pauc"]
    assert (data["missing"], data["extra"], data["duplicates"], data["complete"]) == ([], [], [], True)


def test_the_order_of_rows_has_no_effect(challenge):
    before = challenge.evaluate().to_json()
    for machine in MACHINES:
        challenge.edit("anomaly_score", lambda lines: lines[::-1], machine)
        challenge.edit("decision_result", sorted, machine)
    assert challenge.evaluate().to_json() == before


def test_a_missing_row_is_reported_and_left_out(challenge):
    name = challenge.names[5]
    challenge.edit("anomaly_score", lambda lines: [line for line in lines if not line.startswith(name)])
    report = challenge.evaluate()
    file = challenge.file("anomaly_score", "ToyDrone").name
    assert report.mismatches.missing == [f"ToyDrone/{name}: no row in {file}"]
    assert not report.complete
    anomaly, _, values = (np.delete(column, 5) for column in challenge.tables["ToyDrone"])
    expected = roc_auc_score(anomaly, values, max_fpr=0.1)
    assert report.machines["ToyDrone"].pauc.value == pytest.approx(expected, abs=1e-12)


def test_repeated_rows_are_reported_and_the_first_counts(challenge):
    before = challenge.evaluate().official_score.value
    name = challenge.names[7]
    challenge.edit("anomaly_score", lambda lines: [*lines, f"{name},1e9"])
    report = challenge.evaluate()
    assert report.mismatches.duplicates == [f"ToyDrone/{name}"]
    assert report.official_score.value == before
    assert not report.complete


def test_extra_rows_and_machines_are_reported_and_do_not_count(challenge):
    before = challenge.evaluate().official_score.value
    challenge.edit("anomaly_score", lambda lines: [*lines, "section_00_9999.wav,5"])
    challenge.edit("decision_result", lambda lines: ["section_00_8888.wav,1", *lines])
    write_submission(challenge.scores, "kettle", "00", ["a.wav"], [1.0])
    report = challenge.evaluate()
    assert report.mismatches.extra == [
        "ToyDrone/section_00_9999.wav",
        "ToyDrone/section_00_8888.wav (decision)",
        "kettle/section_00: no ground truth",
    ]
    assert report.official_score.value == before
    assert report.complete


def test_hidden_and_labelled_name_of_a_clip_are_a_repetition(tmp_path):
    challenge = Challenge(tmp_path, labelled=True)
    challenge.edit("anomaly_score", lambda lines: [*lines, "section_00_0003.wav,9"])
    assert challenge.evaluate().mismatches.duplicates == ["ToyDrone/section_00_0003.wav"]


def test_a_missing_machine_is_reported(challenge):
    challenge.file("anomaly_score", "Vacuum").unlink()
    report = challenge.evaluate()
    assert report.mismatches.missing == [
        "Vacuum/section_00: no file anomaly_score_Vacuum_section_00_test.csv"
    ]
    assert list(report.machines) == ["ToyDrone"]
    assert not report.complete


def test_missing_decisions_are_reported_and_scores_still_count(challenge):
    before = challenge.evaluate()
    challenge.file("decision_result", "Vacuum").unlink()
    name = challenge.names[0]
    challenge.edit("decision_result", lambda lines: [line for line in lines if not line.startswith(name)])
    report = challenge.evaluate()
    assert report.mismatches.missing == [
        f"ToyDrone/{name}: no row in decision_result_ToyDrone_section_00_test.csv",
        "Vacuum/section_00: no file decision_result_Vacuum_section_00_test.csv",
    ]
    assert report.official_score == before.official_score
    assert all(not summary.decisions for summary in report.machines.values())


def test_labelled_names_require_the_attribute_files(tmp_path):
    challenge = Challenge(tmp_path, labelled=True)
    shutil.rmtree(challenge.truth / "ground_truth_attributes")
    with pytest.raises(EvaluationError, match="no score matches the ground truth"):
        challenge.evaluate()


def test_location_of_the_ground_truth(tmp_path, challenge):
    expected = challenge.evaluate().to_json()
    outer = tmp_path / "outer"
    shutil.copytree(challenge.truth, outer / "inner")
    for folder in (outer, outer / "inner", outer / "inner" / "ground_truth_data"):
        assert evaluate_submission(challenge.scores, folder).to_json() == expected
    shutil.copytree(challenge.truth, outer / "second")
    with pytest.raises(EvaluationError, match=r"several subfolders .*: inner, second"):
        evaluate_submission(challenge.scores, outer)
    with pytest.raises(EvaluationError, match="no folder ground_truth_data in it"):
        evaluate_submission(challenge.scores, challenge.scores)
    with pytest.raises(EvaluationError, match="no such folder"):
        evaluate_submission(challenge.scores, tmp_path / "absent")


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("data", lambda lines: [*lines, lines[0]], "section_00_0000.wav occurs twice"),
        (
            "data",
            lambda lines: ["section_00_0000.wav,2", *lines[1:]],
            "section_00_0000.wav must be 0 or 1, got '2'",
        ),
        ("domain", lambda lines: lines[1:], "1 of 48 clips have no domain, the first is section_00_0000.wav"),
        ("domain", lambda lines: [*lines, "other.wav,1"], "other.wav is not in ground_truth_data"),
        ("attributes", lambda lines: [*lines[:-1], "section_00_0047.wav"], "expected a name and a value"),
        (
            "attributes",
            lambda lines: [*lines[:-1], "section_00_0047.wav," + lines[0].split(",")[1]],
            "two clips have the same labelled name",
        ),
    ],
)
def test_inconsistent_ground_truth(tmp_path, kind, change, message):
    challenge = Challenge(tmp_path)
    path = challenge.truth / f"ground_truth_{kind}" / "ground_truth_ToyDrone_section_00_test.csv"
    path.write_text("".join(f"{line}\n" for line in change(path.read_text().splitlines())))
    with pytest.raises(EvaluationError) as caught:
        challenge.evaluate()
    assert message in str(caught.value)


def test_rules_of_each_year(tmp_path):
    challenge = Challenge(tmp_path)
    scores = {
        year: challenge.evaluate(year=year, intervals=False).official_score.value
        for year in (2020, 2021, 2024)
    }
    assert len(set(scores.values())) == 3
    anomaly_values = [
        (roc_auc_score(a, v), roc_auc_score(a, v, max_fpr=0.1)) for a, _, v in challenge.tables.values()
    ]
    assert scores[2020] == pytest.approx(np.mean(anomaly_values))
    with pytest.raises(OptionError, match="2019"):
        challenge.evaluate(year=2019)
    shutil.rmtree(challenge.truth / "ground_truth_domain")
    with pytest.raises(EvaluationError, match="compares domains"):
        challenge.evaluate(year=2023)


@pytest.fixture
def submission(reference):
    """Scores of the baseline of 2023 with the official labels."""
    return reference / "dcase2023_eval_mse"


def test_reference_submission(submission):
    data = evaluate_submission(submission / "scores", submission).to_json()
    assert data["official_score"]["value"] == pytest.approx(0.5988161137636058, abs=1e-12)
    assert (data["missing"], data["extra"], data["duplicates"]) == ([], [], [])
    drone = data["machines"]["ToyDrone"]
    for name, value in (
        ("auc_source", 0.8022),
        ("auc_target", 0.5518),
        ("pauc", 0.5336842105263158),
        ("precision_source", 0.7333333333333333),
        ("recall_source", 0.66),
    ):
        assert drone[name]["value"] == pytest.approx(value, abs=1e-12)
    # The plausible order of magnitude is ±0.03; the official scripts print ±0.0000.
    assert 0.01 < data["official_score"]["high"] - data["official_score"]["low"] < 0.12


def test_reference_submission_with_shuffled_rows(submission, tmp_path):
    rng = np.random.default_rng(0)
    for path in (submission / "scores").iterdir():
        lines = path.read_text().splitlines()
        (tmp_path / path.name).write_text("\r\n".join(rng.permutation(lines)))
    report = evaluate_submission(tmp_path, submission, intervals=False)
    assert report.official_score.value == pytest.approx(0.5988161137636058, abs=1e-12)


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        (lambda value: 1.0, "all scores of ToyDrone/section_00 are equal"),
        (lambda value: -value, "AUC far below 50 %: "),
    ],
)
def test_scores_that_cannot_be_right_are_one_line(challenge, change, warning):
    assert challenge.evaluate().warnings == []

    def changed(rows):
        return [f"{name},{change(float(value))}" for name, value in (row.split(",") for row in rows)]

    challenge.edit("anomaly_score", changed)
    (line,) = messages(challenge.evaluate().warnings)
    assert line.startswith(warning)
    assert "Vacuum" not in line
    assert challenge.evaluate().to_json()["warnings"] == [line]
