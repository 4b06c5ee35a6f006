"""Inspection of recordings before fitting."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult.corpus import AudioClip, Clip, Corpus, machine_folders, open_corpus
from auscult.corpus.findings import Finding, opening_findings
from auscult.corpus.inspection import Inspection, inspect_recordings
from auscult.sound import Waveform, read_audio
from auscult.spectrum import FrontEnd

RATE = 16000
MINIMUM = 2560  # samples, five frames of 512


def noise(seed: int, *, seconds: float = 1.0, level: float = 0.05, rate: int = RATE) -> np.ndarray:
    """Noise whose spectral tilt differs slightly between seeds, as recordings of one machine do."""
    rng = np.random.default_rng(seed)
    white = rng.normal(0.0, level, int(seconds * rate))
    return np.convolve(white, [1.0, 0.5 + 0.1 * rng.random()], mode="same").astype(np.float32)


def recording(samples: np.ndarray, name: str = "x.wav", *, rate: int = RATE) -> AudioClip:
    return AudioClip(Clip(name), lambda: Waveform(samples.astype(np.float32), rate))


def normals(count: int = 24) -> list[AudioClip]:
    return [recording(noise(seed), f"{seed}.wav") for seed in range(count)]


def inspect(recordings: list[AudioClip], **options) -> Inspection:
    return inspect_recordings(recordings, minimum_samples=MINIMUM, **options)


def only(inspection: Inspection) -> Finding:
    assert len(inspection.findings) == 1, inspection.findings
    return inspection.findings[0]


def test_clean_recordings_give_no_finding() -> None:
    recordings = normals()
    inspection = inspect(recordings)
    assert inspection.findings == ()
    assert list(inspection.usable) == recordings


def test_too_few_recordings() -> None:
    finding = only(inspect(normals(19)))
    assert finding.kind == "too_few_clips"
    assert "19 usable" in finding.message
    assert "at least 20" in finding.message
    assert "window" not in finding.message
    assert inspect(normals(19), minimum_clips=19).findings == ()


def test_few_long_recordings_can_be_cut() -> None:
    long = [recording(noise(seed, seconds=25), f"{seed}.wav") for seed in range(3)]
    finding = only(inspect(long))
    assert finding.kind == "too_few_clips"
    assert "cut these long ones into windows with `window=10`" in finding.message
    windows = [AudioClip(Clip(f"{i}.wav", window=(0.0, 25.0)), r.waveform) for i, r in enumerate(long)]
    assert "window=" not in only(inspect(windows)).message


def test_an_unreadable_file_is_reported_and_excluded(tmp_path: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"no audio at all")
    recordings = normals()
    recordings.insert(3, AudioClip.from_file(Clip(str(broken))))
    inspection = inspect(recordings)
    finding = only(inspection)
    assert (finding.kind, finding.paths) == ("unreadable", (str(broken),))
    assert "left out" in finding.message
    assert list(inspection.usable) == recordings[:3] + recordings[4:]


def test_no_usable_recording_is_not_an_error() -> None:
    inspection = inspect([recording(noise(0, seconds=0.1), "s.wav")])
    assert inspection.usable == ()
    assert {f.kind for f in inspection.findings} == {"too_short", "too_few_clips"}
    assert only(inspect([])).kind == "too_few_clips"


def test_short_recordings_are_excluded() -> None:
    exact, short = (
        recording(noise(90)[:MINIMUM], "exact.wav"),
        recording(noise(91)[: MINIMUM - 1], "short.wav"),
    )
    inspection = inspect([*normals(), short])
    assert only(inspection).kind == "too_short"
    assert "0.16 s" in only(inspection).message
    assert short not in inspection.usable
    assert exact in inspect([exact]).usable


def test_recordings_much_shorter_than_the_others_are_left_out() -> None:
    """The score of one would determine the threshold."""
    brief = recording(noise(91, seconds=0.3), "brief.wav")
    shorter = recording(noise(92, seconds=0.5), "shorter.wav")
    inspection = inspect([*normals(), brief, shorter])
    left_out = [finding for finding in inspection.findings if finding.kind == "too_short"]
    assert [finding.paths for finding in left_out] == [("brief.wav",)]
    assert "0.3 s instead of 1 s" in left_out[0].message
    assert brief not in inspection.usable
    assert shorter in inspection.usable
    many = [recording(noise(i, seconds=0.3), f"{i}.wav") for i in range(10)]
    assert len(inspect([*normals(), *many]).usable) == 34, "two lengths, of which neither is an exception"


@pytest.mark.parametrize("samples", [np.zeros(RATE), np.full(RATE, 0.3)], ids=["zeros", "constant"])
def test_recordings_without_a_signal_are_left_out(samples: np.ndarray) -> None:
    inspection = inspect([*normals(), recording(samples, "dead.wav"), recording(samples, "dead2.wav")])
    assert only(inspection).kind == "constant"
    assert only(inspection).paths == ("dead.wav", "dead2.wav")
    assert "sensor" in only(inspection).message
    assert len(inspection.usable) == 24


def test_windows_of_one_file_are_counted_and_the_file_is_named_once() -> None:
    silent = [
        AudioClip(Clip("s.wav", window=(k, k + 1)), lambda: Waveform(np.zeros(RATE, np.float32), RATE))
        for k in range(3)
    ]
    finding = only(inspect([*normals(), *silent]))
    assert finding.paths == ("s.wav",)
    assert finding.message.startswith("3 windows of 1 recording are without a signal")
    assert finding.message.endswith("(s.wav)")


def test_silence() -> None:
    quiet = noise(7, level=1e-5)  # below -90 dB, which a vibration in physical units can be
    inspection = inspect([*normals(), recording(quiet, "quiet.wav"), recording(quiet, "quiet2.wav")])
    assert [f.kind for f in inspection.findings] == ["silence", "duplicates"]
    assert inspection.findings[0].paths == ("quiet.wav", "quiet2.wav")
    assert "microphone" in inspection.findings[0].message
    assert len(inspection.usable) == 26


def test_quiet_recordings_are_not_silent() -> None:
    quiet = [recording(noise(s, level=1e-4), f"{s}.wav") for s in range(24)]  # -80 dBFS
    assert inspect(quiet).findings == ()


def test_clipping_requires_runs_at_the_largest_value() -> None:
    touched, clipped = noise(50), noise(51)
    touched[[10, 11, 500, 900]] = [1.0, -1.0, 1.0, 1.0]  # runs of two and one
    clipped[100:103] = 0.4
    assert inspect([*normals(), recording(touched, "peak.wav")]).findings == ()
    finding = only(inspect([*normals(), recording(clipped, "clip.wav")]))
    assert (finding.kind, finding.paths) == ("clipping", ("clip.wav",))
    assert "0.019 % of samples in flat tops" in finding.message  # 3 of 16000


def test_clipping_of_saturated_files_and_negative_peaks(tmp_path: Path) -> None:
    loud = np.clip(noise(52, level=2.0), -1.0, 1.0)
    path = tmp_path / "loud.wav"
    soundfile.write(path, loud, RATE, subtype="PCM_16")
    inspection = inspect([*normals(), AudioClip.from_file(Clip(str(path)))])
    assert "clipping" in {f.kind for f in inspection.findings}
    resampled = AudioClip.from_file(Clip(str(path)), sample_rate=8000)  # the flat tops are rounded off
    assert "clipping" in {f.kind for f in inspect([resampled], minimum_clips=1).findings}
    edge = noise(53)
    edge[-3:] = -1.0
    assert only(inspect([*normals(), recording(edge)])).kind == "clipping"


def test_physical_units_are_data_like_any_other(tmp_path: Path) -> None:
    recordings = []
    for seed in range(24):
        path = tmp_path / f"{seed}.wav"
        soundfile.write(path, 9.81 * noise(seed, level=0.7), RATE, subtype="FLOAT")
        recordings.append(AudioClip.from_file(Clip(str(path))))
    assert inspect(recordings).findings == ()


def test_a_dc_offset_that_most_have_not() -> None:
    shifted = noise(55) + 0.05
    finding = only(inspect([*normals(), recording(shifted, "shifted.wav")]))
    assert (finding.kind, finding.paths) == ("dc_offset", ("shifted.wav",))
    assert "up to 0.05, most have" in finding.message
    slightly = noise(55) + 0.005  # a tenth of the RMS changes no score
    assert inspect([*normals(), recording(slightly)]).findings == ()
    gravity = [recording(noise(seed) + 9.81, f"{seed}.wav") for seed in range(24)]
    assert inspect(gravity).findings == ()


def test_notes_of_reading_are_reported_once_for_each_kind(tmp_path: Path) -> None:
    recordings = normals()
    for name in ("a.wav", "b.wav"):
        path = tmp_path / name
        soundfile.write(path, noise(ord(name[0])), RATE, subtype="PCM_16")
        data = bytearray(path.read_bytes())
        data[40:44] = (8000 + 2 * ord(name[0])).to_bytes(4, "little")
        path.write_bytes(data)
        recordings.append(AudioClip.from_file(Clip(str(path)), sample_rate=RATE))
    finding = only(inspect(recordings))
    assert (finding.kind, [os.path.basename(p) for p in finding.paths]) == (
        "wrong_length",
        ["a.wav", "b.wav"],
    )
    assert "declares 8194 bytes of samples but 32000 are there" in finding.message


def test_files_of_other_kinds() -> None:
    assert opening_findings(Corpus([])) == ()
    assert opening_findings([]) == ()
    (finding,) = opening_findings(Corpus([], other_files={".txt": 2, ".m4a": 1}))
    assert (finding.kind, finding.paths) == ("other_files", ())
    assert finding.message == "3 files of other kinds were not read: 2 .txt, 1 .m4a"


def test_duplicates() -> None:
    finding = only(inspect([*normals(), recording(noise(3), "copy.wav")]))
    assert (finding.kind, finding.paths) == ("duplicates", ("3.wav", "copy.wav"))
    nearly = noise(3)
    nearly[0] += 1e-6
    assert inspect([*normals(), recording(nearly, "copy.wav")]).findings == ()


def test_mixed_rates_and_channels_are_read_from_the_files(tmp_path: Path) -> None:
    recordings = []
    for seed in range(24):
        rate, channels = (8000 if seed == 5 else RATE), (2 if seed in (6, 7) else 1)
        path = tmp_path / f"{seed}.wav"
        soundfile.write(path, np.stack([noise(seed, rate=rate)] * channels, axis=1), rate)
        recordings.append(AudioClip.from_file(Clip(str(path)), sample_rate=RATE))
    findings = {f.kind: f for f in inspect(recordings).findings}
    assert [os.path.basename(p) for p in findings["mixed_sample_rates"].paths] == ["5.wav"]
    assert "8000 Hz" in findings["mixed_sample_rates"].message
    assert [os.path.basename(p) for p in findings["mixed_channels"].paths] == ["6.wav", "7.wav"]
    assert "with 2 channels instead of 1" in findings["mixed_channels"].message


@pytest.mark.parametrize(("seconds", "reported"), [(1.5, False), (1.51, True), (0.66, True)])
def test_mixed_lengths(seconds: float, reported: bool) -> None:
    inspection = inspect([*normals(), recording(noise(60, seconds=seconds), "other.wav")])
    assert ("mixed_lengths" in {f.kind for f in inspection.findings}) == reported
    if reported:
        assert "other.wav" in only(inspection).message


def test_another_sound_is_an_outlier() -> None:
    hum = 0.05 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE) + noise(70, level=1e-3)
    finding = only(inspect([*normals(), recording(hum, "hum.wav")]))
    assert (finding.kind, finding.paths) == ("outlier", ("hum.wav",))
    assert "median" in finding.message


def test_two_segments_of_one_stray_recording_are_outliers() -> None:
    stray = [recording(noise(s, level=0.2), f"loud{s}.wav") for s in (80, 81)]
    inspection = inspect([*normals(), *stray])
    assert sorted(p for f in inspection.findings for p in f.paths) == ["loud80.wav", "loud81.wav"]


def test_a_second_domain_of_three_clips_is_no_outlier() -> None:
    second = [recording(noise(s, level=0.15), f"t{s}.wav") for s in (80, 81, 82)]
    assert inspect([*normals(), *second]).findings == ()


def test_no_outliers_among_four_recordings() -> None:
    recordings = [*normals(3), recording(noise(80, level=0.2))]
    assert inspect(recordings, minimum_clips=1).findings == ()


def test_progress_and_order() -> None:
    steps: list[tuple] = []
    inspect(normals(3), minimum_clips=1, progress=lambda *step: steps.append(step))
    assert steps == [("inspect", done, 3, {}) for done in (1, 2, 3)]


def test_one_waveform_is_in_memory_at_a_time() -> None:
    import tracemalloc

    def inspect_peak(count: int) -> int:
        loads = [
            AudioClip(Clip(f"{s}.wav"), lambda s=s: Waveform(noise(s, seconds=10), RATE))
            for s in range(count)
        ]
        tracemalloc.start()
        inspect(loads, minimum_clips=1)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    inspect_peak(2)  # warm-up: fills caches
    # One waveform is 640 kB; what runs beside it in this process is traced too.
    assert inspect_peak(24) < inspect_peak(4) + 2 * 640_000


def test_real_training_recordings_give_no_finding(real_data: Path) -> None:
    for name, folder in machine_folders(real_data).items():
        train = [AudioClip.from_file(clip) for clip in open_corpus(folder).where(split="train")]
        inspection = inspect(train, minimum_clips=1)
        assert inspection.findings == (), name
        assert len(inspection.usable) == len(train)


def test_rain_among_real_motors_is_an_outlier(real_data: Path) -> None:
    train = [AudioClip.from_file(clip) for clip in open_corpus(real_data / "bldc").where(split="train")]
    rain = AudioClip.from_file(open_corpus(real_data / "noise" / "rain")[0], sample_rate=16000)
    kinds = {f.kind: f.paths for f in inspect([*train, rain]).findings}
    assert kinds["outlier"] == (rain.clip.path,)
    assert set(kinds) == {"outlier", "mixed_sample_rates", "mixed_lengths"}


def test_requested_features_are_computed_while_reading_once(tmp_path, monkeypatch):
    default = FrontEnd(sample_rate=RATE)
    smaller = FrontEnd(sample_rate=RATE, n_fft=256, hop=64, n_mels=32)
    for seed in range(8):
        soundfile.write(tmp_path / f"{seed}.wav", noise(seed, level=0.2 if seed == 3 else 0.01), RATE)
    decoded = []

    def counted(path, *, channel=0, **options):
        decoded.append(path)
        return read_audio(path, channel=channel, **options)

    monkeypatch.setattr("auscult.corpus.audio_clip.read_audio", counted)
    paths = sorted(str(path) for path in tmp_path.iterdir())
    plain = inspect_recordings([AudioClip.from_file(Clip(p)) for p in paths], minimum_samples=1)
    decoded.clear()
    recordings = [AudioClip.from_file(Clip(p)) for p in paths]
    inspection = inspect_recordings(recordings, minimum_samples=1, front_ends=(default, smaller))
    for recording in recordings:
        assert recording.log_mel(default).shape[1] == 128
        assert recording.log_mel(smaller).shape[1] == 32
    assert sorted(decoded) == paths
    assert inspection.findings == plain.findings
    assert any(finding.kind == "outlier" for finding in inspection.findings)
