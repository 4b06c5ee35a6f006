"""Evaluation of scores of labelled clips."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import hmean
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

from auscult.corpus import Clip
from auscult.errors import EvaluationError, OptionError
from auscult.evaluation import evaluate_scores, labels_of


def _clips(size=20, *, domains=("source", "target"), sections=("00",), machine="fan", attributes=None):
    """Clips by section, domain and condition, ``size`` of each."""
    return [
        Clip(
            path=f"{machine}/{section}_{domain}_{condition}_{number}.wav",
            machine=machine,
            section=section,
            domain=domain,
            condition=condition,
            attributes=attributes(condition, number) if attributes else {},
        )
        for section in sections
        for domain in domains
        for condition in ("normal", "anomaly")
        for number in range(size)
    ]


def _scores(clips, seed=0, shift=1.0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=len(clips)) + [shift * (clip.condition == "anomaly") for clip in clips]


def test_json_has_fractions_with_intervals():
    clips = _clips()
    data = json.loads(json.dumps(evaluate_scores(clips, _scores(clips), threshold=0.5).to_json()))
    for name in ("auc_source", "auc_target", "pauc", "harmonic_mean", "precision_source", "f1_target"):
        assert set(data[name]) == {"value", "low", "high"}
        assert 0 <= data[name]["low"] <= data[name]["value"] <= data[name]["high"] <= 1
    terms = [data[name]["value"] for name in ("auc_source", "auc_target", "pauc")]
    assert data["harmonic_mean"]["value"] == pytest.approx(hmean(terms))
    assert data["clips"] == {f"{c}_{d}": 20 for c in ("normal", "anomaly") for d in ("source", "target")}
    assert data["sections"]["00"]["pauc"] == data["pauc"]
    assert data["threshold"] == 0.5


def test_the_order_of_clips_does_not_matter():
    clips = _clips(sections=("00", "01"))
    scores = _scores(clips)
    order = np.random.default_rng(1).permutation(len(clips))
    sorted_clips = evaluate_scores(clips, scores, threshold=0.3)
    shuffled_clips = evaluate_scores([clips[i] for i in order], scores[order], threshold=0.3)
    for name in ("auc_source", "auc_target", "pauc", "harmonic_mean"):
        a, b = getattr(sorted_clips.overall, name), getattr(shuffled_clips.overall, name)
        assert a.value == pytest.approx(b.value, abs=1e-12)
        assert a.low == pytest.approx(b.low, abs=0.03)
    for name, value in sorted_clips.overall.decisions.items():
        assert shuffled_clips.overall.decisions[name].value == value.value


def test_precision_and_recall_use_the_clips_of_one_domain():
    clips = _clips()
    scores = _scores(clips)
    metrics = evaluate_scores(clips, scores, threshold=0.5).overall.decisions
    for domain in ("source", "target"):
        in_domain = np.array([clip.domain == domain for clip in clips])
        anomaly = np.array([clip.condition == "anomaly" for clip in clips])
        expected = precision_recall_fscore_support(
            anomaly[in_domain], scores[in_domain] > 0.5, average="binary"
        )
        for name, value in zip(("precision", "recall", "f1"), expected, strict=False):
            assert metrics[f"{name}_{domain}"].value == pytest.approx(value)
        false_alarm_rate = metrics[f"false_alarm_rate_{domain}"]
        assert false_alarm_rate.value == np.mean(scores[in_domain & ~anomaly] > 0.5)
        assert false_alarm_rate.low < false_alarm_rate.value < false_alarm_rate.high


def test_a_score_equal_to_the_threshold_is_not_flagged():
    clips = _clips(2, domains=(None,))
    overall = evaluate_scores(clips, [0.0, 1.0, 1.0, 2.0], threshold=1.0, intervals=False).overall
    assert overall.decisions["false_alarm_rate_source"].value == 0
    assert overall.decisions["recall_source"].value == 0.5
    assert overall.pauc.low is None


def test_sections_are_evaluated_separately_and_then_combined():
    clips = _clips(sections=("00", "01"))
    # The scores of the second section are shifted, which would reduce an AUC over the clips of both sections.
    scores = _scores(clips) + [100.0 * (clip.section == "01") for clip in clips]
    evaluation = evaluate_scores(clips, scores, year=2022)
    sections, overall = list(evaluation.sections.values()), evaluation.overall
    assert list(evaluation.sections) == ["00", "01"]
    terms = [e.value for section in sections for e in (section.auc_source, section.auc_target, section.pauc)]
    assert overall.harmonic_mean.value == pytest.approx(hmean(terms))
    assert overall.auc_source.value == pytest.approx(
        hmean([section.auc_source.value for section in sections])
    )
    widths = [section.harmonic_mean.high - section.harmonic_mean.low for section in sections]
    assert overall.harmonic_mean.high - overall.harmonic_mean.low < min(widths)

    one_section = evaluate_scores(clips[80:], scores[80:], year=2022)
    assert one_section.sections["01"] == evaluation.sections["01"]


def test_section_names_include_the_machine_if_there_are_several():
    clips = _clips(5) + _clips(5, machine="pump")
    assert list(evaluate_scores(clips, _scores(clips)).sections) == ["fan/00", "pump/00"]


def test_without_domains():
    clips = _clips(domains=(None,), sections=(None,))
    scores = _scores(clips)
    evaluation = evaluate_scores(clips, scores, threshold=0.5)
    labels = [clip.condition == "anomaly" for clip in clips]
    assert evaluation.overall.auc_source.value == pytest.approx(roc_auc_score(labels, scores))
    assert evaluation.overall.auc_target is None
    assert evaluation.to_json()["auc_target"] is None
    assert evaluation.to_json()["clips"] == {"normal": 20, "anomaly": 20}
    assert list(evaluation.sections) == ["all"]
    assert "precision_source" in evaluation.to_json()
    assert "precision_target" not in evaluation.to_json()


def test_the_official_score_of_2020_is_the_arithmetic_mean():
    clips = _clips(domains=(None,), sections=("01", "03"))
    evaluation = evaluate_scores(clips, _scores(clips), year=2020)
    sections = evaluation.sections.values()
    terms = [estimate.value for section in sections for estimate in (section.auc_source, section.pauc)]
    assert evaluation.to_json()["official_score"]["value"] == pytest.approx(np.mean(terms))
    assert evaluation.to_json()["harmonic_mean"]["value"] == pytest.approx(hmean(terms))
    assert evaluate_scores(clips, _scores(clips)).to_json()["official_score"] is None


def test_contrasts_of_attribute_values():
    def attributes(condition, number):
        fault = {"fault": "leak" if number % 2 else "rub"} if condition == "anomaly" else {}
        return {"spd": str(number % 2), **fault, **({"day": "1"} if condition == "normal" else {})}

    clips = _clips(20, domains=("source",), attributes=attributes)
    scores = _scores(clips)
    results = evaluate_scores(clips, scores).attributes
    labels = np.array([clip.condition == "anomaly" for clip in clips])

    def expected_auc(*conditions):
        mask = np.array([any(condition(clip) for condition in conditions) for clip in clips])
        return pytest.approx(roc_auc_score(labels[mask], scores[mask]))

    assert results["spd=1"].contrast == "same value"
    assert results["spd=1"].auc.value == expected_auc(lambda c: c.attributes["spd"] == "1")
    assert (results["spd=1"].normals, results["spd=1"].anomalies) == (10, 10)
    assert results["fault=leak"].contrast == "all normals"
    assert results["fault=leak"].auc.value == expected_auc(
        lambda c: c.condition == "normal", lambda c: c.attributes.get("fault") == "leak"
    )
    assert results["fault=leak"].normals == 20
    assert results["day=1"].contrast == "all anomalies"
    assert results["day=1"].auc.low < results["day=1"].auc.value < results["day=1"].auc.high


def test_an_attribute_value_of_one_clip_is_not_evaluated():
    clips = _clips(3, domains=(None,), attributes=lambda condition, number: {"n": f"{condition}{number}"})
    assert evaluate_scores(clips, _scores(clips)).attributes == {}


def test_clips_cut_from_one_recording_widen_the_intervals():
    clips = _clips(domains=("source",))
    segments = [replace(clip, source_recording=str(index // 2)) for index, clip in enumerate(clips)]
    partly_known = [
        replace(clip, source_recording="first" if index < 5 else None) for index, clip in enumerate(clips)
    ]
    of_recordings = np.random.default_rng(0).normal(size=20) + np.repeat([0.0, 1.0], 10)
    scores = np.repeat(of_recordings, 2) + _scores(clips, shift=0.0) / 10
    by_clip, by_recording = (evaluate_scores(c, scores).overall.auc_source for c in (clips, segments))
    assert by_recording.value == by_clip.value
    assert by_recording.high - by_recording.low > 1.3 * (by_clip.high - by_clip.low)
    assert labels_of(partly_known).source_recording.tolist() == [0] * 5 + list(range(1, 36))
    assert labels_of(clips).source_recording is None


def test_missing_labels_are_refused():
    clips = _clips(3)
    with pytest.raises(EvaluationError, match=r"1 of 12 clips have no condition .*, for instance new\.wav"):
        evaluate_scores([Clip("new.wav"), *clips[1:]], np.zeros(12))
    with pytest.raises(EvaluationError, match=r"2 of 12 clips have no domain .*a\.wav"):
        labels_of([Clip("a.wav", condition="normal"), Clip("b.wav", condition="anomaly"), *clips[2:]])
    with pytest.raises(EvaluationError, match="no labelled clips"):
        evaluate_scores([], [])


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_invalid_scores_and_thresholds_are_refused(bad):
    clips = _clips(3)
    scores = _scores(clips)
    with pytest.raises(EvaluationError, match=f"threshold must be a finite number, got {bad}"):
        evaluate_scores(clips, scores, threshold=bad)
    scores[4] = bad
    with pytest.raises(EvaluationError, match=f"1 of 12 scores are not finite.*{clips[4].path}"):
        evaluate_scores(clips, scores)
    with pytest.raises(EvaluationError, match="12 clips but 11 scores"):
        evaluate_scores(clips, scores[1:])
    with pytest.raises(OptionError, match="1999"):
        evaluate_scores(clips, scores, year=1999)


def test_with_a_year_a_section_without_anomalies_is_an_error():
    clips = _clips(3, sections=("00", "01"))
    clips = [clip for clip in clips if not (clip.section == "01" and clip.condition == "anomaly")]
    with pytest.raises(
        EvaluationError, match=r"section 01: no anomalous clips.*3 normal source, 0 anomaly source"
    ):
        evaluate_scores(clips, np.arange(len(clips)), year=2023)


def test_a_domain_without_anomalies_has_no_recall():
    clips = [c for c in _clips(5) if not (c.domain == "target" and c.condition == "anomaly")]
    overall = evaluate_scores(clips, _scores(clips), threshold=0.0).overall
    assert "recall_target" not in overall.decisions
    assert "false_alarm_rate_target" in overall.decisions
    assert overall.auc_target is not None


def test_without_a_year_a_section_without_anomalies_is_left_out():
    clips = [c for c in _clips(sections=("00", "01")) if c.section == "00" or c.condition == "normal"]
    evaluation = evaluate_scores(clips, _scores(clips), threshold=0.5)
    mask = [c.section == "00" for c in clips]
    one_section = evaluate_scores(
        [c for c in clips if c.section == "00"], _scores(clips)[mask], threshold=0.5
    )
    assert evaluation.overall.to_json() == one_section.overall.to_json()
    assert list(evaluation.sections) == ["00"]
    assert "01" in evaluation.to_json()["left_out"]["01"]
    assert one_section.left_out == {}
