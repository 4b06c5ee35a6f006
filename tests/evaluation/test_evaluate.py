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


def test_json_holds_fractions_with_intervals():
    clips = _clips()
    found = json.loads(json.dumps(evaluate_scores(clips, _scores(clips), threshold=0.5).to_json()))
    for name in ("auc_source", "auc_target", "pauc", "harmonic_mean", "precision_source", "f1_target"):
        assert set(found[name]) == {"value", "low", "high"}
        assert 0 <= found[name]["low"] <= found[name]["value"] <= found[name]["high"] <= 1
    terms = [found[name]["value"] for name in ("auc_source", "auc_target", "pauc")]
    assert found["harmonic_mean"]["value"] == pytest.approx(hmean(terms))
    assert found["clips"] == {f"{c}_{d}": 20 for c in ("normal", "anomaly") for d in ("source", "target")}
    assert found["sections"]["00"]["pauc"] == found["pauc"]
    assert found["threshold"] == 0.5


def test_the_order_of_clips_does_not_matter():
    clips = _clips(sections=("00", "01"))
    scores = _scores(clips)
    order = np.random.default_rng(1).permutation(len(clips))
    one = evaluate_scores(clips, scores, threshold=0.3)
    other = evaluate_scores([clips[i] for i in order], scores[order], threshold=0.3)
    for name in ("auc_source", "auc_target", "pauc", "harmonic_mean"):
        a, b = getattr(one.overall, name), getattr(other.overall, name)
        assert a.value == pytest.approx(b.value, abs=1e-12)
        assert a.low == pytest.approx(b.low, abs=0.03)
    for name, value in one.overall.decisions.items():
        assert other.overall.decisions[name].value == value.value


def test_precision_and_recall_are_those_of_a_domains_own_clips():
    clips = _clips()
    scores = _scores(clips)
    found = evaluate_scores(clips, scores, threshold=0.5).overall.decisions
    for domain in ("source", "target"):
        own = np.array([clip.domain == domain for clip in clips])
        anomaly = np.array([clip.condition == "anomaly" for clip in clips])
        expected = precision_recall_fscore_support(anomaly[own], scores[own] > 0.5, average="binary")
        for name, value in zip(("precision", "recall", "f1"), expected, strict=False):
            assert found[f"{name}_{domain}"].value == pytest.approx(value)
        alarms = found[f"false_alarm_rate_{domain}"]
        assert alarms.value == np.mean(scores[own & ~anomaly] > 0.5)
        assert alarms.low < alarms.value < alarms.high


def test_a_score_equal_to_the_threshold_is_no_alarm():
    clips = _clips(2, domains=(None,))
    found = evaluate_scores(clips, [0.0, 1.0, 1.0, 2.0], threshold=1.0, resamples=0).overall
    assert found.decisions["false_alarm_rate_source"].value == 0
    assert found.decisions["recall_source"].value == 0.5
    assert found.pauc.low is None


def test_sections_are_judged_alone_and_then_combined():
    clips = _clips(sections=("00", "01"))
    # Scores of the second section lie elsewhere: an AUC over both together would suffer, this one does not.
    scores = _scores(clips) + [100.0 * (clip.section == "01") for clip in clips]
    found = evaluate_scores(clips, scores, year=2022)
    parts = list(found.sections.values())
    assert list(found.sections) == ["00", "01"]
    terms = [estimate.value for part in parts for estimate in (part.auc_source, part.auc_target, part.pauc)]
    assert found.overall.harmonic_mean.value == pytest.approx(hmean(terms))
    assert found.overall.auc_source.value == pytest.approx(hmean([part.auc_source.value for part in parts]))
    widths = [part.harmonic_mean.high - part.harmonic_mean.low for part in parts]
    assert found.overall.harmonic_mean.high - found.overall.harmonic_mean.low < min(widths)

    alone = evaluate_scores(clips[80:], scores[80:], year=2022)
    assert alone.sections["01"] == found.sections["01"]


def test_several_machines_name_their_sections():
    clips = _clips(5) + _clips(5, machine="pump")
    assert list(evaluate_scores(clips, _scores(clips), resamples=10).sections) == ["fan/00", "pump/00"]


def test_without_domains():
    clips = _clips(domains=(None,), sections=(None,))
    scores = _scores(clips)
    found = evaluate_scores(clips, scores, threshold=0.5)
    labels = [clip.condition == "anomaly" for clip in clips]
    assert found.overall.auc_source.value == pytest.approx(roc_auc_score(labels, scores))
    assert found.overall.auc_target is None
    assert found.to_json()["auc_target"] is None
    assert found.to_json()["clips"] == {"normal": 20, "anomaly": 20}
    assert list(found.sections) == ["all"]
    assert "precision_source" in found.to_json()
    assert "precision_target" not in found.to_json()


def test_2020_reports_the_arithmetic_mean_as_official():
    clips = _clips(domains=(None,), sections=("01", "03"))
    found = evaluate_scores(clips, _scores(clips), year=2020)
    terms = [e.value for part in found.sections.values() for e in (part.auc_source, part.pauc)]
    assert found.to_json()["official_score"]["value"] == pytest.approx(np.mean(terms))
    assert found.to_json()["harmonic_mean"]["value"] == pytest.approx(hmean(terms))
    assert evaluate_scores(clips, _scores(clips)).to_json()["official_score"] is None


def test_attributes_compare_what_can_be_compared():
    def attributes(condition, number):
        fault = {"fault": "leak" if number % 2 else "rub"} if condition == "anomaly" else {}
        return {"spd": str(number % 2), **fault, **({"day": "1"} if condition == "normal" else {})}

    clips = _clips(20, domains=("source",), attributes=attributes)
    scores = _scores(clips)
    found = evaluate_scores(clips, scores).attributes
    labels = np.array([clip.condition == "anomaly" for clip in clips])

    def expected(*keep):
        mask = np.array([any(k(clip) for k in keep) for clip in clips])
        return pytest.approx(roc_auc_score(labels[mask], scores[mask]))

    assert found["spd=1"].contrast == "same value"
    assert found["spd=1"].auc.value == expected(lambda c: c.attributes["spd"] == "1")
    assert (found["spd=1"].normals, found["spd=1"].anomalies) == (10, 10)
    assert found["fault=leak"].contrast == "all normals"
    assert found["fault=leak"].auc.value == expected(
        lambda c: c.condition == "normal", lambda c: c.attributes.get("fault") == "leak"
    )
    assert found["fault=leak"].normals == 20
    assert found["day=1"].contrast == "all anomalies"
    assert found["day=1"].auc.low < found["day=1"].auc.value < found["day=1"].auc.high


def test_an_attribute_of_one_clip_is_not_judged():
    clips = _clips(3, domains=(None,), attributes=lambda condition, number: {"n": f"{condition}{number}"})
    assert evaluate_scores(clips, _scores(clips), resamples=10).attributes == {}


def test_clips_cut_from_one_recording_widen_the_intervals():
    clips = _clips(domains=("source",))
    cut = [replace(clip, source_recording=str(index // 5)) for index, clip in enumerate(clips)]
    part = [
        replace(clip, source_recording="first" if index < 5 else None) for index, clip in enumerate(clips)
    ]
    of_recordings = [-1.0, 0.0, 1.0, 2.0, 0.5, 1.5, 2.5, -0.5]  # four normal, four anomalous
    scores = np.repeat(of_recordings, 5) + _scores(clips, shift=0.0) / 10
    apart, together = (evaluate_scores(each, scores).overall.auc_source for each in (clips, cut))
    assert together.value == apart.value
    assert together.high - together.low > 1.3 * (apart.high - apart.low)
    assert labels_of(part).source_recording.tolist() == [0] * 5 + list(range(1, 36))
    assert labels_of(clips).source_recording is None


def test_missing_labels_are_counted():
    clips = _clips(3)
    with pytest.raises(EvaluationError, match=r"1 of 12 clips have no condition .*, for instance new\.wav"):
        evaluate_scores([Clip("new.wav"), *clips[1:]], np.zeros(12))
    with pytest.raises(EvaluationError, match=r"2 of 12 clips have no domain .*a\.wav"):
        labels_of([Clip("a.wav", condition="normal"), Clip("b.wav", condition="anomaly"), *clips[2:]])
    with pytest.raises(EvaluationError, match="no labelled clips"):
        evaluate_scores([], [])


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_bad_scores_and_thresholds_are_refused(bad):
    clips = _clips(3)
    scores = _scores(clips)
    with pytest.raises(EvaluationError, match="threshold must be a finite"):
        evaluate_scores(clips, scores, threshold=bad)
    scores[4] = bad
    with pytest.raises(EvaluationError, match=f"1 of 12 scores are not finite.*{clips[4].path}"):
        evaluate_scores(clips, scores)
    with pytest.raises(EvaluationError, match="12 clips but 11 scores"):
        evaluate_scores(clips, scores[1:])
    with pytest.raises(OptionError, match="1999"):
        evaluate_scores(clips, scores, year=1999)


def test_a_section_without_anomalies_is_named():
    clips = _clips(3, sections=("00", "01"))
    kept = [clip for clip in clips if not (clip.section == "01" and clip.condition == "anomaly")]
    with pytest.raises(
        EvaluationError, match=r"section 01: no anomalous clips.*3 normal source, 0 anomaly source"
    ):
        evaluate_scores(kept, np.arange(len(kept)), year=2023)


def test_anomalies_in_one_domain_alone_leave_the_others_recall_out():
    clips = [c for c in _clips(5) if not (c.domain == "target" and c.condition == "anomaly")]
    found = evaluate_scores(clips, _scores(clips), threshold=0.0, resamples=10).overall
    assert "recall_target" not in found.decisions
    assert "false_alarm_rate_target" in found.decisions
    assert found.auc_target is not None


def test_a_section_without_anomalies_is_left_out_where_there_are_others():
    clips = [c for c in _clips(sections=("00", "01")) if c.section == "00" or c.condition == "normal"]
    found = evaluate_scores(clips, _scores(clips), threshold=0.5)
    judged = [c.section == "00" for c in clips]
    alone = evaluate_scores([c for c in clips if c.section == "00"], _scores(clips)[judged], threshold=0.5)
    assert found.overall.to_json() == alone.overall.to_json()
    assert list(found.sections) == ["00"]
    assert "01" in found.to_json()["left_out"]["01"]
    assert alone.left_out == {}
