"""Every format, written by its own library, is read back equal: values, rate, names and length."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from auscult.errors import AudioError, NonFiniteAudio, TableError
from auscult.sound import audio_info, read_audio, stream_audio
from auscult.sound.section import read_section
from auscult.sound.tables import TableSettings

RATE, SAMPLES = 20_000, 150_001  # more than one block
Write = Callable[[Path, np.ndarray], None]
#: Single precision, so that what is read must be equal bit for bit.
SIGNALS = np.random.default_rng(3).standard_normal((SAMPLES, 2)).astype(np.float32) * np.float32(9.81)
TIMES = np.arange(SAMPLES) / RATE


def csv(separator: str, decimal: str = ".", *, header: str = "", times: bool = True) -> Write:
    def write(path: Path, signals: np.ndarray) -> None:
        columns = np.column_stack([TIMES, signals]) if times else signals
        formats = ["%.6f", *["%.9g"] * 2] if times else ["%.9g"] * 2
        np.savetxt(path, columns, fmt=formats, delimiter=separator, header=header, comments="")
        if decimal == ",":
            path.write_text(path.read_text().replace(".", ","))

    return write


def npy(path: Path, signals: np.ndarray) -> None:
    np.save(path, signals)


def npy_by_rows(path: Path, signals: np.ndarray) -> None:
    np.save(path, np.asfortranarray(signals.T))


def npz(path: Path, signals: np.ndarray) -> None:
    np.savez_compressed(path, acc_h=signals[:, 0], acc_v=signals[:, 1], fs=RATE, machine=np.array("fan"))


def records(path: Path, signals: np.ndarray) -> None:
    np.save(path, np.rec.fromarrays([TIMES, *signals.T], names="time,acc_h,acc_v"))


def mat(path: Path, signals: np.ndarray) -> None:
    from scipy.io import savemat

    content = {"fs": float(RATE), "acc_h": signals[:, :1], "acc_v": signals[:, 1], "unit": "m/s^2"}
    savemat(path, content, do_compression=True)


def mat_of_version_4(path: Path, signals: np.ndarray) -> None:
    from scipy.io import savemat

    content = {"fs": float(RATE), "acc_h": signals[:, 0].astype(float), "acc_v": signals[:, 1].astype(float)}
    savemat(path, content, format="4")


def mat_of_version_7_3(path: Path, signals: np.ndarray) -> None:
    """As MATLAB writes it: a header of 512 bytes, arrays transposed, texts as numbers of characters."""
    import h5py

    with h5py.File(path, "w", userblock_size=512) as file:
        file["fs"] = np.array([[float(RATE)]])
        file["acc_h"], file["acc_v"] = signals[None, :, 0], signals[None, :, 1]
        file["unit"] = np.array([[ord(letter)] for letter in "g"], np.uint16)
        file["unit"].attrs["MATLAB_class"] = np.bytes_("char")
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")


def hdf5(path: Path, signals: np.ndarray) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        group = file.create_group("run 1")
        group.attrs["sampling_rate"] = RATE
        for name, values in zip(("acc_h", "acc_v"), signals.T, strict=True):
            group.create_dataset(name, data=values, compression="gzip", chunks=(100,))
        file["itself"] = h5py.SoftLink("/")
        group["elsewhere"] = h5py.ExternalLink("/nowhere.h5", "/acc")


def hdf5_with_attributes_of_the_array(path: Path, signals: np.ndarray) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file["acc"] = signals
        file["acc"].attrs["dt"] = 1.0 / RATE


def parquet(path: Path, signals: np.ndarray) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = pa.table(
        {"time": TIMES, "acc_h": signals[:, 0], "acc_v": signals[:, 1], "state": ["ok"] * SAMPLES}
    )
    pq.write_table(content, path)


def parquet_with_dates(path: Path, signals: np.ndarray) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    start = np.datetime64("2026-03-29T01:59:58.123456", "ns")
    dates = start + np.round(TIMES * 1e9).astype("timedelta64[ns]")
    pq.write_table(pa.table({"when": dates, "acc_h": signals[:, 0], "acc_v": signals[:, 1]}), path)


def feather(path: Path, signals: np.ndarray) -> None:
    import pyarrow as pa
    from pyarrow import feather

    feather.write_feather(pa.table({"time": TIMES, "acc_h": signals[:, 0], "acc_v": signals[:, 1]}), path)


def tdms(path: Path, signals: np.ndarray) -> None:
    from nptdms import ChannelObject, RootObject, TdmsWriter

    properties = {"wf_increment": 1.0 / RATE, "unit_string": "g"}
    with TdmsWriter(path) as writer:
        for part in np.array_split(signals, 3):  # segments, as while recording
            channels = [
                ChannelObject("acceleration", name, values, properties)
                for name, values in zip(("acc_h", "acc_v"), part.T, strict=True)
            ]
            writer.write_segment([RootObject({"operator": "A"}), *channels])


def uff(binary: bool) -> Write:
    def write(path: Path, signals: np.ndarray) -> None:
        import pyuff

        file = pyuff.UFF(str(path))
        for node, values in enumerate(signals.T.astype(np.float64), start=1):
            signal = {
                "type": 58,
                "binary": int(binary),
                "func_type": 1,
                "data": values,
                "x": TIMES,
                "abscissa_spacing": 1,
                "abscissa_inc": 1.0 / RATE,
                "rsp_node": node,
                "rsp_dir": 3,
                "ref_node": 0,
                "ref_dir": 0,
                "orddenom_spec_data_type": 0,
                "ordinate_axis_units_lab": "g",
            }
            file.write_sets(signal, mode="add")

    return write


HEADER = "time,acc_h,acc_v"
WRITERS: dict[str, tuple[Write, TableSettings | None, tuple[str, ...]]] = {
    "comma.csv": (csv(",", header=HEADER), None, ("acc_h", "acc_v")),
    "comma.csv.gz": (csv(",", header=HEADER), None, ("acc_h", "acc_v")),
    "tabs.tsv": (csv("\t", header=HEADER.replace(",", "\t")), None, ("acc_h", "acc_v")),
    "spaces.txt": (csv(" "), None, ()),
    "german.csv": (csv(";", ",", header="Zeit [s];acc_h;acc_v"), None, ("acc_h", "acc_v")),
    "no_header.csv": (csv(","), None, ()),
    "no_times.csv": (csv(",", times=False), TableSettings(rate=RATE), ()),
    "a.npy": (npy, TableSettings(rate=RATE), ()),
    "rows.npy": (npy_by_rows, TableSettings(rate=RATE), ()),
    "records.npy": (records, None, ("acc_h", "acc_v")),
    "a.npz": (npz, None, ("acc_h", "acc_v")),
    "a.mat": (mat, None, ("acc_h", "acc_v")),
    "v4.mat": (mat_of_version_4, None, ("acc_h", "acc_v")),
    "v73.mat": (mat_of_version_7_3, None, ("acc_h", "acc_v")),
    "a.h5": (hdf5, None, ("run 1/acc_h", "run 1/acc_v")),
    "array.hdf5": (hdf5_with_attributes_of_the_array, None, ("acc/0", "acc/1")),
    "a.parquet": (parquet, None, ("acc_h", "acc_v")),
    "dates.parquet": (parquet_with_dates, None, ("acc_h", "acc_v")),
    "a.feather": (feather, None, ("acc_h", "acc_v")),
    "a.tdms": (tdms, None, ("acceleration/acc_h", "acceleration/acc_v")),
    "text.uff": (uff(binary=False), None, ("1+Z", "2+Z")),
    "binary.unv": (uff(binary=True), None, ("1+Z", "2+Z")),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    for name, (write, _, _) in WRITERS.items():
        write(folder / name, SIGNALS)
    return folder


@pytest.mark.parametrize("name", WRITERS)
def test_values_rate_names_and_length(folder: Path, name: str) -> None:
    _, settings, names = WRITERS[name]
    info = audio_info(folder / name, table=settings)
    assert (info.sample_rate, info.channels, info.channel_names) == (RATE, 2, names)
    assert info.seconds == SAMPLES / RATE
    for channel in (0, 1):
        waveform = read_audio(folder / name, channel=channel, table=settings)
        assert waveform.samples.dtype == np.float32
        assert np.array_equal(waveform.samples, SIGNALS[:, channel])
        assert (waveform.sample_rate, waveform.channels, waveform.channel_names) == (RATE, 2, names)


@pytest.mark.parametrize("name", ["comma.csv", "a.npy", "a.tdms", "a.parquet"])
def test_windows_and_sections(folder: Path, name: str) -> None:
    settings = WRITERS[name][1]
    windows = [
        w.waveform.samples for w in stream_audio(folder / name, seconds=1.7, channel=1, table=settings)
    ]
    assert np.array_equal(np.concatenate(windows), SIGNALS[: sum(map(len, windows)), 1])
    section = read_section(folder / name, 2.0, 1.0, channel=1, table=settings)
    assert np.array_equal(section.samples, SIGNALS[2 * RATE : 3 * RATE, 1])


@pytest.mark.parametrize("name", ["comma.csv", "a.npz", "a.mat", "v73.mat", "a.h5", "a.parquet", "a.tdms"])
def test_columns_by_name_number_and_pattern(folder: Path, name: str) -> None:
    number = str(list(audio_info(folder / name).channel_names).index(_second(folder / name)))
    for column in ("acc_v", "*_v", "ACC_V"):
        waveform = read_audio(folder / name, table=TableSettings(columns=(column,)))
        assert np.array_equal(waveform.samples, SIGNALS[:, 1])
        assert waveform.channels == 1
    both = audio_info(folder / name, table=TableSettings(columns=("acc_v", "acc_h")))
    assert [n.split("/")[-1] for n in both.channel_names] == ["acc_v", "acc_h"]
    assert number == "1"


def _second(path: Path) -> str:
    return audio_info(path).channel_names[1]


def test_scale_is_applied_in_double_precision(folder: Path) -> None:
    waveform = read_audio(folder / "a.npz", table=TableSettings(scale=1 / 9.81))
    assert np.array_equal(
        waveform.samples, (SIGNALS[:, 0].astype(np.float64) * (1 / 9.81)).astype(np.float32)
    )


def test_a_stated_rate_comes_before_that_of_the_file(folder: Path) -> None:
    stated, default = TableSettings(rate=12_000), TableSettings(default=TableSettings(rate=12_000))
    assert audio_info(folder / "a.tdms", table=stated).sample_rate == 12_000
    assert audio_info(folder / "a.tdms", table=default).sample_rate == RATE
    assert audio_info(folder / "no_times.csv", table=default).sample_rate == 12_000


def test_integers_keep_their_values(tmp_path: Path) -> None:
    counts = np.random.default_rng(1).integers(-30_000, 30_000, 5000).astype(np.int16)
    np.save(tmp_path / "counts.npy", counts)
    waveform = read_audio(tmp_path / "counts.npy", table=TableSettings(rate=RATE))
    assert np.array_equal(waveform.samples, counts.astype(np.float32))


def test_mat_of_libsndfile_is_audio(tmp_path: Path) -> None:
    import soundfile

    for format in ("MAT4", "MAT5"):
        path = tmp_path / f"{format}.mat"
        soundfile.write(path, SIGNALS[:5000, 0] / 100, RATE, format=format)
        assert audio_info(path).format == format


def test_audio_with_the_extension_of_a_table_is_audio(tmp_path: Path) -> None:
    import soundfile

    soundfile.write(tmp_path / "a.wav", SIGNALS[:5000, 0] / 100, RATE)
    (tmp_path / "a.wav").rename(tmp_path / "a.dat")
    assert audio_info(tmp_path / "a.dat").format == "WAV"


def test_nan_is_refused_and_located(tmp_path: Path) -> None:
    values = SIGNALS[:1000, 0].copy()
    values[500] = np.nan
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(NonFiniteAudio, match=r"at 0\.025 s"):
        read_audio(tmp_path / "a.npy", table=TableSettings(rate=RATE))
    np.savetxt(tmp_path / "a.csv", values, header="acc", comments="")
    with pytest.raises(NonFiniteAudio, match="line 502, column 'acc': the value is nan"):
        read_audio(tmp_path / "a.csv", table=TableSettings(rate=RATE))


def test_missing_values_of_parquet_are_located(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"acc": [1.0, 2.0, None, 4.0] * 100}), tmp_path / "a.parquet")
    with pytest.raises(NonFiniteAudio, match="row 3, column 'acc' has no value"):
        read_audio(tmp_path / "a.parquet", table=TableSettings(rate=RATE))


@pytest.mark.parametrize(
    "name", [name for name in WRITERS if not name.endswith((".csv", ".tsv", ".txt", ".uff"))]
)
def test_truncated_files_are_refused_or_shorter_never_wrong(folder: Path, tmp_path: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    for share in (0.02, 0.3, 0.7, 0.99):
        path = tmp_path / name
        path.write_bytes(content[: int(share * len(content))])
        samples = None
        with suppress(TableError):
            samples = read_audio(path, table=WRITERS[name][1]).samples
        assert samples is None or len(samples) < SAMPLES
        assert samples is None or np.array_equal(samples, SIGNALS[: len(samples), 0])


def test_gzip_of_any_level_and_several_members(folder: Path, tmp_path: Path) -> None:
    text = (folder / "comma.csv").read_bytes()
    half = len(text) // 2
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text[:half], 1) + gzip.compress(text[half:], 9))
    assert np.array_equal(read_audio(tmp_path / "a.csv.gz").samples, SIGNALS[:, 0])


@pytest.mark.parametrize(
    "name", [name for name in WRITERS if not name.endswith((".csv", ".tsv", ".txt", ".gz"))]
)
def test_files_with_wrong_bytes_are_read_or_refused(tmp_path: Path, name: str, monkeypatch) -> None:
    """Whatever the bytes, nothing but an `AudioError` is raised."""
    monkeypatch.setattr(sys.modules[__name__], "TIMES", TIMES[:500])
    monkeypatch.setattr(sys.modules[__name__], "SAMPLES", 500)
    WRITERS[name][0](tmp_path / name, SIGNALS[:500])
    content = (tmp_path / name).read_bytes()
    outcomes = set()
    for seed in range(60):
        rng = np.random.default_rng(seed)
        changed = bytearray(content)
        for at in rng.integers(
            0, len(content) if seed % 2 else min(2000, len(content)), rng.choice([1, 5, 30])
        ):
            changed[at] = rng.integers(256)
        (tmp_path / name).write_bytes(bytes(changed))
        outcome = "refused"
        with suppress(AudioError):
            info = audio_info(tmp_path / name, table=WRITERS[name][1])
            samples = read_audio(tmp_path / name, table=WRITERS[name][1]).samples
            outcome = (
                "read" if len(samples) == round((info.seconds or 0) * info.sample_rate) else "other length"
            )
        outcomes.add(outcome)
    assert "refused" in outcomes
    assert outcomes <= {"refused", "read"}
