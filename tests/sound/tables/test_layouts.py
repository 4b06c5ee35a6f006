"""Files in the layouts of public data sets of bearings, written here with known values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from auscult.errors import TableError
from auscult.sound import audio_info, read_audio
from auscult.sound.tables import TableSettings

RNG = np.random.default_rng(5)


def noise(*shape: int) -> np.ndarray:
    """Values with six decimals, as in the text files of these data sets."""
    return np.round(RNG.standard_normal(shape), 6)


def check(path: Path, settings: TableSettings | None, rate: int, *channels: np.ndarray) -> None:
    info = audio_info(path, table=settings)
    assert (info.sample_rate, info.channels) == (rate, len(channels))
    assert info.seconds == len(channels[0]) / rate
    for i, expected in enumerate(channels):
        assert np.array_equal(
            read_audio(path, channel=i, table=settings).samples, expected.astype(np.float32)
        )


def test_cwru(tmp_path: Path) -> None:
    """MATLAB 5; a variable for each sensor whose name begins with the number of the file; no rate."""
    drive_end, fan_end = noise(12_000, 1), noise(12_000, 1)
    path = tmp_path / "97.mat"
    savemat(path, {"X097_DE_time": drive_end, "X097_FE_time": fan_end, "X097RPM": [[1797]]})
    check(path, TableSettings(12_000), 12_000, drive_end[:, 0], fan_end[:, 0])
    check(path, TableSettings(12_000, ("*_FE_time",)), 12_000, fan_end[:, 0])
    with pytest.raises(TableError, match=r"no column '\*_BA_time'; there are 0 X097_DE_time, 1 X097_FE_time"):
        read_audio(path, table=TableSettings(12_000, ("*_BA_time",)))
    with pytest.raises(TableError, match=r"its sample rate is not known.*rate=HZ"):
        read_audio(path)


def test_mfpt(tmp_path: Path) -> None:
    """MATLAB 5; a struct with the signal and its rate; ``rate`` is that of the shaft."""
    acceleration = noise(50_000, 1)
    bearing = {"sr": 97_656.0, "gs": acceleration, "load": 270.0, "rate": 25.0}
    savemat(tmp_path / "baseline_1.mat", {"bearing": bearing})
    check(tmp_path / "baseline_1.mat", None, 97_656, acceleration[:, 0])
    for name in ("bearing.gs", "gs", "bearing"):
        check(tmp_path / "baseline_1.mat", TableSettings(columns=(name,)), 97_656, acceleration[:, 0])


@pytest.mark.parametrize("version", ["5", "7.3"])
def test_paderborn(tmp_path: Path, version: str) -> None:
    """A struct of lists of structs with name and values, of several rates; the times are in another list."""
    fast, slow = np.arange(64_000) / 64_000, np.arange(4_000) / 4_000
    current, vibration, force = noise(64_000), noise(64_000), noise(4_000)
    signals = {"force": (force, "Mech_4kHz"), "phase_current_1": (current, "HostService")}
    signals["vibration_1"] = (vibration, "HostService")
    times = {"Mech_4kHz": slow, "HostService": fast}
    path = tmp_path / "N09_M07_F10_K001_1.mat"
    (_paderborn_5 if version == "5" else _paderborn_7_3)(path, signals, times)
    check(path, TableSettings(columns=("vibration_1",)), 64_000, vibration)
    check(path, TableSettings(columns=("Y.force",)), 4_000, force)
    check(path, TableSettings(columns=("phase_current_*", "vibration_1")), 64_000, current, vibration)
    with pytest.raises(TableError, match=r"different lengths: .*Y\.force \(4,000 values\).*columns="):
        read_audio(path)


def _paderborn_5(path: Path, signals: dict, times: dict) -> None:
    kinds = [("Name", object), ("Type", object), ("Data", object), ("Raster", object)]
    y = np.empty((1, len(signals)), dtype=kinds)
    for i, (name, (values, raster)) in enumerate(signals.items()):
        y[0, i] = (name, "double", values[None, :], raster)
    x = np.empty((1, len(times)), dtype=[("Name", object), ("Data", object)])
    for i, (raster, seconds) in enumerate(times.items()):
        x[0, i] = (raster, seconds[None, :])
    savemat(path, {path.stem: {"Info": {"Comment": "test"}, "X": x, "Y": y, "Description": {"General": "x"}}})


def _paderborn_7_3(path: Path, signals: dict, times: dict) -> None:
    import h5py

    with h5py.File(path, "w", userblock_size=512) as file:
        store = file.create_group("#refs#")
        root = file.create_group(path.stem)

        def reference(values: object) -> object:
            name = f"r{len(store)}"
            if isinstance(values, str):
                store[name] = np.array([[ord(letter)] for letter in values], np.uint16)
                store[name].attrs["MATLAB_class"] = np.bytes_("char")
            else:
                store[name] = np.asarray(values)[:, None]
            return store[name].ref

        def structs(name: str, **fields: list) -> None:
            group = root.create_group(name)
            for key, values in fields.items():
                group[key] = np.array([[reference(v)] for v in values], dtype=h5py.ref_dtype)

        structs("X", Name=list(times), Data=list(times.values()))
        structs("Y", Name=list(signals), Data=[values for values, _ in signals.values()])
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file, Platform: PCWIN64".ljust(124) + b"\x00\x02IM")


def test_ims(tmp_path: Path) -> None:
    """Text without header, separated by tabs; the name is a time, so that the extension is ``.24``."""
    values = noise(20_480, 8)
    path = tmp_path / "2003.10.22.12.06.24"
    np.savetxt(path, values, fmt="%.6f", delimiter="\t")
    check(path, TableSettings(20_000), 20_000, *values.T)
    check(path, TableSettings(20_000, ("4", "5")), 20_000, values[:, 4], values[:, 5])


def test_xjtu_sy(tmp_path: Path) -> None:
    """CSV with names of two columns."""
    values = noise(32_768, 2)
    header = "Horizontal_vibration_signals,Vertical_vibration_signals"
    np.savetxt(tmp_path / "1.csv", values, fmt="%.6f", delimiter=",", header=header, comments="")
    check(tmp_path / "1.csv", TableSettings(25_600), 25_600, *values.T)
    assert audio_info(tmp_path / "1.csv", table=TableSettings(25_600)).channel_names == tuple(
        header.split(",")
    )
    check(tmp_path / "1.csv", TableSettings(25_600, ("Vert*",)), 25_600, values[:, 1])


@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("start", [65_664, 950_000])
def test_pronostia(tmp_path: Path, separator: str, start: int) -> None:
    """CSV without header: hour, minute, second, microsecond, and two accelerations; 0.1 s at 25.6 kHz."""
    values = noise(2_560, 2)
    microseconds = start + np.floor(np.arange(2_560) * 1e6 / 25_600).astype(int)
    seconds = 39 + microseconds // 1_000_000
    clock = np.column_stack([np.full(2_560, 9), np.full(2_560, 39), seconds, microseconds % 1_000_000])
    formats = ["%d", "%d", "%d", "%.5e" if separator == ";" else "%d", "%.6f", "%.6f"]
    table = np.column_stack([clock, values])
    np.savetxt(tmp_path / "acc_00001.csv", table, fmt=formats, delimiter=separator)
    check(tmp_path / "acc_00001.csv", None, 25_600, *values.T)
    check(tmp_path / "acc_00001.csv", TableSettings(columns=("5",)), 25_600, values[:, 1])


def test_pronostia_temperatures_are_no_vibration(tmp_path: Path) -> None:
    clock = np.column_stack(
        [np.full(600, 9), np.full(600, 39), 10 + np.arange(600) // 10, np.arange(600) % 10]
    )
    np.savetxt(tmp_path / "temp_00001.csv", np.column_stack([clock, noise(600)]), fmt="%.6g", delimiter=",")
    with pytest.raises(TableError, match="sample rate is not known"):
        read_audio(tmp_path / "temp_00001.csv")


def test_hit(tmp_path: Path) -> None:
    """An array of recordings × channels × values, in one file."""
    values = noise(5, 8, 20_480)
    np.save(tmp_path / "data1.npy", values)
    settings = TableSettings(25_000, ("2", "5"))
    check(tmp_path / "data1.npy", settings, 25_000, values[:, 2].ravel(), values[:, 5].ravel())
    (note,) = read_audio(tmp_path / "data1.npy", table=settings).notes
    assert "5 recordings of 20480 values each" in note.message
    assert "window=" in note.message


def test_labview(tmp_path: Path) -> None:
    """A description before the data, and decimal commas."""
    lines = ["LabVIEW Measurement", "Separator\tTab", "Time\t12:35:12,5", "***End_of_Header***", ""]
    lines += ["X_Value\tacc\tComment"]
    values = noise(4_000)
    lines += [f"{i / 8000:.6f}\t{value:.6f}\t".replace(".", ",") for i, value in enumerate(values)]
    (tmp_path / "a.lvm").write_text("\r\n".join(lines) + "\r\n")
    check(tmp_path / "a.lvm", None, 8_000, values)
    assert audio_info(tmp_path / "a.lvm").channel_names == ("acc",)


def test_oscilloscope(tmp_path: Path) -> None:
    """Names and units in two lines, an empty line below them, and times in milliseconds."""
    values = noise(4_000, 2)
    lines = ["Time,Channel A,Channel B", "(ms),(V),(V)", ""]
    lines += [f"{i / 8:.5f},{a:.6f},{b:.6f}" for i, (a, b) in enumerate(values)]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    check(tmp_path / "a.csv", None, 8_000, *values.T)
    assert audio_info(tmp_path / "a.csv").channel_names == ("Channel A", "Channel B")
