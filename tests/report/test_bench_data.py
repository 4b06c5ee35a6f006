import json
from pathlib import Path

import pytest

from auscult.corpus import Clip
from auscult.errors import EvaluationError
from auscult.evaluation import Result, read_results, write_results
from auscult.report.bench_data import BenchData, StageData, leading_number, read_bench


def row(machine, detector, score, value, seed=0):
    return Result(machine, "00", detector, score, seed, value, value, value, value)


def test_reads_what_a_bench_left(finished_bench):
    root, results = finished_bench
    bench = read_bench(results)
    assert bench.machines == ["fan", "odd <i>pump"]
    assert [(s.machine, s.detector, s.seed) for s in bench.stages] == [
        (machine, detector, seed)
        for machine in bench.machines
        for detector in ("autoencoder", "gamma_vae")
        for seed in (0, 1)
    ]
    stage = bench.stages[0]
    assert len(stage.clips) == len(stage.scores["mse"]) == 16
    assert stage.clips[0].path.startswith(str(root))
    assert stage.thresholds["mse"].method == "gamma"
    assert stage.model().detector.name == "autoencoder"
    assert bench.baseline == "autoencoder:mse"


def test_systems_are_ranked_and_published_ones_are_left_out():
    results = [row("fan", "a", "x", 0.5), row("fan", "b", "", 0.9), row("fan", "published c", "x", 0.99)]
    bench = BenchData(None, results, {}, [])
    assert bench.systems == ["b", "a:x"]
    assert bench.percent("b") == pytest.approx(90.0)


def test_a_system_without_all_machines_ranks_last():
    results = [row("fan", "a", "x", 0.9), row("fan", "b", "x", 0.5), row("pump", "b", "x", 0.5)]
    bench = BenchData(None, results, {}, [])
    assert bench.systems == ["b:x", "a:x"]
    assert bench.percent("a:x") == float("-inf")
    assert list(bench.groups)[:2] == ["fan", "pump"]
    assert len(bench.groups) == 3


def test_differences_are_of_the_only_machine_or_of_all():
    told = [
        {"machine": "fan", "system": "b", "baseline": "a", "value": 0.1, "low": 0.0, "high": 0.2},
        {"machine": None, "system": "b", "baseline": "a", "value": 0.3, "low": 0.2, "high": 0.4},
    ]
    two = BenchData(None, [row("fan", "b", "", 0.5), row("pump", "b", "", 0.5)], {"differences": told}, [])
    assert two.difference("b")["value"] == 0.3
    assert two.difference("b", "fan")["value"] == 0.1
    one = BenchData(None, [row("fan", "b", "", 0.5)], {"differences": told[:1]}, [])
    assert one.difference("b")["value"] == 0.1
    assert one.difference("absent") is None


def test_simulated_machines_are_known_without_their_recordings():
    results = [row("fan", "a", "x", 0.5), row("pump", "a", "x", 0.5)]
    assert BenchData(None, results, {"simulated": ["pump"]}, []).simulated == ["pump"]
    assert BenchData(None, results, {}, []).simulated == []


@pytest.mark.parametrize(("anomalies", "few"), [(9, True), (10, False)])
def test_few_clips_are_those_of_the_least_kind(anomalies, few):
    clips = [Clip(path="a.wav", domain="source", condition="normal")] * 30
    clips += [Clip(path="b.wav", domain="source", condition="anomaly")] * anomalies
    clips += [Clip(path="c.wav")]  # without a label it is in no interval
    stage = StageData("fan", "a", 0, Path(), tuple(clips), {}, {})
    bench = BenchData(None, [], {}, [stage])
    assert (bench.fewest_clips, bench.has_few_clips) == (anomalies, few)
    assert not BenchData(None, [], {}, []).has_few_clips


def test_stages_of_another_run_are_left_out(bench):
    facts = json.loads((bench / "results.json").read_text())
    (bench / "results.json").write_text(json.dumps({**facts, "seeds": [1], "detectors": ["gamma_vae"]}))
    write_results(
        bench / "results.csv", [r for r in read_results(bench / "results.csv") if r.machine == "fan"]
    )
    assert [(s.machine, s.detector, s.seed) for s in read_bench(bench).stages] == [("fan", "gamma_vae", 1)]


@pytest.mark.parametrize("name", ["results.csv", "results.json"])
def test_a_missing_file_is_named(bench, name):
    (bench / name).unlink()
    with pytest.raises(EvaluationError, match=name.replace(".", r"\.")):
        read_bench(bench)


@pytest.mark.parametrize("content", ["{", "[]", '{"clips": []}', '{"clips": [{"nonsense": 1}]}'])
def test_a_damaged_stage_is_named(bench, content):
    stage = bench / "stages" / "fan" / "autoencoder" / "seed0" / "test.json"
    stage.write_text(content)
    with pytest.raises(EvaluationError, match=r"autoencoder/seed0/test\.json"):
        read_bench(bench)


def test_scores_that_do_not_fit_the_clips_are_refused(bench):
    stage = bench / "stages" / "fan" / "autoencoder" / "seed0" / "test.json"
    told = json.loads(stage.read_text())
    told["scores"]["mse"].pop()
    stage.write_text(json.dumps(told))
    with pytest.raises(EvaluationError, match="16 clips"):
        read_bench(bench)


def test_the_number_in_a_cell():
    assert leading_number("81.20 ± 0.30") == 81.2
    assert leading_number("–") == float("-inf")
