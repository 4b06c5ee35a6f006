"""Windows of a streamed file have the same samples as the complete file, whatever its length."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auscult.errors import (
    EmptyAudio,
    NonFiniteAudio,
    OptionError,
    TruncatedAudio,
    UnreadableAudio,
    UnsupportedAudio,
)
from auscult.sound import Waveform, read_audio, resample, stream_audio

RATE = 8000
NOISE = (0.2 * np.random.default_rng(0).standard_normal((20 * RATE + 123, 2))).astype(np.float32)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stream") / "noise.wav"
    soundfile.write(path, NOISE, RATE, subtype="FLOAT")
    return path


@pytest.mark.parametrize("sample_rate", [None, RATE, 16000, 5000, 11025])
@pytest.mark.parametrize("seconds", [0.1, 1.0, 3.0, 7.77])
def test_consecutive_windows_add_up_to_the_file(path: Path, sample_rate: int | None, seconds: float) -> None:
    expected = resample(read_audio(path, channel=1), sample_rate)
    windows = list(stream_audio(path, seconds=seconds, channel=1, sample_rate=sample_rate))
    length = round(seconds * expected.sample_rate)
    joined = np.concatenate([window.waveform.samples for window in windows])
    np.testing.assert_allclose(joined, expected.samples[: len(joined)], rtol=0, atol=1e-6)
    assert len(expected.samples) - len(joined) < length / 2
    assert {len(window.waveform.samples) for window in windows[:-1]} == {length}
    for number, window in enumerate(windows):
        assert window.start_seconds == pytest.approx(number * length / expected.sample_rate)
        assert window.waveform.sample_rate == expected.sample_rate
        assert window.waveform.notes == expected.notes
        assert window.waveform.path == str(path)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seconds=st.floats(0.05, 25.0),
    hop_seconds=st.floats(0.05, 25.0),
    sample_rate=st.sampled_from([None, 12000, 3000]),
)
def test_any_window_and_hop(path: Path, seconds: float, hop_seconds: float, sample_rate: int | None) -> None:
    expected = resample(read_audio(path), sample_rate)
    count, rate = len(expected.samples), expected.sample_rate
    length, hop = round(seconds * rate), round(hop_seconds * rate)
    windows = list(stream_audio(path, seconds=seconds, hop_seconds=hop_seconds, sample_rate=sample_rate))
    starts = [start for start in range(0, count, hop) if start + length <= count]
    next_start = starts[-1] + hop if starts else 0
    rest = count - next_start
    if rest > 0 and (next_start == 0 or 2 * rest >= length):
        starts.append(next_start)
    assert [round(window.start_seconds * rate) for window in windows] == starts
    for start, window in zip(starts, windows, strict=True):
        np.testing.assert_allclose(
            window.waveform.samples, expected.samples[start : start + length], rtol=0, atol=1e-6
        )


@pytest.mark.parametrize("container", ["FLAC", "OGG", "MP3", "AIFF"])
def test_other_formats(tmp_path: Path, container: str) -> None:
    soundfile.write(tmp_path / "sound", NOISE, 16000, format=container)
    windows = stream_audio(tmp_path / "sound", seconds=1.0)
    joined = np.concatenate([window.waveform.samples for window in windows])
    np.testing.assert_allclose(joined, read_audio(tmp_path / "sound").samples[: len(joined)], atol=1e-6)


@pytest.mark.parametrize(("rest", "count"), [(0, 2), (499, 2), (500, 3), (999, 3)])
def test_a_last_window_is_at_least_half_a_window(tmp_path: Path, rest: int, count: int) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(2000 + rest), 10_000)
    windows = list(stream_audio(tmp_path / "a.wav", seconds=0.1))
    assert len(windows) == count
    assert len(windows[-1].waveform.samples) == (rest if count == 3 else 1000)


def test_a_file_shorter_than_one_window_is_one_window(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(100), 10_000)
    (window,) = stream_audio(tmp_path / "a.wav", seconds=10.0)
    assert (window.start_seconds, len(window.waveform.samples)) == (0.0, 100)


def test_files_longer_than_the_limit_of_reading_can_be_streamed(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(700 * 4000, dtype=np.int16), 4000)
    assert sum(1 for _ in stream_audio(tmp_path / "a.wav", seconds=10.0)) == 70


def test_windows_do_not_share_memory(path: Path) -> None:
    first, second = list(stream_audio(path, seconds=1.0, hop_seconds=0.5))[:2]
    assert not np.shares_memory(first.waveform.samples, second.waveform.samples)


def test_closing_early_ends_the_iteration(path: Path) -> None:
    windows = stream_audio(path, seconds=1.0)
    assert isinstance(next(windows).waveform, Waveform)
    windows.close()  # type: ignore[attr-defined]
    assert list(windows) == []


class TestErrors:
    @pytest.mark.parametrize(
        "options",
        [
            {"seconds": 0},
            {"seconds": -1.0},
            {"seconds": float("nan")},
            {"seconds": float("inf")},
            {"seconds": 1e308},
            {"seconds": 1.0, "hop_seconds": 0.0},
            {"seconds": 1.0, "sample_rate": 0},
        ],
    )
    def test_invalid_options_are_refused_at_once(self, path: Path, options: dict[str, float]) -> None:
        with pytest.raises(OptionError):
            stream_audio(path, **options)

    def test_the_same_errors_as_reading(self, path: Path, tmp_path: Path) -> None:
        with pytest.raises(UnreadableAudio):
            next(iter(stream_audio(tmp_path / "absent.wav", seconds=1.0)))
        with pytest.raises(UnsupportedAudio):
            next(iter(stream_audio(path, seconds=1.0, channel=2)))
        soundfile.write(tmp_path / "empty.wav", np.zeros(0), RATE)
        with pytest.raises(EmptyAudio):
            next(iter(stream_audio(tmp_path / "empty.wav", seconds=1.0)))
        (tmp_path / "truncated.wav").write_bytes(path.read_bytes()[:9999])
        with pytest.raises(TruncatedAudio):
            next(iter(stream_audio(tmp_path / "truncated.wav", seconds=1.0)))

    @pytest.mark.parametrize("sample_rate", [None, 16000])
    def test_a_late_error_is_raised_after_the_valid_windows(
        self, tmp_path: Path, sample_rate: int | None
    ) -> None:
        samples = np.zeros(20 * RATE)
        samples[-5] = np.nan
        soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
        windows = stream_audio(tmp_path / "a.wav", seconds=1.0, sample_rate=sample_rate)
        valid = [next(windows) for _ in range(15)]
        assert len(valid) == 15
        with pytest.raises(NonFiniteAudio, match=r"at 19\.999 s"):
            list(windows)

    def test_a_truncated_flac_is_detected_at_the_end(self, tmp_path: Path) -> None:
        soundfile.write(tmp_path / "complete.flac", NOISE, RATE)
        data = (tmp_path / "complete.flac").read_bytes()
        (tmp_path / "truncated.flac").write_bytes(data[: len(data) // 2])
        windows = stream_audio(tmp_path / "truncated.flac", seconds=1.0)
        assert next(windows).waveform.seconds == 1.0
        with pytest.raises(TruncatedAudio):
            list(windows)
