"""Warnings about copies, about labels that contradict each other, and about scores that cannot be right."""

from dataclasses import replace

import numpy as np
import pytest

from auscult.corpus import Clip
from auscult.errors import EvaluationError
from auscult.evaluation import evaluate_scores, labels_of
from auscult.evaluation.remarks import missed_by_threshold
from auscult.findings import Finding, messages


def _clips(size=20, *, sections=(None,), domains=(None,)):
    return [
        Clip(f"{s}_{d}_{c}_{i}.wav", section=s, domain=d, condition=c)
        for s in sections
        for d in domains
        for c in ("normal", "anomaly")
        for i in range(size)
    ]


def _scores(clips, sign=1.0):
    rng = np.random.default_rng(0)
    return rng.normal(size=len(clips)) + [sign * (clip.condition == "anomaly") for clip in clips]


def test_plausible_scores_have_no_warning():
    clips = _clips(domains=("source", "target"))
    assert evaluate_scores(clips, _scores(clips)).warnings == ()


def test_equal_scores_are_one_line():
    clips = _clips(sections=("00", "01"))
    assert evaluate_scores(clips, np.ones(80)).warnings == (
        Finding("equal_scores", "all scores of 00, 01 are equal: they do not depend on the recording"),
    )
    (warning,) = messages(evaluate_scores(clips[:40], np.ones(40)).warnings)
    assert warning.startswith("all scores are equal")
    scores = _scores(clips)
    scores[40:] = 1.0
    assert "all scores of 01 are equal" in messages(evaluate_scores(clips, scores).warnings)[0]


def test_reversed_scores_are_one_line():
    clips = _clips(domains=("source", "target"))
    (warning,) = messages(evaluate_scores(clips, -3 * _scores(clips)).warnings)
    assert warning.startswith("AUC far below 50 %: ")
    assert "(source)" in warning
    assert "(target)" in warning
    few = evaluate_scores(clips[:2] + clips[20:22], [3.0, 4.0, 1.0, 2.0], intervals=False)
    (warning,) = messages(few.warnings)
    assert warning.startswith("AUC far below 50 %: 0.0 %. Anom")
    early = "training has not converged: the loss fell by 6 % over the last epoch of 10; train longer"
    not_converged = Finding("not_converged", early)
    for fit_findings in ([not_converged], [Finding("other", early.lower()), not_converged]):
        (warning,) = messages(evaluate_scores(clips, -3 * _scores(clips), fit_findings=fit_findings).warnings)
        assert warning.endswith(f" (target). T{early[1:]}")
        assert "exchanged" not in warning
    many = _clips(sections=[f"{i:02}" for i in range(6)])
    (warning,) = messages(evaluate_scores(many, -3 * _scores(many)).warnings)
    assert "(02) and 3 more" in warning


def test_an_auc_significantly_below_one_half_is_reported():
    clips = _clips(300)
    evaluation = evaluate_scores(clips, _scores(clips, -0.25))
    assert 0.4 < evaluation.overall.auc_source.value < evaluation.overall.auc_source.high < 0.5
    assert "far below" in messages(evaluation.warnings)[0]


def test_copies_are_reported_and_count_once_for_intervals():
    clips = _clips(10)
    scores = _scores(clips)
    copies = [replace(clip, path=f"copy of {clip.path}") for clip in clips]
    identities = [clip.path for clip in clips] * 2
    once = evaluate_scores(clips, scores, threshold=0.5)
    twice = evaluate_scores([*clips, *copies], np.tile(scores, 2), threshold=0.5, identities=identities)
    for name, value in once.overall.decisions.items():
        copied = twice.overall.decisions[name]
        assert copied.value == pytest.approx(value.value)
        assert copied.low < value.low + 1e-9, "two clips of a recording tell no more than one"
        assert copied.high > value.high - 1e-9
    assert twice.overall.auc_source == once.overall.auc_source
    assert len(twice.copies) == 20
    assert twice.to_json()["copies"][0] == [clips[0].path, copies[0].path]
    (finding, *_) = twice.warnings
    assert (finding.kind, len(finding.paths)) == ("copies", 40)
    assert "20 clips are copies of another clip" in finding.message
    unknown = evaluate_scores([*clips, *copies], np.tile(scores, 2), threshold=0.5)
    assert unknown.copies == ()
    assert unknown.overall.decisions["recall_source"].high < once.overall.decisions["recall_source"].high


def test_a_path_that_is_listed_twice_is_a_copy():
    clips = _clips(5)
    evaluation = evaluate_scores([*clips, clips[0]], [*_scores(clips), 0.0])
    assert evaluation.copies == ((clips[0].path, clips[0].path),)
    assert messages(evaluation.warnings)[0].startswith("1 clip is a copy")


def test_copies_join_the_recordings_that_they_were_cut_from():
    cuts = [Clip(f"{i}.wav", condition="normal", source_recording=str(i // 2)) for i in range(6)]
    assert labels_of(cuts).source_recording.tolist() == [0, 0, 1, 1, 2, 2]
    same = ["a", "b", "b", "c", "d", "e"]  # the second clip of the first recording is in the second one, too
    assert labels_of(cuts, same).source_recording.tolist() == [0, 0, 0, 0, 1, 1]


def test_a_recording_with_both_labels_is_an_error_that_names_both():
    clips = _clips(4)
    with pytest.raises(
        EvaluationError, match=r"None_None_normal_0\.wav is labelled normal and x\.wav is labelled"
    ):
        evaluate_scores(
            [*clips, Clip("x.wav", condition="anomaly")],
            np.arange(9.0),
            identities=[*range(8), 0],
        )
    twice = replace(clips[0], condition="anomaly")
    with pytest.raises(EvaluationError, match="the same recording has two labels"):
        evaluate_scores([*clips, twice], np.arange(9.0))


def test_a_threshold_that_finds_few_of_many_separable_faults_is_described():
    clips = _clips(domains=("source", "target"))
    scores = np.array([3.0 * (c.condition == "anomaly") + i / 1000 for i, c in enumerate(clips)])
    text = missed_by_threshold(evaluate_scores(clips, scores, threshold=3.05, intervals=False).overall)
    assert text == (
        "the scores separate faults well, but the threshold finds only 0 % of the faults in the source "
        "domain (AUC 100.0 %)"
    )
    assert missed_by_threshold(evaluate_scores(clips, scores, threshold=1.0).overall) is None
    assert missed_by_threshold(evaluate_scores(clips, scores, intervals=False).overall) is None
    assert missed_by_threshold(evaluate_scores(clips, -scores, threshold=1.0).overall) is None


def test_attribute_values_of_single_recordings_are_not_general():
    clips = [
        replace(c, attributes={"rec": str(i // 2), "mic": str(i % 2)}, source_recording=str(i // 2))
        for i, c in enumerate(_clips())
    ]
    attributes = evaluate_scores(clips, _scores(clips), intervals=False).attributes
    assert {name for name, part in attributes.items() if part.is_general} == {"mic=0", "mic=1"}
    assert attributes["mic=0"].recordings == 20
    assert attributes["rec=3"].recordings == 1
