"""The expected time of a benchmark."""

from dataclasses import replace

import pytest

from auscult.benchmark import expected_time, run_bench, stage_batches
from auscult.benchmark.detector_choices import DetectorChoice
from auscult.benchmark.expected_time import PlannedFit, duration_text, expected_seconds
from auscult.benchmark.machine import MachineData

SETTINGS = {"n_mels": "32", "sample_rate": "8000"}


@pytest.fixture
def planned(root):
    """Returns a planned fit of ``fan``."""
    machine = MachineData("fan", str(root / "fan"))
    return lambda name: PlannedFit(machine, name, DetectorChoice.parse(name).config(SETTINGS))


@pytest.fixture
def fixed_rates(monkeypatch):
    """Replaces the measurements by 1 s for each fit of the measured recordings, and 0.5 s for a recording."""
    monkeypatch.setattr(expected_time, "_fit_seconds", lambda fit, recordings: 1.0)
    monkeypatch.setattr(expected_time, "_reading_seconds", lambda recordings, front_end: 0.5)


def test_fits_are_added_and_features_counted_once(planned, fixed_rates):
    fit = planned("autoencoder")
    clips = len(fit.machine.train) + len(fit.machine.test)
    seeds = [replace(fit, config=replace(fit.config, seed=seed)) for seed in range(3)]
    assert len(fit.machine.train) == 8, "all are measured"
    assert expected_seconds([fit]) == pytest.approx(1.0 + 0.5 * clips)
    assert expected_seconds(seeds) == pytest.approx(3.0 + 0.5 * clips)
    assert expected_seconds([]) == 0


def test_a_network_is_measured_on_a_few_epochs(planned):
    fit = planned("autoencoder")
    recordings = expected_time._recordings(fit)
    few, many = (
        expected_time._fit_seconds(replace(fit, config=replace(fit.config, epochs=epochs)), recordings)
        for epochs in (100, 10_000)
    )
    assert 0 < few < 60
    assert many > 10 * few, "multiplied by the number of epochs, which are not run"


def test_detectors_without_a_network_are_fitted(planned):
    assert 0 < expected_seconds([planned("spectral_memory")]) < 60


def test_what_cannot_be_measured_counts_as_nothing(planned, monkeypatch):
    def fail(fit, recordings):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(expected_time, "_fit_seconds", fail)
    monkeypatch.setattr(expected_time, "_reading_seconds", lambda recordings, front_end: 0.0)
    assert expected_seconds([planned("autoencoder")]) == 0


def test_a_large_benchmark_announces_the_time_before_the_first_fit(root, tmp_path, monkeypatch):
    events = []
    options = {
        "detectors": ["spectral_memory"],
        "seeds": [0, 1],
        "machines": ["fan"],
        "settings": {"n_mels": "32"},
        "announce": lambda seconds, fits: events.append((seconds > 0, fits)),
        "progress": lambda stage, *_: events.append(stage),
    }
    run_bench(root, output=tmp_path / "small", **options)
    assert (True, 2) not in events, "not worth it"
    monkeypatch.setattr(stage_batches, "_WORTH_ESTIMATING", 16)
    events.clear()
    run_bench(root, output=tmp_path / "large", **options)
    assert events[0] == (True, 2)
    events.clear()
    run_bench(root, output=tmp_path / "large", **options)
    assert not any(isinstance(event, tuple) for event in events), "all stages are finished"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(20, "20 s"), (95, "2 min"), (3599, "60 min"), (5400, "1.5 h"), (11_000, "3 h"), (90_000, "25 h")],
)
def test_durations_are_rounded(seconds, text):
    assert duration_text(seconds) == text
