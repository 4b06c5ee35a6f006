"""The log-mel spectrogram against librosa in float64, of complete waveforms and of blocks."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.errors import OptionError
from auscult.sound import read_audio
from auscult.spectrum import (
    FrontEnd,
    band_centres,
    log_mel,
    log_mel_finish,
    log_mel_push,
    log_mel_start,
    log_mels,
    mel_filters,
)

librosa = pytest.importorskip("librosa")

RATE = 16000
TOLERANCE = 1e-3  # dB


def librosa_log_mel(samples: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    power = librosa.feature.melspectrogram(
        y=samples.astype(np.float64),
        sr=front_end.sample_rate,
        n_fft=front_end.n_fft,
        hop_length=front_end.hop,
        n_mels=front_end.n_mels,
        fmin=front_end.f_min,
        fmax=front_end.f_max,
        center=True,
        pad_mode="constant",
        power=2.0,
        dtype=np.float64,
    )
    return 10.0 * np.log10(np.maximum(power, front_end.floor)).T


def assert_equal_to_librosa(samples: np.ndarray, front_end: FrontEnd) -> None:
    frames = log_mel(samples, front_end)
    assert frames.dtype == np.float32
    np.testing.assert_allclose(frames, librosa_log_mel(samples, front_end), rtol=0, atol=TOLERANCE)


def tone(hertz: float, *, rate: int = RATE, seconds: float = 1.0, level: float = 0.5) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


def noise(seed: int, count: int, level: float = 0.1) -> np.ndarray:
    return (level * np.random.default_rng(seed).standard_normal(count)).astype(np.float32)


FRONT_ENDS = [
    FrontEnd(),
    FrontEnd(sample_rate=4000, n_fft=512, hop=128, n_mels=40),
    FrontEnd(sample_rate=22050, n_fft=2048, hop=512, n_mels=64, f_min=50.0, f_max=8000.0),
    FrontEnd(sample_rate=44100, n_fft=2048, hop=1000),
    FrontEnd(sample_rate=48000, n_fft=4096, hop=4096, n_mels=80, f_min=20.0),
    FrontEnd(sample_rate=384000, n_fft=16384, hop=8192, n_mels=200),
]


class TestAgainstLibrosa:
    @pytest.mark.parametrize("front_end", FRONT_ENDS, ids=lambda f: f"{f.sample_rate}-{f.n_fft}-{f.hop}")
    def test_noise(self, front_end: FrontEnd) -> None:
        assert_equal_to_librosa(noise(1, front_end.n_fft * 20 + 17), front_end)

    @pytest.mark.parametrize("level", [1e-6, 1e-3, 1.0])
    def test_noise_of_any_level(self, level: float) -> None:
        assert_equal_to_librosa(noise(2, RATE, level), FrontEnd())

    @pytest.mark.parametrize("hertz", [0.5, 15.625, 50, 99.7, 440, 1000, 1003.9, 2500, 4000, 7812.5, 7999])
    def test_pure_tones(self, hertz: float) -> None:
        assert_equal_to_librosa(tone(hertz), FrontEnd())

    @pytest.mark.parametrize("hertz", [50, 1000, 15000, 22000])
    def test_pure_tones_at_another_rate(self, hertz: float) -> None:
        assert_equal_to_librosa(tone(hertz, rate=44100), FrontEnd(sample_rate=44100, n_fft=2048))

    def test_two_tones_of_very_different_level(self) -> None:
        assert_equal_to_librosa(tone(300) + tone(5000, level=1e-5), FrontEnd())

    def test_direct_current(self) -> None:
        assert_equal_to_librosa(np.full(RATE, 0.25, dtype=np.float32), FrontEnd())

    def test_silence_is_at_the_floor(self) -> None:
        silence = np.zeros(RATE, dtype=np.float32)
        assert_equal_to_librosa(silence, FrontEnd())
        assert np.all(log_mel(silence, FrontEnd()) == np.float32(10 * np.log10(2.220446e-16)))

    @pytest.mark.parametrize("position", [0, 1, 511, 512, 8000, 15999])
    def test_impulse(self, position: int) -> None:
        impulse = np.zeros(RATE, dtype=np.float32)
        impulse[position] = 1.0
        assert_equal_to_librosa(impulse, FrontEnd())

    @pytest.mark.parametrize("count", [1, 2, 511, 512, 513, 1023, 1024, 1025, 1536])
    def test_very_short(self, count: int) -> None:
        with pytest.warns(UserWarning, match="n_fft") if count < 1024 else nullcontext():
            assert_equal_to_librosa(noise(3, count), FrontEnd())

    def test_a_square_wave_at_full_scale(self) -> None:
        assert_equal_to_librosa(np.sign(tone(123.4)), FrontEnd())

    def test_real_recordings(self, real_data: Path) -> None:
        paths = sorted(real_data.glob("**/*.wav"))[::23] + sorted(real_data.glob("**/*.ogg"))[::9]
        assert len(paths) > 10
        for path in paths:
            waveform = read_audio(path)
            assert_equal_to_librosa(waveform.samples, FrontEnd(sample_rate=waveform.sample_rate))

    @pytest.mark.parametrize("front_end", FRONT_ENDS, ids=lambda f: f"{f.sample_rate}-{f.n_fft}-{f.hop}")
    def test_filters(self, front_end: FrontEnd) -> None:
        expected = librosa.filters.mel(
            sr=front_end.sample_rate,
            n_fft=front_end.n_fft,
            n_mels=front_end.n_mels,
            fmin=front_end.f_min,
            fmax=front_end.f_max,
            dtype=np.float64,
        )
        np.testing.assert_allclose(mel_filters(front_end), expected.T, rtol=1e-9, atol=1e-15)

    @pytest.mark.parametrize("front_end", FRONT_ENDS, ids=lambda f: f"{f.sample_rate}-{f.n_fft}-{f.hop}")
    def test_band_centres(self, front_end: FrontEnd) -> None:
        top = front_end.f_max or front_end.sample_rate / 2
        expected = librosa.mel_frequencies(front_end.n_mels + 2, fmin=front_end.f_min, fmax=top)[1:-1]
        np.testing.assert_allclose(band_centres(front_end), expected, rtol=1e-9)


class TestBlocks:
    @settings(max_examples=60, deadline=None)
    @given(
        count=st.integers(0, 6000),
        splits=st.lists(st.integers(0, 6000), max_size=12),
        hop=st.sampled_from([1, 100, 160, 255, 256]),
        seed=st.integers(0, 5),
    )
    def test_blocks_of_any_size_give_the_same_numbers(
        self, count: int, splits: list[int], hop: int, seed: int
    ) -> None:
        if hop == 1:
            count %= 500
        front_end = FrontEnd(n_fft=256, hop=hop, n_mels=20)
        samples = noise(seed, count)
        state = log_mel_start(front_end)
        frames = []
        for block in np.split(samples, sorted(min(split, count) for split in splits)):
            complete, state = log_mel_push(block, state)
            frames.append(complete)
        frames.append(log_mel_finish(state))
        expected = log_mel(samples, front_end)
        assert len(expected) == front_end.frames_in(count)
        np.testing.assert_allclose(np.concatenate(frames), expected, rtol=0, atol=1e-5)

    def test_the_given_state_is_not_modified(self) -> None:
        samples = noise(4, 5000)
        _, state = log_mel_push(samples[:2000], log_mel_start(FrontEnd()))
        before = state.pending.copy()
        first, _ = log_mel_push(samples[2000:], state)
        second, _ = log_mel_push(samples[2000:], state)
        np.testing.assert_array_equal(state.pending, before)
        np.testing.assert_array_equal(first, second)

    def test_a_frame_is_returned_as_soon_as_it_is_complete(self) -> None:
        front_end = FrontEnd()
        first, state = log_mel_push(np.zeros(511), log_mel_start(front_end))
        second, _ = log_mel_push(np.zeros(1), state)
        assert (len(first), len(second)) == (0, 1)

    def test_the_state_does_not_grow(self) -> None:
        state = log_mel_start(FrontEnd())
        for _ in range(50):
            _, state = log_mel_push(noise(5, 777), state)
            assert len(state.pending) < FrontEnd().n_fft


class TestSeveralWaveforms:
    @settings(max_examples=40, deadline=None)
    @given(
        counts=st.lists(st.integers(0, 20000), max_size=6),
        size=st.sampled_from([(256, 255), (256, 256), (1024, 512), (2048, 300)]),
    )
    def test_results_are_identical_to_those_of_single_waveforms(
        self, counts: list[int], size: tuple[int, int]
    ) -> None:
        front_end = FrontEnd(n_fft=size[0], hop=size[1], n_mels=20)
        waveforms = [noise(seed, count) for seed, count in enumerate(counts)]
        results = log_mels(waveforms, front_end)
        assert len(results) == len(waveforms)
        for samples, frames in zip(waveforms, results, strict=True):
            assert len(frames) == front_end.frames_in(len(samples))
            np.testing.assert_array_equal(frames, log_mel(samples, front_end))

    def test_a_loud_neighbour_does_not_leak_into_silence(self) -> None:
        loud, silence = np.ones(5000, np.float32), np.zeros(5000, np.float32)
        for hop in (1, 100, 1023, 1024):
            _, frames, _ = log_mels([loud, silence, loud], FrontEnd(hop=hop))
            assert np.all(frames == frames[0, 0])

    @pytest.mark.parametrize("n_fft", [256, 1024, 4096])
    def test_results_do_not_depend_on_the_number_of_blocks(self, n_fft: int) -> None:
        front_end = FrontEnd(n_fft=n_fft, hop=n_fft // 2)
        samples = noise(8, 2_000_000)
        frames = log_mel(samples, front_end)
        first_frames = log_mel(samples[: 40 * n_fft], front_end)
        np.testing.assert_array_equal(frames[:79], first_frames[:79])

    def test_samples_are_not_modified(self) -> None:
        samples = noise(9, 5000).astype(np.float64)
        before = samples.copy()
        log_mels([samples, samples], FrontEnd())
        np.testing.assert_array_equal(samples, before)


class TestFrontEnd:
    def test_shape_of_ten_seconds(self) -> None:
        assert log_mel(np.zeros(160000, dtype=np.float32), FrontEnd()).shape == (313, 128)

    def test_samples_of_float64_and_integers_are_accepted(self) -> None:
        samples = noise(6, 4000)
        np.testing.assert_array_equal(
            log_mel(samples.astype(np.float64), FrontEnd()), log_mel(samples, FrontEnd())
        )
        assert log_mel(np.arange(4000), FrontEnd()).shape == (8, 128)

    def test_a_tone_is_in_the_band_of_that_frequency(self) -> None:
        centres = band_centres(FrontEnd())
        for band in (20, 60, 100, 127):
            level = log_mel(tone(centres[band]), FrontEnd())[10]
            assert abs(int(np.argmax(level)) - band) <= 1

    def test_twice_the_amplitude_is_six_decibels_louder(self) -> None:
        samples = noise(7, RATE)
        rise = log_mel(2 * samples, FrontEnd()) - log_mel(samples, FrontEnd())
        np.testing.assert_allclose(rise, 20 * np.log10(2), atol=1e-4)

    def test_filters_are_read_only(self) -> None:
        with pytest.raises(ValueError, match="read-only"):
            mel_filters(FrontEnd())[0, 0] = 1.0

    @pytest.mark.parametrize(
        "options",
        [
            {"n_fft": 1023},
            {"n_fft": 0},
            {"hop": 0},
            {"hop": 1025},
            {"f_min": -1.0},
            {"f_min": 8000.0},
            {"f_max": 8001.0},
            {"f_min": 500.0, "f_max": 400.0},
            {"f_max": float("nan")},
            {"n_mels": 0},
            {"floor": 0.0},
            {"floor": float("nan")},
            {"sample_rate": 0},
        ],
    )
    def test_invalid_options_are_refused(self, options: dict[str, float]) -> None:
        with pytest.raises(OptionError):
            FrontEnd(**options)
