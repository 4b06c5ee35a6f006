"""No normal recording of a real machine has the verdict ``sensor`` or a state, and noise has a state."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import auscult
from auscult.corpus import open_corpus
from auscult.decision import fixed_threshold
from auscult.errors import AudioError
from auscult.model import Model, Score
from auscult.model.machine_state import OFF_OR_OTHER
from auscult.sound import read_audio

NEVER = fixed_threshold(1e9)
MACHINES = [
    "bldc/BrushlessMotor", "real/FemtoBearing", "real/InductionMotor2", "real/MimiiFan02",
    "real/PaderbornBearing", "dcase2020/fan", "dcase2020/pump", "dcase2020/slider", "dcase2020/valve",
]  # fmt: skip


@pytest.fixture(scope="module", params=MACHINES)
def machine(request, real_data) -> tuple[Path, Model]:
    folder = real_data / request.param
    clips = open_corpus(str(folder)).for_training()
    return folder, auscult.fit(clips, "spectral_memory", calibrate="none")


def scores(model: Model, folder: Path, condition: str) -> list[Score]:
    clips = [c for c in open_corpus(str(folder)).for_evaluation() if c.condition == condition]
    outcomes = list(model.score_many(clips, threshold=NEVER))
    assert outcomes
    assert not any(isinstance(outcome, AudioError) for outcome in outcomes)
    return outcomes  # type: ignore[return-value]


def test_normal_recordings_are_not_reported(machine):
    folder, model = machine
    judged = scores(model, folder, "normal")
    assert [(s.path, s.findings) for s in judged if s.verdict != "normal"] == []
    assert [s.path for s in judged if s.state] == []


def test_anomalies_are_no_sensor_faults_unless_they_are_very_loud(machine):
    folder, model = machine
    judged = [s for s in scores(model, folder, "anomaly") if s.verdict == "sensor"]
    for score in judged:
        (finding, *_) = score.findings
        if finding.kind == "clipping":
            assert np.abs(read_audio(score.path).samples).max() > 0.999
        else:
            assert finding.kind == "level"
            assert "dB louder" in finding.message


def test_noise_at_the_level_of_the_machine_has_a_state(machine):
    folder, model = machine
    waveform = read_audio(sorted((folder / "train").glob("*.wav"))[0])
    for seed in range(5):
        noise = np.random.default_rng(seed).standard_normal(len(waveform.samples)) * waveform.samples.std()
        score = model.score(noise, waveform.sample_rate, threshold=NEVER)
        assert (score.verdict, score.state) == ("normal", OFF_OR_OTHER)


def test_sensor_faults_in_real_recordings(machine):
    folder, model = machine
    waveform = read_audio(sorted((folder / "train").glob("*.wav"))[1])
    samples, rate = waveform.samples, waveform.sample_rate
    gaps, hum_time = samples.copy(), np.arange(len(samples)) / rate
    for start in np.linspace(0.1, 0.8, 4) * len(samples):
        gaps[int(start) : int(start) + rate // 100] = 0.0
    half = np.fft.rfft(samples)
    half[len(half) // 4 :] = 0  # low-pass at an eighth of the sample rate
    loud_hum = 30 * samples.std() * np.sin(2 * np.pi * 50 * hum_time)
    steps = np.random.default_rng(0).integers(-1, 2, len(samples)) / 32768
    cases = {
        "gaps": gaps,
        "gaps of rounding noise": np.where(gaps == 0, steps, samples),
        "clipping": np.clip(samples, -samples.std(), samples.std()),
        "stuck": np.where(hum_time < hum_time[-1] / 2, samples, samples[len(samples) // 2]),
        "silence": np.zeros_like(samples),
        "hum": samples.std() * np.sqrt(2) * np.sin(2 * np.pi * 50 * hum_time),
        "hum over the machine": samples + loud_hum,
        "bandwidth": np.fft.irfft(half, len(samples)),
        "level 24 dB up": 16 * samples,
        "level 24 dB down": samples / 16,
    }
    for kind, changed in cases.items():
        score = model.score(changed.astype(np.float32), rate, threshold=NEVER)
        assert score.verdict == "sensor", kind
        assert kind.split()[0] in [finding.kind for finding in score.findings]
