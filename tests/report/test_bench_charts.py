import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from auscult.corpus import Clip
from auscult.decision import Threshold
from auscult.report.bench_charts import (
    histogram_figure,
    latent_figure,
    roc_figure,
    section_masks,
    training_figures,
)
from auscult.report.bench_data import StageData


def stage(scores, *, seed=0, sections=("00",), domains=("source", "target"), limit=2.5):
    """Four clips per section and domain: two normal clips, two anomalies; the scores are repeated."""
    clips = [
        Clip(f"{s}{d}{i}.wav", "fan", s, "test", d, condition)
        for s in sections
        for d in domains
        for i, condition in enumerate(["normal", "normal", "anomaly", "anomaly"])
    ]
    values = np.resize(np.array(scores, dtype=float), len(clips))
    thresholds = {"mse": Threshold(limit, "gamma")}
    return StageData("fan", "auto<b>", seed, Path(), tuple(clips), {"mse": values}, thresholds)


def names(marks):
    return [mark.name for mark in marks]


def only_chart(figure):
    ((_, chart),) = figure.charts
    return chart


def test_roc_curves_name_the_auc_of_each_seed_and_their_mean():
    figure = roc_figure([stage([1, 2, 3, 4]), stage([3, 4, 1, 2], seed=1)], "")
    assert figure.caption == "auto<b>"
    assert names(figure.legend) == ["mse: AUC 50.0 %"]
    chart = only_chart(figure)
    assert names(chart.marks) == ["chance", "mse, seed 0: AUC 100.0 %", "mse, seed 1: AUC 0.0 %"]
    assert [mark.style for mark in chart.marks[1:]] == ["s0", "s0 faint"]
    assert (chart.x.label, chart.y.label) == ("false-positive rate", "true-positive rate")


def test_a_perfect_curve_goes_through_the_corner():
    chart = only_chart(roc_figure([stage([1, 2, 3, 4])], ""))
    assert (0, 1) in chart.marks[-1].points


def test_without_anomalies_there_is_no_roc_curve():
    only_normal = stage([1, 2, 3, 4])
    clips = tuple(c for c in only_normal.clips if c.condition == "normal")
    scores = {"mse": np.arange(float(len(clips)))}
    assert roc_figure([StageData("fan", "a", 0, Path(), clips, scores, {})], "") is None


def test_each_section_has_a_mask_and_a_figure():
    two_sections = stage([1, 2, 3, 4], sections=("00", "01"))
    assert list(section_masks(two_sections.clips)) == ["00", "01"]
    assert [int(m.sum()) for m in section_masks(two_sections.clips).values()] == [8, 8]
    assert list(section_masks(stage([1]).clips)) == [""]
    assert roc_figure([two_sections], "01").caption == "auto<b>, section 01"


def test_section_masks_exclude_clips_without_a_label():
    assert section_masks([Clip("a.wav", section="00"), Clip("b.wav", section="00", condition="normal")])[
        ""
    ].tolist() == [False, True]
    assert section_masks([Clip("a.wav")]) == {}


def test_each_domain_has_a_histogram_with_the_threshold():
    figure = histogram_figure(stage([1, 2, 3, 4]), "mse", "")
    assert [label for label, _ in figure.charts] == [
        "source domain: 2 normal, 2 anomalous",
        "target domain: 2 normal, 2 anomalous",
    ]
    assert names(figure.legend) == ["normal", "anomaly"]
    for _, chart in figure.charts:
        assert chart.threshold == 2.5
        assert chart.y.label == "% of clips"
        assert "2 normal and 2 anomalous clips" in chart.alt


def test_the_outline_of_a_histogram_has_the_percentage_of_clips_and_ends_on_the_base_line():
    chart = histogram_figure(stage([1, 1, 3, 4]), "mse", "").charts[0][1]
    normal, anomaly = chart.marks
    assert [mark.style for mark in chart.marks] == ["normal", "anomaly"]
    assert max(height for _, height in normal.points) == 100
    assert max(height for _, height in anomaly.points) == 50
    assert normal.points[0][1] == normal.points[-1][1] == 0
    assert sum(right - left for (left, y), (right, _) in pairwise(normal.points) if y) == pytest.approx(
        (chart.x.high - chart.x.low) / 24
    )


def test_a_histogram_without_domains_and_threshold():
    figure = histogram_figure(stage([1, 2, 3, 4], domains=(None,), limit=None), "mse", "")
    (label, chart), missing = figure.charts
    assert label == "all clips: 2 normal, 2 anomalous"
    assert chart.threshold is None
    assert missing == ("no threshold", None)


@pytest.mark.parametrize("scores", [[1.0], [0.0], [-5, 3, 1, 2], [1e-9, 1, 1e6, 1e12]])
def test_histograms_of_extreme_scores_can_be_drawn(scores):
    ((_, chart),) = histogram_figure(stage(scores, domains=("source",)), "mse", "").charts
    assert len(chart.marks) == 2
    assert_drawable(chart)


def assert_drawable(chart):
    pixels = [pixel for mark in chart.marks for pixel in chart.corners(mark)]
    assert len(pixels) >= len(chart.marks)
    assert np.isfinite(pixels).all()


HISTORY = [
    {"epoch": e, "loss": 10.0 / e, "validation": 12.0 / e, "reconstruction": 9.0 / e, "kl": 1.0 * e,
     "kl_per_dimension": [0.5, 0.25], "active_units": 2.0}
    for e in (1, 2, 3)
]  # fmt: skip


def test_training_charts_show_losses_and_kl_divergence():
    loss, kl = training_figures([(stage([1]), HISTORY), (stage([1], seed=7), HISTORY)])
    assert names(loss.legend) == [
        "loss: 3.333 at the end",
        "validation: 4 at the end",
        "reconstruction: 3 at the end",
    ]
    assert "validation, seed 7" in names(only_chart(loss).marks)
    assert names(kl.legend) == ["kl: 3 at the end"]
    assert kl.note == "Active latent units at the end: 2 of 2. KL divergence per unit: 0.5, 0.25."
    assert [mark.points for mark in only_chart(kl).marks] == [[(1, 1.0), (2, 2.0), (3, 3.0)]] * 2
    assert only_chart(kl).x.label == "epoch"


def test_an_autoencoder_has_one_training_chart():
    history = [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0}]
    (loss,) = training_figures([(stage([1]), history)])
    assert names(loss.legend) == ["loss: 1 at the end"]


def test_a_single_epoch_and_a_negative_loss_can_be_drawn():
    history = [{"epoch": 1, "loss": -2.0, "kl": float("nan")}]
    (loss,) = training_figures([(stage([1]), history)])
    assert_drawable(only_chart(loss))


def test_latent_codes_are_shown_by_condition_and_domain():
    data = stage([1, 2, 3, 4])
    codes = np.random.default_rng(0).normal(size=(len(data.clips), 6)) * [10, 1, 0.1, 0.1, 0.1, 0.1]
    figure = latent_figure(data, data.clips, codes)
    assert names(figure.legend) == ["anomaly source", "anomaly target", "normal source", "normal target"]
    chart = only_chart(figure)
    assert [len(mark.points) for mark in chart.marks] == [2, 2, 2, 2]
    assert explained(chart.x) >= 90


def explained(axis):
    return int(re.search(r"\((\d+) % of variance\)", axis.label)[1])


def test_two_components_explain_two_dimensional_codes():
    data = stage([1, 2, 3, 4])
    plane = np.random.default_rng(1).normal(size=(len(data.clips), 2))
    chart = only_chart(latent_figure(data, data.clips, plane @ np.eye(2, 5)))
    assert explained(chart.x) + explained(chart.y) in (99, 100, 101)


@pytest.mark.parametrize("latents", [1, 4])
def test_constant_codes_can_be_drawn(latents):
    data = stage([1, 2, 3, 4])
    chart = only_chart(latent_figure(data, data.clips, np.ones((len(data.clips), 2 * latents))))
    assert_drawable(chart)
