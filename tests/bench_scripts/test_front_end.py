"""The decision rule and the tables of `bench.front_end`."""

from __future__ import annotations

import re

import numpy as np
import pytest
import soundfile
from bench.front_end import chooses_longer_frames, frame_lengths, machines_above_16_khz, tables

from auscult.benchmark.machine import MachineData
from auscult.evaluation import Labels
from auscult.evaluation.estimates import Measured


@pytest.mark.parametrize(
    ("gains", "choices", "left_out", "longer"),
    [
        ([2.0, 1.0, 3.0], [True, True, True], 2.0, True),
        ([2.0, 0.0, -2.5], [False, False, True], -2.5 / 3, False),
        ([-1.0, -1.0, -1.0], [False, False, False], 0.0, False),
        ([9.0, -1.0, -1.0], [False, True, True], -2 / 3, False),
        ([5.0, 4.0, -1.0], [True, True, True], 8 / 3, True),
    ],
)
def test_longer_frames_must_be_better_whichever_machine_is_left_out(gains, choices, left_out, longer):
    assert chooses_longer_frames(gains) == (choices, pytest.approx(left_out), longer)


@pytest.fixture
def machines(tmp_path) -> list[MachineData]:
    for name, rate in (("slow", 16000), ("fast", 48000), ("faster", 64000)):
        for part in ("train", "test"):
            (tmp_path / name / part).mkdir(parents=True)
            for i in range(4):
                file = f"section_00_source_{part}_normal_{i:04}_rec_{i // 2}.wav"
                soundfile.write(tmp_path / name / part / file, np.zeros(100), rate)
    return machines_above_16_khz(tmp_path)


def test_machines_above_16_khz_are_grouped_by_recording(machines):
    assert [machine.name for machine in machines] == ["fast", "faster"]
    assert [frame_lengths(machine) for machine in machines] == [(1024, 4096), (1024, 4096)]
    assert len({clip.source_recording for clip in machines[0].train}) == 2


def test_the_tables_have_a_row_per_machine_and_detector_and_two_decisions(machines):
    anomaly = np.repeat([False, True], 8)
    rng = np.random.default_rng(0)
    chance, perfect = (
        [[Measured.of(Labels(anomaly), rng.normal(size=16) + shift * anomaly)] for _ in range(2)]
        for shift in (0.0, 1.5)
    )
    values = {
        (detector, machine.name): (chance, perfect) for detector in ("auto", "a", "b") for machine in machines
    }
    text = tables(machines, values, 3)
    assert len(re.findall(r"\| \d\d\.\d \| \d\d\.\d \| \+\d\d\.\d \[[+-]", text)) == 6
    assert text.count("| about 64 ms |") == 2
    assert "mean over 3 seeds" in text
