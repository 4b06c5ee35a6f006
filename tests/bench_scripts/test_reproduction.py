"""bench.reproduction: its variants, and that its sentences follow from the intervals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bench.reproduction_claims import write_claims
from bench.reproduction_tables import Outcome, write_tables
from bench.reproduction_variants import CHANGES, READINGS, VariantFit, variants

from auscult.benchmark.content import ClipContent
from auscult.benchmark.decisions import NormalScores
from auscult.benchmark.sensor_faults import SensorFaults
from auscult.benchmark.stage import StageResult
from auscult.corpus import Clip


def test_every_variant_has_valid_options_and_a_unique_name():
    everything = variants()
    assert (
        len({variant.name for variant in everything})
        == len(everything)
        == 1 + sum(1 + len(changes) for changes in CHANGES.values())
    )
    for variant in everything:
        config = variant.choice.config(variant.settings)
        for option, value in variant.settings.items():
            assert getattr(config, option) == value
    assert set(READINGS) <= {variant.name for variant in everything}


def test_variants_are_selected_by_name():
    names = ["autoencoder", "public_code, latents=128, learning_rate=0.003"]
    assert [variant.name for variant in variants("; ".join(names))] == names
    with pytest.raises(ValueError, match="no variant 'best'"):
        variants("report;best")


def outcome(name: str, seed: int, shift: float, data: str) -> Outcome:
    """A result in which anomalies score higher than normal clips by ``shift`` standard deviations."""
    rng = np.random.default_rng([seed, len(name)])
    clips = [
        Clip(f"{condition} {domain} {i}.wav", domain=domain, condition=condition)
        for condition in ("normal", "anomaly")
        for domain in ("source", "target")
        for i in range(40)
    ]
    anomalous = np.array([clip.condition == "anomaly" for clip in clips])
    values = 10 + rng.standard_normal(len(clips)) + shift * anomalous
    scores = {"mse": values, "mahalanobis": values}
    normal = NormalScores({score: values[~anomalous] for score in scores}, held_out=False)
    content = ClipContent({clip.path: i for i, clip in enumerate(clips)})
    stage = StageResult(clips, scores, normal, 1.0, 1.0, [], [], [], content, SensorFaults({}))
    (variant,) = variants(name)
    facts = {"kl": 1.0, "active_units": 2.0, "collapsed": name == "exact", "baseline_threshold": 11.0}
    return VariantFit(data, "machine", "", variant, seed, 1, ()), stage, facts


def test_sentences_follow_from_the_intervals(tmp_path: Path):
    shifts = {"autoencoder": 1.0, "report": 2.5, "report, scoring=sample": 1.0, "exact": 0.0}
    outcomes = [
        outcome(name, seed, shift, data)
        for data in ("bldc", "simulated")
        for name, shift in shifts.items()
        for seed in range(3)
    ]
    outcomes.append((outcome("public_code", 0, 1.0, "bldc")[0], "training diverged", {}))
    write_claims(outcomes, tmp_path / "claims.md")
    text = (tmp_path / "claims.md").read_text()
    (reading,) = [line for line in text.splitlines() if line.startswith("| report |")]
    assert reading.count("higher") == 8
    (reading,) = [line for line in text.splitlines() if line.startswith("| exact |")]
    assert reading.count("lower") == 8
    (reading,) = [line for line in text.splitlines() if line.startswith("| report, scoring=sample |")]
    assert reading.count("not distinguished") == 8
    assert "- motor, mahalanobis, AUC target: of 3 readings 1 higher, 1 lower, 1 not distinguished" in text
    assert "- `report`, mse: lower: `scoring=sample` -" in text
    assert "Collapsed on the motor: `exact` 3 of 3." in text

    write_tables(outcomes, tmp_path / "tables.md")
    tables = (tmp_path / "tables.md").read_text()
    assert "3 seeds, 1 epochs; independent test recordings: 80 normal, 80 anomaly" in tables
    assert "| public_code | diverged |" in tables
    assert "- public_code: 1 fits; first error: training diverged" in tables
    normal = np.concatenate([s.scores["mse"][:80] for f, s, _ in outcomes[:3]])
    assert f"| autoencoder | 11.0 | {100 * np.mean(normal > 11):.0f} |" in tables
