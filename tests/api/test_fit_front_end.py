"""The front end that `fit` and the benchmark use for recordings of any rate and length."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly

import auscult
from auscult.benchmark.detector_choices import DetectorChoice
from auscult.benchmark.machine import MachineData
from auscult.benchmark.stage import Stage, run_stage
from auscult.corpus import Clip
from auscult.detectors.ensemble.members import order_members
from auscult.errors import OptionError
from auscult.findings import messages
from auscult.model import Model
from auscult.model.model_file import load_model
from auscult.sound.tables import TableSettings
from auscult.spectrum import FrontEnd

#: Members of `auto`, so that a fit takes seconds.
THREE = {"members": "levels,quarter_levels,quarter_neighbours"}


def write(folder: Path, rate: int, seconds: float, count: int = 8, *, tone: float = 0.0) -> list[Clip]:
    """Noise, with a tone at a tenth of the rate."""
    folder.mkdir(parents=True, exist_ok=True)
    clips = []
    for i in range(count):
        rng = np.random.default_rng([i, round(1000 * tone)])
        t = np.arange(round(seconds * rate))
        samples = rng.normal(0, 0.05, len(t)) + tone * np.sin(2 * np.pi * 0.1 * t)
        soundfile.write(folder / f"{i:02}.wav", samples, rate)
        clips.append(Clip(str(folder / f"{i:02}.wav")))
    return clips


def front_end(clips: list[Clip], detector: str = "pooled_gaussian", **settings) -> FrontEnd:
    return auscult.fit(clips, detector, calibrate="none", **settings).detector.config.front_end


def score(model: Model, clip: Clip) -> float:
    return model.score_recording(model.audio_clip(clip)).score


@pytest.mark.parametrize(
    ("rate", "seconds", "n_fft"), [(16000, 1.0, 1024), (3200, 2.0, 512), (500, 2.0, 128)]
)
def test_short_and_slow_recordings_have_at_least_sixteen_frames(tmp_path, rate, seconds, n_fft):
    clips = write(tmp_path, rate, seconds)
    assert front_end(clips) == FrontEnd(sample_rate=rate, n_fft=n_fft, hop=n_fft // 2)
    given = front_end(clips, n_fft=600)
    assert given == FrontEnd(sample_rate=rate, n_fft=600), "a given frame length is not changed"


def test_one_stray_short_recording_does_not_shorten_the_frames_of_all(tmp_path):
    clips = write(tmp_path / "long", 8000, 2.0, 12) + write(tmp_path / "short", 8000, 0.2, 1)
    assert front_end(clips).n_fft == 1024
    assert front_end(clips[6:] + write(tmp_path / "short", 8000, 0.2, 3)).n_fft == 128


@pytest.mark.parametrize("rate", [1000, 3200])
def test_slow_vibration_is_scored(tmp_path, rate):
    model = auscult.fit(write(tmp_path / "normal", rate, 2.0, 24), "auto", **THREE)
    assert not any("contain no bin" in warning for warning in messages(model.warnings))
    fault = write(tmp_path / "fault", rate, 2.0, 2, tone=0.05)[0]
    assert score(model, fault) > model.threshold().value


def test_bands_without_a_bin_are_reported_by_fit_and_the_benchmark(tmp_path, machine_sound):
    root = tmp_path / "fan"
    for part, condition, broken in (
        ("train", "normal", False),
        ("test", "normal", False),
        ("test", "anomaly", True),
    ):
        (root / part).mkdir(parents=True, exist_ok=True)
        for i in range(6):
            samples = resample_poly(machine_sound(i, 0.5, broken=broken), 24, 1)
            soundfile.write(
                root / part / f"section_00_source_{part}_{condition}_{i:04}.wav", samples, 192_000
            )
    clips = [Clip(str(path)) for path in sorted((root / "train").iterdir())]
    expected = "19 of 128 mel bands (42 to 1775 Hz) contain no bin of the 1024-sample transform at 192000 Hz"
    short = {"n_fft": 1024, "hop": 512}
    model = auscult.fit(clips, "spectral_memory", calibrate="none", **short)
    assert sum(warning.startswith(expected) for warning in messages(model.warnings)) == 1
    chosen = auscult.fit(clips, "spectral_memory", calibrate="none")
    assert chosen.detector.config.front_end.n_fft == 4096
    assert not any("contain no bin" in warning for warning in messages(chosen.warnings))
    machine, choice = MachineData("fan", str(root)), DetectorChoice("spectral_memory")
    result = run_stage(tmp_path / "stage", machine, choice, 1, short)
    assert any(warning.startswith(expected) for warning in messages(result.warnings))


def test_the_benchmark_uses_the_front_end_of_fit(tmp_path):
    write(tmp_path / "fan" / "train", 2000, 1.0)
    write(tmp_path / "fan" / "test" / "normal", 2000, 1.0, 2)
    machine = MachineData("fan", str(tmp_path / "fan"))
    stage = Stage(tmp_path, machine, DetectorChoice("spectral_memory"), 1, {})
    assert stage.config().front_end == front_end(machine.train, "spectral_memory")
    assert stage.config().front_end.n_fft == 256


def test_a_stored_model_keeps_the_front_end(tmp_path):
    """Also one that `fit` would choose other frames for today, as models of version 0.1.0."""
    clips = write(tmp_path / "normal", 2000, 1.0)
    model = auscult.fit(clips, "spectral_memory", calibrate="none", n_fft=1024, hop=512)
    model.save(tmp_path / "model.auscult")
    loaded = load_model(tmp_path / "model.auscult")
    assert loaded.detector.config.front_end == FrontEnd(sample_rate=2000)
    assert score(loaded, clips[0]) == score(model, clips[0])


@pytest.mark.parametrize(
    ("detector", "settings"),
    [
        ("pooled_gaussian", {}),
        ("spectral_memory", {}),
        ("subspace_residual", {}),
        ("autoencoder", {"epochs": 1}),
        ("gamma_vae", {"epochs": 1}),
    ],
)
def test_preset_vibration_of_all_detectors(tmp_path, detector, settings):
    clips = write(tmp_path, 2000, 4.0)
    model = auscult.fit(clips, detector, preset="vibration", calibrate="none", **settings)
    expected = FrontEnd(sample_rate=2000, n_fft=1024, hop=256, f_max=1000.0)
    assert model.detector.config.front_end == expected
    assert model.provenance["preset"] == "vibration"
    assert np.isfinite(score(model, clips[0]))


def write_tables(folder: Path, rate: int, seconds: float, count: int = 8) -> list[Clip]:
    """The same noise as CSV files with one column."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        samples = np.random.default_rng(i).normal(0, 0.05, round(seconds * rate))
        np.savetxt(folder / f"{i}.csv", samples, header="acc", comments="", fmt="%.6f")
    return list(auscult.open_corpus(folder, tables=TableSettings(rate=rate)))


def orders(model: Model) -> dict[str, FrontEnd]:
    """The front ends of the members for orders, by name."""
    members = model.detector.members
    return {name: m.config.front_end for name, m in members.items() if name.startswith("order_")}


ORDERS = {"members": "levels,order_levels"}


def test_preset_vibration_adds_members_for_orders_to_auto(tmp_path):
    clips = write(tmp_path, 8000, 4.0)
    model = auscult.fit(clips, preset="vibration", calibrate="none", **ORDERS)
    assert model.detector.config.front_end == FrontEnd(sample_rate=8000)
    expected = FrontEnd(sample_rate=8000, n_fft=4096, hop=1024, f_max=1000.0)
    assert orders(model) == {"order_levels": expected}
    without = auscult.fit(clips, preset="vibration", calibrate="none", order_n_fft="none", members="levels")
    assert not orders(without)


def test_standard_frames_of_slow_recordings_resolve_orders(tmp_path):
    model = auscult.fit(write(tmp_path, 2000, 4.0), preset="vibration", calibrate="none", members="levels")
    assert model.detector.config.order_n_fft is None
    assert model.detector.config.front_end == FrontEnd(sample_rate=2000)


@pytest.mark.slow
def test_auto_has_members_for_orders_by_default_if_recordings_are_tables(tmp_path):
    clips = write_tables(tmp_path / "tables", 8000, 2.0)
    model = auscult.fit(clips, calibrate="none")
    assert list(orders(model)) == list(order_members(4096))
    assert model.provenance["preset"] == "vibration"
    assert np.isfinite(score(model, clips[0]))
    for given in ({"n_fft": 512}, {"f_max": 3000.0}, {"order_n_fft": "none"}):
        stated = auscult.fit(clips, calibrate="none", members="levels", **given)
        assert (stated.detector.config.order_n_fft, stated.provenance["preset"]) == (None, None)
    sound = auscult.fit(write(tmp_path / "sound", 8000, 2.0), calibrate="none", members="levels")
    assert (sound.detector.config.order_n_fft, sound.provenance["preset"]) == (None, None)
    other = auscult.fit(clips, "pooled_gaussian", calibrate="none")
    assert other.detector.config.front_end == FrontEnd(sample_rate=8000)


def test_tables_that_are_too_short_for_orders_have_a_note(tmp_path):
    model = auscult.fit(write_tables(tmp_path, 8000, 0.2), calibrate="none", members="levels")
    assert model.provenance["preset"] is None
    (note,) = (w for w in messages(model.warnings) if "orders" in w)
    assert note.startswith("auto has no members for the orders of a shaft: recordings of 0.2 s are too short")


def test_a_benchmark_of_tables_uses_the_front_ends_that_fit_uses(tmp_path, machine_sound):
    for part in ("train", "test"):
        for i in range(6):
            condition = "anomaly" if part == "test" and i % 2 else "normal"
            path = tmp_path / "rig" / part / f"section_00_source_{part}_{condition}_{i:04}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            samples = machine_sound(100 * (part == "test") + i, 2.0, broken=condition == "anomaly")
            np.savetxt(path, samples, header="acc", comments="", fmt="%.6f")
    (tmp_path / "rig" / "auscult.toml").write_text("[recordings]\nrate = 8000\n")
    machine = MachineData("rig", str(tmp_path / "rig"))
    stage = Stage(tmp_path / "results", machine, DetectorChoice("auto"), 1, ORDERS)
    assert stage.preset == "vibration"
    assert stage.config().order_n_fft == 4096
    result = run_stage(tmp_path / "results", machine, DetectorChoice("auto"), 1, ORDERS)
    assert len(result.scores["mean"]) == 6
    chosen = DetectorChoice.parse("auto@vibration")
    assert Stage(tmp_path, machine, chosen, 1, ORDERS).config() == stage.config()


def test_preset_vibration_is_the_default_preset_with_another_front_end(tmp_path):
    exact, vibration = (
        auscult.fit(write(tmp_path, 2000, 4.0), "gamma_vae", preset=preset, calibrate="none", epochs=1)
        for preset in (None, "vibration")
    )
    front_end = vibration.detector.config.front_end
    assert dataclasses.replace(exact.detector.config, front_end=front_end) == vibration.detector.config


def test_settings_come_before_preset_vibration(tmp_path):
    clips = write(tmp_path, 8000, 4.0)
    assert front_end(clips, preset="vibration", f_max=3000.0).f_max == 3000.0
    assert front_end(clips, preset="vibration", n_fft=2048).n_fft == 2048
    short = write(tmp_path / "short", 8000, 0.2)
    with pytest.raises(OptionError, match=r"recordings of 0\.2 s are too short to resolve the orders"):
        front_end(short, preset="vibration")
