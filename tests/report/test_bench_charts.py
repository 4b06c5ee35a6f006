import re
import xml.etree.ElementTree as ET
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


def texts(markup):
    return " ".join(ET.fromstring(markup).itertext())


def test_roc_curves_name_the_auc_of_each_seed_and_their_mean():
    figure = roc_figure([stage([1, 2, 3, 4]), stage([3, 4, 1, 2], seed=1)], "")
    assert "mse: AUC 50.0 %" in texts(figure)
    assert "mse, seed 0: AUC 100.0 %" in texts(figure)
    assert "mse, seed 1: AUC 0.0 %" in texts(figure)
    assert {"false-positive rate", "true-positive rate"} <= set(ET.fromstring(figure).itertext())
    assert "auto<b>" not in figure


def test_a_perfect_curve_goes_through_the_corner():
    figure = roc_figure([stage([1, 2, 3, 4])], "")
    assert 'd="M46 194L46 8L330 8"' in figure


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
    assert "01" in texts(roc_figure([two_sections], "01"))


def test_section_masks_exclude_clips_without_a_label():
    assert section_masks([Clip("a.wav", section="00"), Clip("b.wav", section="00", condition="normal")])[
        ""
    ].tolist() == [False, True]
    assert section_masks([Clip("a.wav")]) == {}


def test_each_domain_has_a_histogram_with_the_threshold():
    figure = histogram_figure(stage([1, 2, 3, 4]), "mse", "")
    assert figure.count("<svg") == 2 + 2  # two charts, two samples in the legend
    assert figure.count("threshold") == 2
    assert "source domain: 2 normal, 2 anomalous" in texts(figure)
    assert "target domain: 2 normal, 2 anomalous" in texts(figure)
    assert "% of clips" in texts(figure)


def test_a_histogram_without_domains_and_threshold():
    figure = histogram_figure(stage([1, 2, 3, 4], domains=(None,), limit=None), "mse", "")
    assert "all clips: 2 normal, 2 anomalous" in texts(figure)
    assert "no threshold" in texts(figure)


@pytest.mark.parametrize("scores", [[1.0], [0.0], [-5, 3, 1, 2], [1e-9, 1, 1e6, 1e12]])
def test_histograms_of_extreme_scores_can_be_drawn(scores):
    figure = histogram_figure(stage(scores, domains=("source",)), "mse", "")
    assert "nan" not in figure
    assert figure.count('class="steps normal"') == 2


HISTORY = [
    {"epoch": e, "loss": 10.0 / e, "validation": 12.0 / e, "reconstruction": 9.0 / e, "kl": 1.0 * e,
     "kl_per_dimension": [0.5, 0.25], "active_units": 2.0}
    for e in (1, 2, 3)
]  # fmt: skip


def test_training_charts_show_losses_and_kl_divergence():
    loss, kl = training_figures([stage([1]), stage([1], seed=7)], [HISTORY, HISTORY])
    for name in ("loss: 3.333 at the end", "validation: 4 at the end", "reconstruction: 3 at the end"):
        assert name in texts(loss)
    assert "validation, seed 7" in texts(loss)
    assert "kl: 3 at the end" in texts(kl)
    assert "Active latent units at the end: 2 of 2. KL divergence per unit: 0.5, 0.25." in texts(kl)
    assert "epoch" in texts(kl)


def test_an_autoencoder_has_one_training_chart():
    history = [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0}]
    (loss,) = training_figures([stage([1])], [history])
    assert "validation" not in texts(loss)


def test_a_single_epoch_and_a_negative_loss_can_be_drawn():
    history = [{"epoch": 1, "loss": -2.0, "kl": float("nan")}]
    (loss,) = training_figures([stage([1])], [history])
    assert "nan" not in loss


def test_latent_codes_are_shown_by_condition_and_domain():
    data = stage([1, 2, 3, 4])
    codes = np.random.default_rng(0).normal(size=(len(data.clips), 6)) * [10, 1, 0.1, 0.1, 0.1, 0.1]
    figure = latent_figure(data, data.clips, codes)
    for name in ("normal source", "normal target", "anomaly source", "anomaly target"):
        assert name in texts(figure)
    assert len(re.findall('class="point ', figure)) == 8 + 4  # clips, and samples in the legend
    assert float(re.search(r"component 1 \((\d+) %", figure)[1]) >= 90


def test_two_components_explain_two_dimensional_codes():
    data = stage([1, 2, 3, 4])
    plane = np.random.default_rng(1).normal(size=(len(data.clips), 2))
    figure = latent_figure(data, data.clips, plane @ np.eye(2, 5))
    explained = [int(p) for p in re.findall(r"\((\d+) % of variance\)", figure)]
    assert sum(explained[:2]) in (99, 100, 101)


@pytest.mark.parametrize("latents", [1, 4])
def test_constant_codes_can_be_drawn(latents):
    data = stage([1, 2, 3, 4])
    assert "nan" not in latent_figure(data, data.clips, np.ones((len(data.clips), latents)))
