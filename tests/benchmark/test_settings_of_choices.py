"""A benchmark of several settings of one detector: names in tables, folders, models and what reads them."""

import re

import numpy as np
import pytest

from auscult.benchmark import run_bench
from auscult.cli.dcase_meta import meta_file
from auscult.dcase.bench_results import benchmark_systems, read_results, read_sections
from auscult.model.model_file import load_model
from auscult.report.bench_data import read_bench

ONE, THREE = "spectral_memory[k_source=1]", "spectral_memory[k_source=3,views=mean,std]"


@pytest.fixture(scope="module")
def two_settings(root, tmp_path_factory):
    output = tmp_path_factory.mktemp("settings")
    settings = {"n_mels": "32", "spectral_memory.k_target": "2"}
    return run_bench(
        root, detectors=[ONE, THREE], seeds=[0], output=output, machines=["fan"], settings=settings
    )


def test_both_settings_are_systems_with_their_own_models(two_settings):
    assert not two_settings.failures
    assert {row.detector for row in two_settings.results} == {ONE, THREE}
    folders = {path.name for path in (two_settings.output / "stages" / "fan").iterdir()}
    assert folders == {"spectral_memory+k_source=1", "spectral_memory+k_source=3+views=mean%2Cstd"}
    configs = [
        load_model(
            two_settings.output / "stages" / "fan" / folder / "seed0" / "model.auscult"
        ).detector.config
        for folder in sorted(folders)
    ]
    assert [(c.k_source, c.k_target, c.views) for c in configs] == [(1, 2, "levels"), (3, 2, "mean,std")]
    (_, one), (_, three) = (two_settings.scored[f"{name}:variance"][0]["fan"][0] for name in (ONE, THREE))
    assert not np.array_equal(one, three)


def test_the_results_folder_gives_the_names_back(two_settings):
    facts = read_results(two_settings.output)
    systems = {system.name: system for system in benchmark_systems(two_settings.output, facts)}
    assert set(systems) == {row.column for row in two_settings.results}
    assert all(system.latest for system in systems.values())
    sections, problems = read_sections(systems[f"{ONE}:variance"], 0, [])
    assert list(sections) == [("fan", "00")]
    assert problems == []
    assert {stage.detector for stage in read_bench(two_settings.output).stages} == {ONE, THREE}
    meta = meta_file("x", two_settings.output, f"{THREE}:variance", 0, ["fan"])
    assert re.search(r"total_parameters: \d+\n", meta)
