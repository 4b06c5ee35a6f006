import json

import pytest

from auscult.errors import EvaluationError
from auscult.evaluation import Result, read_results, write_results
from auscult.report.bench_data import BenchData, leading_number, read_bench


def row(machine, detector, score, value, seed=0):
    return Result(machine, "00", detector, score, seed, value, value, value, value)


def test_reads_a_finished_benchmark(finished_bench):
    root, results = finished_bench
    bench = read_bench(results)
    assert bench.machines == ["fan", "old <i>pump"]
    assert [(s.machine, s.detector, s.seed) for s in bench.stages] == [
        (machine, detector, seed)
        for machine in bench.machines
        for detector in ("autoencoder", "gamma_vae")
        for seed in (0, 1)
    ]
    stage = bench.stages[0]
    assert len(stage.clips) == len(stage.scores["mse"]) == 16
    assert stage.clips[0].path.startswith(str(root))
    assert stage.thresholds["mse"].method == "gamma_scipy"
    assert stage.model().detector.name == "autoencoder"
    assert bench.baseline == "autoencoder:mse"


def test_systems_are_ranked_without_the_published_ones():
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


def test_the_difference_is_over_all_machines_or_of_the_only_one():
    differences = [
        {"machine": "fan", "system": "b", "baseline": "a", "value": 0.1, "low": 0.0, "high": 0.2},
        {"machine": None, "system": "b", "baseline": "a", "value": 0.3, "low": 0.2, "high": 0.4},
    ]
    results = [row("fan", "b", "", 0.5), row("pump", "b", "", 0.5)]
    two_machines = BenchData(None, results, {"differences": differences}, [])
    assert two_machines.difference("b")["value"] == 0.3
    assert two_machines.difference("b", "fan")["value"] == 0.1
    one_machine = BenchData(None, results[:1], {"differences": differences[:1]}, [])
    assert one_machine.difference("b")["value"] == 0.1
    assert one_machine.difference("absent") is None


def test_simulated_machines_are_listed_in_the_results():
    results = [row("fan", "a", "x", 0.5), row("pump", "a", "x", 0.5)]
    assert BenchData(None, results, {"simulated": ["pump"]}, []).simulated == ["pump"]
    assert BenchData(None, results, {}, []).simulated == []


def test_stages_of_other_runs_are_ignored(bench):
    facts = json.loads((bench / "results.json").read_text())
    (bench / "results.json").write_text(json.dumps({**facts, "seeds": [1], "detectors": ["gamma_vae"]}))
    write_results(
        bench / "results.csv", [r for r in read_results(bench / "results.csv") if r.machine == "fan"]
    )
    assert [(s.machine, s.detector, s.seed) for s in read_bench(bench).stages] == [("fan", "gamma_vae", 1)]


@pytest.mark.parametrize("name", ["results.csv", "results.json"])
def test_the_error_for_a_missing_file_names_it(bench, name):
    (bench / name).unlink()
    with pytest.raises(EvaluationError, match=name.replace(".", r"\.")):
        read_bench(bench)


@pytest.mark.parametrize("content", ["{", "[]", '{"clips": []}', '{"clips": [{"nonsense": 1}]}'])
def test_the_error_for_a_corrupt_stage_names_it(bench, content):
    stage = bench / "stages" / "fan" / "autoencoder" / "seed0" / "test.json"
    stage.write_text(content)
    with pytest.raises(EvaluationError, match=r"autoencoder/seed0/test\.json"):
        read_bench(bench)


def test_a_stage_with_a_missing_score_is_refused(bench):
    stage = bench / "stages" / "fan" / "autoencoder" / "seed0" / "test.json"
    content = json.loads(stage.read_text())
    content["scores"]["mse"].pop()
    stage.write_text(json.dumps(content))
    with pytest.raises(EvaluationError, match="16 clips"):
        read_bench(bench)


def test_leading_number():
    assert leading_number("81.20 ± 0.30") == 81.2
    assert leading_number("–") == float("-inf")
