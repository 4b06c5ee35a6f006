"""The nearest normal recording, as people find it."""

from __future__ import annotations

import numpy as np
import soundfile
from tests.helpers import RATE, model_without_alarms, noise

import auscult
from auscult.report.nearest_file import nearest_file


def test_a_part_of_a_file_is_named(tmp_path):
    levels = 0.01 * 1.2 ** np.arange(16)
    for file in range(4):
        parts = [noise(4, 4 * file + part, levels[4 * file + part]) for part in range(4)]
        soundfile.write(tmp_path / f"{file}.wav", np.concatenate(parts), RATE)
    model = auscult.fit(str(tmp_path), "pooled_gaussian", window=4.0, all_scores=False)
    score = model.score(noise(4, 99, levels[10]), RATE)
    assert nearest_file(score) == f"{tmp_path}/2.wav (8–12 s)"


def test_an_array_has_no_file():
    score = model_without_alarms().score(noise(2, 99), RATE)
    assert score.nearest.startswith("<recording ")
    assert nearest_file(score) is None
