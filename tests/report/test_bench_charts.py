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
    sections_of,
    training_figures,
)
from auscult.report.bench_data import StageData


def stage(scores, *, seed=0, sections=("00",), domains=("source", "target"), limit=2.5):
    """Four clips a section and domain, normal, normal, anomaly, anomaly; scores as given, over and over."""
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


def test_a_roc_curve_names_its_area_over_seeds():
    made = roc_figure([stage([1, 2, 3, 4]), stage([3, 4, 1, 2], seed=1)], "")
    assert "mse: AUC 50.0 %" in texts(made)
    assert "mse, seed 0: AUC 100.0 %" in texts(made)
    assert "mse, seed 1: AUC 0.0 %" in texts(made)
    assert {"false-positive rate", "true-positive rate"} <= set(ET.fromstring(made).itertext())
    assert "auto<b>" not in made


def test_a_perfect_curve_goes_by_the_corner():
    made = roc_figure([stage([1, 2, 3, 4])], "")
    assert 'd="M46 194L46 8L330 8"' in made


def test_without_anomalies_there_is_no_curve():
    only_normal = stage([1, 2, 3, 4])
    clips = tuple(c for c in only_normal.clips if c.condition == "normal")
    scores = {"mse": np.arange(float(len(clips)))}
    assert roc_figure([StageData("fan", "a", 0, Path(), clips, scores, {})], "") is None


def test_sections_are_drawn_apart():
    two = stage([1, 2, 3, 4], sections=("00", "01"))
    assert list(sections_of(two.clips)) == ["00", "01"]
    assert [int(m.sum()) for m in sections_of(two.clips).values()] == [8, 8]
    assert list(sections_of(stage([1]).clips)) == [""]
    assert "01" in texts(roc_figure([two], "01"))


def test_clips_without_a_label_belong_to_no_section():
    assert sections_of([Clip("a.wav", section="00"), Clip("b.wav", section="00", condition="normal")])[
        ""
    ].tolist() == [False, True]
    assert sections_of([Clip("a.wav")]) == {}


def test_a_histogram_stands_for_each_domain_with_its_threshold():
    made = histogram_figure(stage([1, 2, 3, 4]), "mse", "")
    assert made.count("<svg") == 2 + 2  # two charts, two samples in the legend
    assert made.count("threshold") == 2
    assert "source domain: 2 normal, 2 anomalous" in texts(made)
    assert "target domain: 2 normal, 2 anomalous" in texts(made)
    assert "% of clips" in texts(made)


def test_a_histogram_without_domains_or_threshold_says_so():
    made = histogram_figure(stage([1, 2, 3, 4], domains=(None,), limit=None), "mse", "")
    assert "all clips: 2 normal, 2 anomalous" in texts(made)
    assert "no threshold" in texts(made)


@pytest.mark.parametrize("scores", [[1.0], [0.0], [-5, 3, 1, 2], [1e-9, 1, 1e6, 1e12]])
def test_histograms_of_any_scores_hold_all_clips(scores):
    made = histogram_figure(stage(scores, domains=("source",)), "mse", "")
    assert "nan" not in made
    assert made.count('class="steps normal"') == 2


HISTORY = [
    {"epoch": e, "loss": 10.0 / e, "validation": 12.0 / e, "reconstruction": 9.0 / e, "kl": 1.0 * e,
     "kl_per_dimension": [0.5, 0.25], "active_units": 2.0}
    for e in (1, 2, 3)
]  # fmt: skip


def test_training_shows_loss_and_divergence():
    loss, kl = training_figures([stage([1]), stage([1], seed=7)], [HISTORY, HISTORY])
    for name in ("loss: 3.333 at the end", "validation: 4 at the end", "reconstruction: 3 at the end"):
        assert name in texts(loss)
    assert "validation, seed 7" in texts(loss)
    assert "kl: 3 at the end" in texts(kl)
    assert "Active units at the end: 2 of 2. KL of each latent: 0.5, 0.25." in texts(kl)
    assert "epoch" in texts(kl)


def test_a_plain_autoencoder_has_one_chart_of_training():
    history = [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0}]
    (only,) = training_figures([stage([1])], [history])
    assert "validation" not in texts(only)


def test_a_single_epoch_and_a_negative_loss_can_be_drawn():
    history = [{"epoch": 1, "loss": -2.0, "kl": float("nan")}]
    (only,) = training_figures([stage([1])], [history])
    assert "nan" not in only


def test_latents_are_shown_by_condition_and_domain():
    one = stage([1, 2, 3, 4])
    codes = np.random.default_rng(0).normal(size=(len(one.clips), 6)) * [10, 1, 0.1, 0.1, 0.1, 0.1]
    made = latent_figure(one, one.clips, codes)
    for name in ("normal source", "normal target", "anomaly source", "anomaly target"):
        assert name in texts(made)
    assert len(re.findall('class="point ', made)) == 8 + 4  # clips, and the legend's samples
    assert float(re.search(r"component 1 \((\d+) %", made)[1]) >= 90


def test_latent_places_keep_the_distances_of_two_dimensional_codes():
    one = stage([1, 2, 3, 4])
    plane = np.random.default_rng(1).normal(size=(len(one.clips), 2))
    made = latent_figure(one, one.clips, plane @ np.eye(2, 5))
    explained = [int(p) for p in re.findall(r"\((\d+) % of variance\)", made)]
    assert sum(explained[:2]) in (99, 100, 101)


@pytest.mark.parametrize("latents", [1, 4])
def test_codes_that_do_not_vary_can_be_drawn(latents):
    one = stage([1, 2, 3, 4])
    assert "nan" not in latent_figure(one, one.clips, np.ones((len(one.clips), latents)))
