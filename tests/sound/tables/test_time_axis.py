"""The sample rate by a column of times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from auscult.errors import TableError
from auscult.sound import audio_info, read_audio
from auscult.sound.tables import TableSettings

SIGNAL = np.round(np.random.default_rng(2).standard_normal(30_000), 4)


def write(path: Path, times: np.ndarray, header: str = "time,acc", digits: int = 9) -> Path:
    table = np.column_stack([times, SIGNAL[: len(times)]])
    np.savetxt(path, table, fmt=[f"%.{digits}f", "%.4f"], delimiter=",", header=header, comments="")
    return path


@pytest.mark.parametrize("rate", [500, 1000, 11_025, 12_000, 20_480, 25_600, 44_100, 51_200, 97_656, 256_000])
@pytest.mark.parametrize("digits", [6, 9])
def test_rates_by_rounded_times(tmp_path: Path, rate: int, digits: int) -> None:
    path = write(tmp_path / "a.csv", 3.5 + np.arange(30_000) / rate, digits=digits)
    assert audio_info(path).sample_rate == rate
    assert len(read_audio(path).samples) == 30_000


@pytest.mark.parametrize(
    ("header", "unit"),
    [
        ("time (ms),acc", 1e3),
        ("Time [us],acc", 1e6),
        ("Zeit_ms,acc", 1e3),
        ("t/s,acc", 1.0),
        ("timestamp,acc", 1.0),
        ("elapsed time (min),acc", 1 / 60),
        ("Time_Stamp (ns),acc", 1e9),
    ],
)
def test_units(tmp_path: Path, header: str, unit: float) -> None:
    path = write(tmp_path / "a.csv", np.arange(8_000) / 8_000 * unit, header, digits=12)
    info = audio_info(path)
    assert (info.sample_rate, info.channel_names) == (8_000, ("acc",))


def test_times_of_few_digits(tmp_path: Path) -> None:
    """Times in milliseconds for samples every 0.05 ms: twenty rows have the same time."""
    path = write(tmp_path / "a.csv", np.arange(30_000) / 20_000, digits=3)
    assert audio_info(path).sample_rate == 20_000
    assert len(read_audio(path).samples) == 30_000


def test_jitter_of_less_than_a_sample_is_no_gap(tmp_path: Path) -> None:
    jitter = np.random.default_rng(0).uniform(-0.3, 0.3, 10_000)
    path = write(tmp_path / "a.csv", (np.arange(10_000) + jitter) / 1000)
    assert audio_info(path).sample_rate == 1000
    assert len(read_audio(path).samples) == 10_000


@pytest.mark.parametrize("gap", [20, 10_000, 29_900])
def test_missing_samples(tmp_path: Path, gap: int) -> None:
    times = np.arange(30_000) / 8_000
    times[gap:] += 0.05
    path = write(tmp_path / "a.csv", times)
    with pytest.raises(TableError, match="not evenly spaced") as caught:
        read_audio(path)
    assert caught.value.line is not None
    assert caught.value.column == "'time'"
    assert len(read_audio(path, table=TableSettings(rate=8_000)).samples) == 30_000


def test_times_that_run_backwards(tmp_path: Path) -> None:
    times = np.arange(30_000) / 8_000
    times[15_000:] -= 1.0
    with pytest.raises(TableError):
        read_audio(write(tmp_path / "a.csv", times))


def test_fractional_rates_do_not_drift(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", np.arange(30_000) / 7_812.5, digits=9)
    assert audio_info(path).sample_rate == 7_812
    assert len(read_audio(path).samples) == 30_000


@pytest.mark.parametrize("header", ["number,acc", "", "n,acc"])
def test_row_numbers_are_neither_times_nor_signals(tmp_path: Path, header: str) -> None:
    path = write(tmp_path / "a.csv", np.arange(1, 5_001), header, digits=0)
    info = audio_info(path, table=TableSettings(rate=2_000))
    assert (info.channels, info.sample_rate) == (1, 2_000)
    with pytest.raises(TableError, match="sample rate is not known"):
        audio_info(path)


def test_times_without_a_unit_that_give_no_usual_rate(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", np.arange(5_000) / 20)
    with pytest.raises(TableError, match="its column 'time' gives 20 Hz, in seconds unless"):
        audio_info(path)
    assert audio_info(path, table=TableSettings(rate=20_000)).channels == 1


def test_a_single_column_that_increases_is_a_signal(tmp_path: Path) -> None:
    np.savetxt(tmp_path / "a.csv", np.arange(5_000) / 1000)
    assert np.array_equal(
        read_audio(tmp_path / "a.csv", table=TableSettings(rate=1000)).samples,
        (np.arange(5_000) / 1000).astype(np.float32),
    )


def test_names_of_signals_that_contain_time(tmp_path: Path) -> None:
    header = "X097_DE_time,X097_FE_time"
    table = np.column_stack([SIGNAL, SIGNAL[::-1]])
    np.savetxt(tmp_path / "a.csv", table, fmt="%.4f", delimiter=",", header=header, comments="")
    assert audio_info(tmp_path / "a.csv", table=TableSettings(rate=1000)).channels == 2


def test_a_column_of_times_that_is_named_is_a_signal(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", np.arange(5_000) / 1000)
    waveform = read_audio(path, table=TableSettings(rate=1000, columns=("time",)))
    assert waveform.samples[-1] == np.float32(4.999)
