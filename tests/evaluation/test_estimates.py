"""Intervals of metrics and rates, exact bounds of separated clips, or the reason why there is no interval."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auscult.corpus import Clip
from auscult.evaluation import evaluate_scores, labels_of
from auscult.evaluation.estimates import Measured, difference
from auscult.evaluation.protocol import TERMS, mean_over

PAUC_FLOOR = 0.5 * (1 - 0.005 / 0.095)  # of a partial area of 0


def _clips(normals, anomalies, *, domain=None, section=None):
    return [
        Clip(f"{section}/{domain}/{i}.wav", section=section, domain=domain, condition=condition)
        for i, condition in enumerate(["normal"] * normals + ["anomaly"] * anomalies)
    ]


def _scores(clips, sign=1.0):
    return sign * np.array([i + 100.0 * (clip.condition == "anomaly") for i, clip in enumerate(clips)])


def test_fewer_than_six_recordings_have_no_interval_and_their_number_is_given():
    for normals, anomalies in ((1, 1), (5, 40), (40, 5)):
        overall = evaluate_scores(_clips(normals, anomalies), np.arange(normals + anomalies)).overall
        assert overall.auc_source.low is overall.harmonic_mean.high is None
        note = overall.interval_notes["auc_source"]
        assert f"{normals} normal and {anomalies} anomalous independent recordings" in note
        assert overall.recordings == {"normal": normals, "anomaly": anomalies}
    clips = [
        replace(clip, source_recording=f"{clip.condition}{i % 5}") for i, clip in enumerate(_clips(30, 30))
    ]
    overall = evaluate_scores(clips, np.arange(60)).overall
    assert overall.clips == {"normal": 30, "anomaly": 30}
    assert overall.recordings == {"normal": 5, "anomaly": 5}
    assert overall.auc_source.low is None
    assert evaluate_scores(_clips(6, 6), [*range(5), 7, 6, *range(8, 13)]).overall.auc_source.low is not None


def test_each_domain_needs_recordings():
    rng = np.random.default_rng(0)

    def harmonic_mean(source, target):
        clips = [*_clips(source, 8, domain="source"), *_clips(target, 8, domain="target")]
        return evaluate_scores(
            clips, rng.normal(size=len(clips)) + _scores(clips) / 1e3
        ).overall.harmonic_mean

    assert harmonic_mean(6, 5).low is not None
    assert "7 normal and 16 anomalous" in harmonic_mean(4, 3).note
    assert "a domain has a single" in harmonic_mean(20, 1).note


def test_separated_clips_have_a_bound_from_the_smaller_group():
    clips = _clips(50, 80)
    overall = evaluate_scores(clips, _scores(clips)).overall
    assert overall.auc_source.low == pytest.approx(0.025 ** (1 / 50))
    assert overall.auc_source.high == 1.0
    assert overall.pauc.low == pytest.approx(0.5 * (1 + (0.025 ** (1 / 50) - 0.9 - 0.005) / 0.095))
    reverse = evaluate_scores(clips, _scores(clips, -1)).overall
    assert (reverse.auc_source.value, reverse.auc_source.low) == (0.0, 0.0)
    assert reverse.auc_source.high == pytest.approx(1 - 0.025 ** (1 / 50))
    assert reverse.harmonic_mean.low == 0.0 < reverse.harmonic_mean.high < 0.2


def test_the_bound_follows_the_groups_of_the_year():
    clips = [*_clips(30, 20, domain="source"), *_clips(10, 8, domain="target")]
    scores = np.array([0.0 if clip.condition == "normal" else 1.0 for clip in clips])
    smallest = {2020: (28, None), 2021: (20, 8), 2022: (28, 10), None: (28, 10)}
    for year, sizes in smallest.items():
        overall = evaluate_scores(clips, scores, year=year).overall
        for estimate, size in zip((overall.auc_source, overall.auc_target), sizes, strict=True):
            assert (estimate is None) == (size is None)
            if estimate:
                assert estimate.low == pytest.approx(0.025 ** (1 / size))
        assert overall.official.low < overall.official.value == 1.0
    assert evaluate_scores(clips, scores, year=2021).overall.pauc.low == pytest.approx(PAUC_FLOOR)


def test_several_separated_sections_have_the_mean_of_their_bounds():
    clips = [*_clips(40, 40, section="00"), *_clips(80, 80, section="01")]
    evaluation = evaluate_scores(clips, _scores(clips))
    lows = [section.auc_source.low for section in evaluation.sections.values()]
    assert evaluation.overall.auc_source.low == pytest.approx(2 / (1 / lows[0] + 1 / lows[1]))
    one_overlaps = _scores(clips)
    one_overlaps[:80] = np.random.default_rng(0).normal(size=80)
    overall = evaluate_scores(clips, one_overlaps).overall
    assert overall.auc_source.low < overall.auc_source.value < overall.auc_source.high
    assert "auc_source" not in overall.interval_notes, "the section with an overlap varies"


def test_without_an_interval_the_reason_is_given():
    equal = evaluate_scores(_clips(10, 10), np.zeros(20)).overall
    assert (equal.auc_source.value, equal.auc_source.low, equal.auc_source.high) == (0.5, None, None)
    assert "the same without any of the recordings" in equal.interval_notes["auc_source"]
    assert evaluate_scores(_clips(9, 9), _scores(_clips(9, 9)), intervals=False).overall.interval_notes == {}


def test_rates_of_independent_clips_have_clopper_pearson_intervals():
    from scipy.stats import binomtest

    clips = _clips(30, 20)
    rates = evaluate_scores(clips, _scores(clips), threshold=105.0).overall.decisions
    flagged = sum(score > 105.0 for score in _scores(clips))
    assert flagged == 20
    for name, successes, trials in (("precision", 20, 20), ("recall", 20, 20), ("false_alarm_rate", 0, 30)):
        exact = binomtest(successes, trials).proportion_ci(method="exact")
        rate = rates[f"{name}_source"]
        assert (rate.low, rate.high) == pytest.approx((exact.low, exact.high)), name
    low = binomtest(20, 20).proportion_ci(method="exact").low
    assert rates["f1_source"].low == pytest.approx(2 * low / (1 + low))
    assert rates["f1_source"].value == 1.0

    none = evaluate_scores(clips, _scores(clips), threshold=1000.0).overall
    assert (none.decisions["precision_source"].value, none.decisions["precision_source"].low) == (0.0, None)
    assert "no clip is above the threshold" in none.interval_notes["precision_source"]
    assert 0.1 < none.decisions["recall_source"].high < 0.2


def test_the_interval_of_f1_has_nominal_coverage():
    """Clips that are anomalous with a probability of 0.4, and found and falsely flagged with known rates."""
    rng = np.random.default_rng(2)
    share, recall, false_alarms = 0.4, 0.8, 0.1
    truth = 2 * share * recall / (share + share * recall + (1 - share) * false_alarms)
    covered = 0
    for _ in range(400):
        anomaly = np.r_[[True, False], rng.random(58) < share]
        flagged = rng.random(60) < np.where(anomaly, recall, false_alarms)
        clips = [Clip(f"{i}.wav", condition="anomaly" if a else "normal") for i, a in enumerate(anomaly)]
        f1 = evaluate_scores(clips, flagged.astype(float), threshold=0.5, intervals=False).overall.decisions
        covered += f1["f1_source"].low <= truth <= f1["f1_source"].high
    assert covered / 400 > 0.93


@given(st.data())
def test_no_interval_has_zero_width(data):
    count = data.draw(st.integers(2, 20))
    anomalous = data.draw(st.integers(1, count - 1))
    scores = data.draw(st.lists(st.integers(0, 3), min_size=count, max_size=count))
    domains = data.draw(st.sampled_from([(None,), ("source", "target")]))
    clips = [clip for domain in domains for clip in _clips(count - anomalous, anomalous, domain=domain)]
    evaluation = evaluate_scores(clips, scores * len(domains), threshold=1.5)
    overall = evaluation.overall
    metrics = {
        n: getattr(overall, n) for n in ("auc_source", "auc_target", "pauc", "harmonic_mean", "official")
    }
    for name, estimate in {**metrics, **overall.decisions}.items():
        if estimate is None:
            continue
        if estimate.low is None:
            assert estimate.note, name
        else:
            assert estimate.high - estimate.low > 1e-6, name
            assert 0 <= estimate.low <= estimate.high <= 1, name


def test_a_rate_among_few_recordings_has_no_interval():
    clips = [
        replace(clip, source_recording=f"{clip.condition}{i // 6}") for i, clip in enumerate(_clips(30, 60))
    ]
    rates = evaluate_scores(clips, _scores(clips), threshold=105.0).overall.decisions
    assert rates["false_alarm_rate_source"].low is None
    assert "5 independent recordings" in rates["false_alarm_rate_source"].note
    assert rates["recall_source"].low == pytest.approx(0.025 ** (1 / 10)), "ten recordings, all detected"


def test_scores_of_one_fit_are_compared_seed_by_seed():
    """Two scores that share what varies between seeds differ by the same amount for each of them."""
    rng = np.random.default_rng(1)
    labels = labels_of(_clips(20, 20))
    noise, shifts = rng.normal(size=40), (0.2, 1.0, 1.8)
    runs = [
        [
            [Measured.of(labels, noise + extra * rng.normal(size=40) + (s + gain) * labels.anomaly)]
            for s in shifts
        ]
        for gain, extra in ((0.0, 0.05), (0.3, 0.05))
    ]
    paired, apart = (difference(runs[1], runs[0], TERMS, mean_over, paired=p) for p in (True, False))
    assert paired.value == apart.value > 0
    assert paired.high - paired.low < 0.7 * (apart.high - apart.low)
