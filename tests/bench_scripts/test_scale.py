"""bench.scale_plan: the extrapolation to a plant and an archive."""

from __future__ import annotations

import pytest
from bench import scale, scale_plan
from bench.markdown import DOCS
from bench.scale_plan import YEAR, Steps

#: 1 ms for the features and 1 ms for scoring of each second of audio, 3 ms per training step.
STEPS = Steps(1e-3, 3e-3, 1e-3, 2e6, 16_000, 1e8)


def test_continuous_monitoring_needs_one_core_per_thousand_machines():
    need = scale_plan.monitoring(STEPS, 10_000, seconds=10, every=10)
    assert need.core_hours == pytest.approx(10)
    assert need.read_bytes == pytest.approx(320e6)
    assert need.memory_bytes == pytest.approx(1e9)
    assert need.disk_bytes == pytest.approx(2e10)
    every_minute = scale_plan.monitoring(STEPS, 10_000, seconds=10, every=60)
    assert every_minute.core_hours == pytest.approx(10 / 6)


def test_the_cost_of_fitting_is_features_steps_and_calibration():
    need = scale_plan.fitting(STEPS, 2, clips=1000, seconds=10.0, epochs=100)
    steps = 1087 * 100 * 2  # 900 clips of 309 windows in batches of 256
    assert need.core_hours == pytest.approx((20_000e-3 + steps * 3e-3 + 2_000e-3) / 3600)
    assert need.disk_bytes == pytest.approx(2 * 2e6)


def test_a_year_of_archive_is_8760_hours():
    need = scale_plan.archive(STEPS, 1)
    assert need.core_hours == pytest.approx(8.76)
    assert need.read_bytes == pytest.approx(YEAR * 32_000)
    assert need.disk_bytes == pytest.approx(200 * YEAR / 10)


def test_the_bottleneck_is_the_most_used_resource():
    need = scale_plan.Resources(core_hours=8, disk_bytes=0, read_bytes=100e6, memory_bytes=0)
    assert scale_plan.bottleneck(need, cores=64, disk=500e6, network=125e6) == ("network", 0.8)
    assert scale_plan.bottleneck(need, cores=8, disk=500e6, network=125e6) == ("cores", 1.0)


def test_extrapolated_tables_are_marked_and_the_page_has_all_sections():
    text = scale.plan_table(STEPS)
    assert text.count("extrapolated") == 2
    assert "| 10,000 machines, continuously | 10.0 | 320 | 1.0 | 20.0 | network, 256 % |" in text
    page = (DOCS / "results/scale.md").read_text()
    for name in ("processes", "steps", "plan"):
        assert page.count(f"<!-- bench.scale {name} -->") == page.count(f"<!-- /bench.scale {name} -->") == 1
