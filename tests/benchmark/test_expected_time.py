"""The expected time of a benchmark."""

import itertools
from types import SimpleNamespace

import pytest

from auscult.benchmark import expected_time, measured_fit, run_bench, stage_batches
from auscult.benchmark.detector_choices import DetectorChoice
from auscult.benchmark.expected_time import PlannedFit, duration_text, expected_seconds
from auscult.benchmark.machine import MachineData
from auscult.benchmark.measured_fit import FitTimes, Line, measure_fit, part_of
from auscult.benchmark.stage import Stage
from auscult.errors import FitError
from auscult.report.expected_time import expected_report_seconds

SETTINGS = {"n_mels": "32", "sample_rate": "8000"}


@pytest.fixture
def planned(root, tmp_path):
    """Returns a planned fit of ``fan``, of 8 training and 16 test clips of one second."""
    machine = MachineData("fan", str(root / "fan"))

    def plan(name: str, seed: int = 0, **settings: str) -> PlannedFit:
        choice, settings = DetectorChoice.parse(name), {**SETTINGS, **settings}
        stage = Stage(tmp_path / "stage", machine, choice, seed, settings)
        return PlannedFit(stage, stage.config())

    return plan


@pytest.fixture
def fixed_times(monkeypatch):
    """Replaces the measurements by 3 s and 1 s a second of recordings for a fit, 0.25 s for a second of test
    clips, and 100 s and 10 s for a machine."""
    times = FitTimes(Line(3.0, 1.0), Line(0.0, 0.25), startup=7.0)
    monkeypatch.setattr(expected_time, "measure_fit", lambda stage, config: times)
    monkeypatch.setattr(expected_time, "_reading_seconds", lambda machine, front_end: 100.0)
    monkeypatch.setattr(expected_time, "_comparing_seconds", lambda machine, front_end: 10.0)


def test_fits_are_added_and_recordings_are_read_once(planned, fixed_times):
    fit = planned("autoencoder")
    assert expected_seconds([fit]) == pytest.approx(3.0 + 8.0 + 4.0 + 110.0)
    seeds = [planned("autoencoder", seed) for seed in range(3)]
    assert expected_seconds(seeds) == pytest.approx(3 * 15.0 + 110.0)
    assert expected_seconds([fit, planned("spectral_memory")]) == pytest.approx(2 * 15.0 + 110.0)
    assert expected_seconds([fit, planned("autoencoder", n_mels="16")]) == pytest.approx(2 * 15.0 + 210.0)
    assert expected_seconds([]) == 0


def test_workers_share_the_work_and_have_to_start(planned, fixed_times, monkeypatch):
    monkeypatch.setattr(expected_time, "worker_count", lambda: 2)
    fits = [planned("autoencoder", seed) for seed in range(3)]
    assert expected_seconds(fits) == pytest.approx((3 * 15.0 + 110.0) / 2 + 7.0)


def test_a_line_has_no_negative_part():
    assert Line.through([(2.0, 5.0), (4.0, 9.0)]) == Line(1.0, 2.0)
    assert Line.through([(2.0, 5.0), (4.0, 4.0)]) == Line(4.0, 0.0), "noise"
    assert Line.through([(2.0, 1.0), (4.0, 9.0)]) == Line(0.0, 2.25)
    assert Line.through([(2.0, 5.0)]).at(4.0) == 10.0


def test_a_network_is_measured_on_a_few_epochs_and_only_these_are_multiplied(planned, monkeypatch):
    readings = itertools.count()  # a clock that goes on by a second each time: once an epoch, and at the end
    clock = SimpleNamespace(perf_counter=lambda: float(next(readings)))
    monkeypatch.setattr(measured_fit, "time", clock)

    def seconds(epochs: str) -> float:
        fit = planned("autoencoder", epochs=epochs)
        line = measure_fit(fit.stage, fit.config).fit
        assert not fit.stage.folder.exists(), "nothing is written to the results"
        return line.at(fit.trained_seconds)

    assert [seconds(epochs) for epochs in ("1", "5", "100", "10000")] == pytest.approx([2, 6, 101, 10_001])


def test_the_measured_fit_is_calibrated_as_the_real_one(planned, monkeypatch):
    calibrations = []
    fit_models = measured_fit.fit_models

    def recording(fits, progress):
        calibrations.extend((len(fit.inspection.usable), fit.method) for fit in fits)
        return fit_models(fits, progress)

    monkeypatch.setattr(measured_fit, "fit_models", recording)
    fit = planned("pooled_gaussian")
    assert 0 < measure_fit(fit.stage, fit.config).fit.at(fit.trained_seconds) < 60
    assert set(calibrations) == {(8, "crossfit")}
    calibrations.clear()
    network = planned("autoencoder", epochs="1")
    measure_fit(network.stage, network.config)
    assert set(calibrations) == {(8, "none")}


def test_a_part_of_a_machine_has_clips_at_equal_distances(root):
    machine = MachineData("fan", str(root / "fan"))
    part = part_of(machine, 4)
    assert part.train == machine.train[::2]
    assert part.test == machine.test[::4]
    assert len(machine.train) == 8, "the machine is unchanged"
    assert set(part.test_names) == {clip.path for clip in part.test}
    assert part_of(machine, 100).train == machine.train


def test_what_cannot_be_measured_counts_as_nothing(planned, fixed_times, monkeypatch):
    def fail(stage, config):
        raise FitError("out of memory")

    monkeypatch.setattr(expected_time, "measure_fit", fail)
    assert expected_seconds([planned("autoencoder")]) == pytest.approx(110.0)


@pytest.mark.slow
def test_the_time_of_a_report_is_for_all_machines():
    one, three = expected_report_seconds(1), expected_report_seconds(3)
    assert 0 < one < 60
    assert three > one


def test_a_large_benchmark_announces_the_time_before_the_first_fit(root, tmp_path, monkeypatch):
    events = []
    options = {
        "detectors": ["spectral_memory"],
        "seeds": [0, 1],
        "machines": ["fan"],
        "settings": {"n_mels": "32"},
        "announce": lambda seconds, fits, machines: events.append((seconds > 0, fits, machines)),
        "progress": lambda stage, *_: events.append(stage),
    }
    run_bench(root, output=tmp_path / "small", **options)
    assert (True, 2, 1) not in events, "not worth it"
    monkeypatch.setattr(stage_batches, "_WORTH_ESTIMATING", 16)
    events.clear()
    run_bench(root, output=tmp_path / "large", **options)
    assert list(dict.fromkeys(events))[:2] == ["measure", (True, 2, 1)]
    events.clear()
    run_bench(root, output=tmp_path / "large", **options)
    assert not any(isinstance(event, tuple) for event in events), "all stages are finished"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (20, "20 s"),
        (81, "1.4 min"),
        (95, "1.6 min"),
        (250, "4 min"),
        (3599, "60 min"),
        (5400, "1.5 h"),
        (11_000, "3 h"),
        (90_000, "25 h"),
    ],
)
def test_durations_are_rounded(seconds, text):
    assert duration_text(seconds) == text
