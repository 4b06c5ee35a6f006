"""A sensor fault is no machine fault: verdict, findings and state of a model of one machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

import auscult
from auscult.corpus import AudioClip, Clip
from auscult.decision import fixed_threshold
from auscult.findings import messages
from auscult.model import Model, Score
from auscult.model.machine_state import OFF_OR_OTHER, VERY_UNLIKE
from auscult.model.sensor_check import SensorFinding, verdict
from auscult.sound import Waveform

RATE = 16000
NEVER = fixed_threshold(1e9)  # every score is below it
ALWAYS = fixed_threshold(-1e9)


def machine(seed: int, *, rate: int = RATE, seconds: float = 2.0, level: float = 1.0) -> np.ndarray:
    """A motor: tones of a shaft, a resonance that is struck with every turn, and noise."""
    rng = np.random.default_rng([seed, 7])
    t = np.arange(round(seconds * rate)) / rate
    shaft = 43.0 * (1 + 0.01 * rng.standard_normal())
    tones = sum(np.sin(2 * np.pi * k * shaft * t + rng.uniform(0, 6.3)) / k for k in range(1, 12))
    since = t % (1 / shaft)
    ringing = np.exp(-since / 0.003) * np.sin(2 * np.pi * 2900 * since)
    samples = 0.03 * tones + 0.05 * ringing + 0.01 * rng.standard_normal(len(t))
    return (level * samples).astype(np.float32)


def low_passed(samples: np.ndarray, cutoff: float) -> np.ndarray:
    spectrum = np.fft.rfft(samples)
    spectrum[np.fft.rfftfreq(len(samples), 1 / RATE) > cutoff] = 0
    return np.fft.irfft(spectrum, len(samples)).astype(np.float32)


def with_gaps(samples: np.ndarray, milliseconds: float, values: float | np.ndarray = 0.0) -> np.ndarray:
    out, length = samples.copy(), round(milliseconds * RATE / 1000)
    for start in (2000, 11000, 25000):
        out[start : start + length] = np.broadcast_to(values, len(out))[:length]
    return out


def write(folder: Path, sounds: list[np.ndarray], **options: object) -> list[Clip]:
    folder.mkdir()
    for i, samples in enumerate(sounds):
        soundfile.write(folder / f"{i:02}.wav", samples, RATE, **options)
    return [Clip(str(path)) for path in sorted(folder.iterdir())]


@pytest.fixture(scope="module")
def fitted(tmp_path_factory) -> Model:
    clips = write(tmp_path_factory.mktemp("motor") / "normal", [machine(i) for i in range(20)])
    return auscult.fit(clips, "spectral_memory")


@pytest.fixture(scope="module")
def judge(fitted, tmp_path_factory) -> Callable[..., Score]:
    """Scores samples as a 16-bit file."""
    path = tmp_path_factory.mktemp("judge") / "clip.wav"

    def score(samples: np.ndarray, threshold=NEVER, rate: int = RATE) -> Score:
        soundfile.write(path, samples, rate)
        (outcome,) = fitted.score_many([Clip(str(path))], threshold=threshold)
        assert isinstance(outcome, Score), outcome
        return outcome

    return score


def kinds(score: Score) -> list[str]:
    return [finding.kind for finding in score.findings]


T = np.arange(2 * RATE) / RATE
ROUNDING_NOISE = np.random.default_rng(2).integers(-1, 2, 2 * RATE) / 32768
HUM = 0.05 * np.sin(2 * np.pi * 50 * T) + 0.01 * np.sin(2 * np.pi * 150 * T)
UNUSABLE = {
    "silence": ("silence", np.zeros(2 * RATE)),
    "rounding noise": ("silence", np.random.default_rng(0).integers(-1, 1, 2 * RATE) / 65536),
    "hum": ("hum", HUM + 1e-4 * np.random.default_rng(0).standard_normal(len(T))),
    "hum of 60 Hz": ("hum", 0.02 * np.sin(2 * np.pi * 60 * T)),
    "stuck value": ("stuck", np.full(2 * RATE, 0.3)),
    "stuck half-way": ("stuck", np.where(T < 0.9, machine(70), 0.004)),
    "flicker": ("dead", np.random.default_rng(0).integers(-1, 2, 2 * RATE) / 256),
    "gaps of zeros": ("gaps", with_gaps(machine(71), 20)),
    "short gaps": ("gaps", with_gaps(machine(71), 2)),
    "gaps of a held value": ("gaps", with_gaps(machine(71), 20, 0.01)),
    "gaps of rounding noise": ("gaps", with_gaps(machine(71), 20, ROUNDING_NOISE)),
    "stuck with rounding noise": ("gaps", np.where(T < 0.9, machine(70), ROUNDING_NOISE)),
}


@pytest.mark.parametrize("threshold", [NEVER, ALWAYS], ids=["below", "above"])
@pytest.mark.parametrize("case", UNUSABLE)
def test_what_cannot_be_judged_has_the_verdict_sensor_whatever_the_score(judge, case, threshold):
    kind, samples = UNUSABLE[case]
    score = judge(samples, threshold)
    assert (score.verdict, score.anomalous) == ("sensor", None)
    assert kinds(score) == [kind]
    assert score.findings[0].message in messages(score.warnings)
    assert score.state is None, "the sensor does not show it"


def test_a_lower_sample_rate_cannot_be_judged(judge):
    score = judge(soxr.resample(machine(72), RATE, 8000), ALWAYS, rate=8000)
    assert (score.verdict, kinds(score)) == ("sensor", ["rate"])
    assert "8000 Hz" in score.findings[0].message


DOUBTFUL = {
    "clipped at half of full scale": ("clipping level", np.clip(15 * machine(73), -0.5, 0.5)),
    "clipped at full scale": ("clipping level", np.clip(30 * machine(73), -1, 1)),
    "clipped at the level of the machine": ("clipping", np.clip(machine(73), -0.06, 0.06)),
    "20 dB louder": ("level", 10 * machine(73, level=0.5)),
    "20 dB quieter": ("level", machine(73, level=0.1)),
    "hum of 50 Hz over the machine": ("hum", machine(73) + 10 * HUM),
    "moving average, which has side lobes": (
        "bandwidth",
        np.convolve(machine(74), np.full(40, 1 / 40), "same"),
    ),
    "low-pass at 2 kHz": ("bandwidth", low_passed(machine(74), 2000)),
    "sampled at 8 kHz before": (
        "bandwidth",
        soxr.resample(soxr.resample(machine(74), RATE, 8000), 8000, RATE),
    ),
}


@pytest.mark.parametrize("case", DOUBTFUL)
def test_in_doubt_a_score_above_the_threshold_stays_an_anomaly(judge, case):
    expected, samples = DOUBTFUL[case]
    below, above = judge(samples), judge(samples, ALWAYS)
    assert kinds(below) == kinds(above) == expected.split()
    assert (below.verdict, below.anomalous) == ("sensor", None)
    assert (above.verdict, above.anomalous) == ("anomaly", True)
    assert below.score == above.score


@pytest.mark.parametrize(("gain", "text"), [(0.1, "dB quieter"), (10.0, "dB louder")])
def test_another_level_is_reported_in_decibels(fitted, gain, text):
    usual = fitted.normal_range
    score = fitted.score(machine(73, level=gain), RATE, threshold=ALWAYS)
    (finding,) = score.findings
    level = 10 * np.log10(np.var(machine(73, level=gain)))
    outside = max(usual.level - level, level - usual.highest_level)
    assert finding.message.startswith(f"{outside:.0f} {text}")
    assert finding.message in messages(score.warnings)


def test_a_machine_that_stands_still_in_a_quiet_room_stays_an_anomaly(judge):
    room = 3e-4 * low_passed(np.random.default_rng(0).standard_normal(2 * RATE), 6000)
    score = judge(room, ALWAYS)
    assert (score.verdict, score.state) == ("anomaly", VERY_UNLIKE)
    assert VERY_UNLIKE in messages(score.warnings)


@pytest.mark.parametrize("seed", range(80, 90))
def test_normal_recordings_have_no_findings(judge, seed):
    for level in (0.5, 1.0, 2.0):
        score = judge(machine(seed, level=level))
        assert (score.verdict, score.findings, score.state) == ("normal", (), None)


@pytest.mark.parametrize("slope", [0, 0.5, 1.0], ids=["white", "pink", "brown"])
def test_noise_at_the_level_of_the_machine_is_a_state_and_no_verdict(judge, slope):
    samples = np.random.default_rng(1).standard_normal(2 * RATE)
    spectrum = np.fft.rfft(samples) / np.maximum(40, np.arange(RATE + 1)) ** slope
    samples = np.fft.irfft(spectrum, len(samples))
    noise = samples * machine(0).std() / samples.std()
    assert judge(noise).state == OFF_OR_OTHER
    assert judge(noise).verdict == "normal"
    assert any(OFF_OR_OTHER in warning for warning in messages(judge(noise).warnings))
    assert (judge(noise, ALWAYS).verdict, judge(noise, ALWAYS).state) == ("anomaly", VERY_UNLIKE)


def test_a_quiet_machine_of_eight_bits_is_not_faulty(tmp_path):
    clips = write(tmp_path / "quiet", [machine(i, level=0.2) for i in range(25)], subtype="PCM_U8")
    model = auscult.fit(clips[:20], "spectral_memory")
    for score in model.score_many(clips[20:], threshold=NEVER):
        assert (score.verdict, score.findings, score.state) == ("normal", (), None)


def test_what_the_normal_recordings_have_is_normal(tmp_path):
    def interrupted(seed: int) -> np.ndarray:
        samples = machine(seed)
        samples[::4000][:2] = 0
        samples[(np.arange(len(samples)) // 1600) % 3 == 0] = 0.0
        return np.clip(samples, -0.05, 0.05)

    clips = write(tmp_path / "stroke", [interrupted(i) for i in range(25)])
    model = auscult.fit(clips[:20], "spectral_memory")
    for score in model.score_many(clips[20:], threshold=NEVER):
        assert (score.verdict, score.state) == ("normal", None)
        assert {finding.effect for finding in score.findings} <= {"note"}
    (silent,) = model.score_many(write(tmp_path / "silent", [np.zeros(2 * RATE)]), threshold=NEVER)
    assert silent.verdict == "sensor"


@pytest.mark.parametrize("factor", [1e-4, 30.0], ids=["a large unit", "a small unit"])
def test_physical_units_are_not_silent_and_not_clipped(tmp_path, factor):
    sounds = [factor * machine(i) for i in range(25)]
    clips = write(tmp_path / "unit", sounds, subtype="FLOAT")
    model = auscult.fit(clips[:20], "spectral_memory")
    for score in model.score_many(clips[20:], threshold=NEVER):
        assert (score.verdict, score.findings, score.state) == ("normal", (), None)
    dead = factor * 1e-6 * np.random.default_rng(0).standard_normal(2 * RATE)
    (score,) = model.score_many(write(tmp_path / "dead", [dead], subtype="FLOAT"), threshold=ALWAYS)
    assert (score.verdict, kinds(score)) == ("sensor", ["silence"])


def test_a_model_without_the_range_loads_and_scores(fitted, tmp_path):
    provenance = {k: v for k, v in fitted.provenance.items() if k != "normal_range"}
    older = Model(fitted.detector, fitted.calibration, normals=fitted.normals, provenance=provenance)
    older.save(tmp_path / "older.auscult")
    loaded = auscult.load(tmp_path / "older.auscult")
    assert loaded.normal_range is None
    assert loaded.score(machine(90), RATE, threshold=NEVER).verdict == "normal"
    assert loaded.score(np.zeros(2 * RATE), RATE, threshold=ALWAYS).verdict == "sensor"
    assert loaded.score(0.01 * machine(90), RATE, threshold=NEVER).state == OFF_OR_OTHER


def test_the_range_is_in_the_model_file(fitted, tmp_path):
    fitted.save(tmp_path / "m.auscult")
    assert auscult.load(tmp_path / "m.auscult").normal_range == fitted.normal_range
    assert fitted.normal_range.sample_rate == RATE


def test_gaps_among_the_training_recordings_are_reported(tmp_path):
    clips = write(tmp_path / "gaps", [*(machine(i) for i in range(20)), with_gaps(machine(21), 20)])
    warnings = messages(auscult.fit(clips, "spectral_memory").warnings)
    assert any("20 ms" in warning and "20.wav" in warning for warning in warnings)


def test_adaptation_extends_the_range(fitted, tmp_path):
    quiet = write(tmp_path / "quiet", [machine(100 + i, level=0.25) for i in range(6)])
    adapted = auscult.adapt(fitted, quiet, accept=True)
    assert adapted.normal_range.level == pytest.approx(fitted.normal_range.level - 12, abs=1)
    replaced = auscult.adapt(fitted, quiet, replace=True)
    assert replaced.normal_range.level == pytest.approx(adapted.normal_range.level)
    assert replaced.normal_range.detail >= adapted.normal_range.detail


def test_shorter_windows_are_not_compared_with_longer_recordings(fitted):
    window = AudioClip.from_waveform(Waveform(machine(91)[: RATE // 2], RATE))
    assert fitted.score_recording(window, threshold=NEVER).state is None


def test_a_higher_sample_rate_is_in_doubt_unless_the_normal_recordings_have_it(judge, fitted, tmp_path):
    fast = machine(72, rate=48000)
    below, above = judge(fast, rate=48000), judge(fast, ALWAYS, rate=48000)
    assert (below.verdict, kinds(below), below.state) == ("sensor", ["rate"], None)
    assert (above.verdict, above.score) == ("anomaly", below.score)
    assert "48000 Hz" in below.findings[0].message
    soundfile.write(tmp_path / "fast.wav", machine(74, rate=48000), 48000)
    adapted = auscult.adapt(fitted, [Clip(str(tmp_path / "fast.wav"))], accept=True)
    score = adapted.score(fast, 48000, threshold=NEVER)
    assert (score.verdict, kinds(score)) == ("normal", [])


def test_a_fault_that_adds_sound_has_no_state_and_another_machine_has_one(judge):
    since_impact = T % (1 / 31.0)
    impacts = 0.3 * np.exp(-since_impact / 0.004) * np.sin(2 * np.pi * 4600 * since_impact)
    assert judge(machine(75) + impacts).state is None
    other = low_passed(np.random.default_rng(3).standard_normal(2 * RATE), 1500)
    other[::400] += 30 * other.std()
    assert judge(other * machine(0).std() / other.std()).state == OFF_OR_OTHER


@pytest.mark.parametrize(
    ("above", "effect", "expected"),
    [
        (None, None, None), (False, None, "normal"), (True, None, "anomaly"),
        (None, "note", None), (False, "note", "normal"), (True, "note", "anomaly"),
        (None, "doubt", None), (False, "doubt", "sensor"), (True, "doubt", "anomaly"),
        (None, "unusable", "sensor"), (False, "unusable", "sensor"), (True, "unusable", "sensor"),
    ],
)  # fmt: skip
def test_verdicts(above, effect, expected):
    findings = [SensorFinding("gaps", "", effect)] if effect else []
    assert verdict(above, findings) == expected


def test_shares_are_written_without_an_exponent(judge):
    nearly_all = np.where(T < 0.001, machine(70), 0.3)
    (stuck,) = [finding for finding in judge(nearly_all).findings if finding.kind == "stuck"]
    assert "100 % of the samples" in stuck.message
