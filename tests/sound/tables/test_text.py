"""Text files: dialects, headers, damaged files, and many odd inputs."""

from __future__ import annotations

import gzip
import string
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from auscult.errors import AudioError, NonFiniteAudio, TableError
from auscult.sound import audio_info, read_audio
from auscult.sound.tables import TableSettings
from auscult.sound.tables.kinds import table_kind
from auscult.sound.tables.text_dialect import find_dialect

AT_RATE = TableSettings(rate=1000)
VALUES = np.round(np.random.default_rng(7).standard_normal((2000, 2)), 6)


def lines(separator: str = ",", header: str = "acc_h,acc_v") -> list[str]:
    return [header, *(separator.join(f"{v:.6f}" for v in row) for row in VALUES)]


def write(path: Path, content: list[str], end: str = "\n", encoding: str = "utf-8") -> Path:
    path.write_bytes((end.join(content) + end).encode(encoding))
    return path


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_line_ends_and_encodings(tmp_path: Path, end: str, encoding: str) -> None:
    path = write(tmp_path / "a.csv", lines(header="Beschleunigung h [m/s²],µ"), end, encoding)
    assert np.array_equal(read_audio(path, table=AT_RATE).samples, VALUES[:, 0].astype(np.float32))
    names = audio_info(path, table=AT_RATE).channel_names
    assert names == ("Beschleunigung h [m/s²]", "µ")


@pytest.mark.parametrize("tail", ["", "\n", "\n\n\n", "\n \n"])
def test_empty_lines_at_the_end(tmp_path: Path, tail: str) -> None:
    (tmp_path / "a.csv").write_text("\n".join(lines()) + tail)
    assert audio_info(tmp_path / "a.csv", table=AT_RATE).seconds == 2.0
    assert len(read_audio(tmp_path / "a.csv", table=AT_RATE).samples) == 2000


@pytest.mark.parametrize(
    ("text", "separator", "decimal", "numeric", "names"),
    [
        ("a;b\n1,5;2,5\n1;3", ";", ",", (0, 1), ("a", "b")),
        ("1.5\t2\n1e-3\t-3", "\t", ".", (0, 1), ()),
        ("# t acc\n0 1.5\n1 2.5", None, ".", (0, 1), ("t", "acc")),
        ("  1.5   2\n  1   3", None, ".", (0, 1), ()),
        ('"a","b"\n"1.5","2"\n"1","3"', ",", ".", (0, 1), ("a", "b")),
        ("time,state,acc\n1,ok,2\n2,ok,3", ",", ".", (0, 2), ("time", "state", "acc")),
        ("acc\n1,5\n-2,75\n0,5", None, ",", (0,), ("acc",)),
        ("0,05\n1,5\n-2,75", None, ",", (0,), ()),
        ("1,5\n1,6\n2,7", ",", ".", (0, 1), ()),
        ("a|b\n1|2\n3|4", "|", ".", (0, 1), ("a", "b")),
        ("1,2,\n3,4,\n5,6,", ",", ".", (0, 1), ()),
        ("a, b\n1, 2\n3, 4", ",", ".", (0, 1), ("a", "b")),
        ("Model,X\nGain,5\n\nt,v\ns,V\n1.5,2\n1,3\n1,4\n1,4\n1,3\n1,4", ",", ".", (0, 1), ("t", "v")),
    ],
)
def test_dialects(text: str, separator: str | None, decimal: str, numeric: tuple, names: tuple) -> None:
    dialect = find_dialect(text.split("\n"))
    assert dialect is not None
    assert (dialect.separator, dialect.decimal) == (separator, decimal)
    assert (dialect.numeric, dialect.names) == (numeric, names)


@pytest.mark.parametrize("text", ["", "\n\n", "words in\na file", "a,b\nc,d", '"1,5","2,5"\n"3,5","4,5"'])
def test_no_table(text: str) -> None:
    assert find_dialect(text.split("\n")) is None


@pytest.mark.parametrize(
    ("line", "text", "message"),
    [
        (500, "1.0,x", "line 501, column 'acc_v': 'x' is not a number"),
        (500, "1.0,", "line 501, column 'acc_v': the cell is empty"),
        (1999, "1.0", "line 2000 has 1 cells instead of 2"),
        (500, "1.0,2.0,3.0", "line 501 has 3 cells instead of 2"),
        (500, "", "line 501 is empty"),
        (500, "1.0,1_000", "line 501, column 'acc_v': '1_000' is not a number"),
        (500, "1.0,0x10", "line 501, column 'acc_v': '0x10' is not a number"),
        (1, "0.5,x1", "line 2: 'x1' is not a number"),
    ],
)
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_errors_name_line_and_column(tmp_path: Path, line: int, text: str, message: str, suffix: str) -> None:
    content = lines()
    content[line] = text
    data = "\n".join(content).encode()
    path = tmp_path / f"a{suffix}"
    path.write_bytes(gzip.compress(data) if suffix == ".csv.gz" else data)
    settings = TableSettings(rate=1000, columns=("1",))
    with pytest.raises(TableError) as caught:
        read_audio(path, table=settings)
    assert message in str(caught.value)
    assert caught.value.path == str(path)
    assert caught.value.line == line + 1


def test_an_error_can_be_pickled() -> None:
    import pickle

    error = pickle.loads(pickle.dumps(TableError("a.csv", "reason", 5, "acc")))
    assert (str(error), error.line, error.column) == ("a.csv: reason", 5, "acc")


def test_a_column_that_is_not_read_may_hold_texts(tmp_path: Path) -> None:
    content = [f"{line},running" for line in lines(header="acc_h,acc_v,state")]
    content[0] = "acc_h,acc_v,state"
    content[700] = content[700].replace("running", "")
    path = write(tmp_path / "a.csv", content)
    assert np.array_equal(read_audio(path, channel=1, table=AT_RATE).samples, VALUES[:, 1].astype(np.float32))


@pytest.mark.parametrize(
    "text",
    ["", "a,b\n", "path,condition\nx.wav,normal\n", "a\nb\nc\n", "\n\n\n", "1,2\n", "\0\0\0", "%PDF-1.4\n\n"],
)
def test_what_is_no_signal_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(AudioError):
        audio_info(tmp_path / "a.csv")
    with pytest.raises(AudioError):
        read_audio(tmp_path / "a.csv")


def test_decimal_commas_that_begin_late_are_an_error(tmp_path: Path) -> None:
    content = ["acc"] + ["1"] * 40_000 + ["1,5"]
    with pytest.raises(TableError, match="line 40002"):
        read_audio(write(tmp_path / "a.csv", content), table=AT_RATE)


def _damaged_table(rng: np.random.Generator) -> bytes:
    """A table of numbers that was damaged, or something else."""
    separator = rng.choice([",", ";", "\t", " ", "|"])
    rows = [separator.join(f"{v:.4g}" for v in rng.standard_normal(rng.integers(1, 6))) for _ in range(60)]
    if rng.random() < 0.5:
        width = rows[0].count(separator) + 1
        rows = [separator.join(f"{v:.4g}" for v in rng.standard_normal(width)) for _ in range(60)]
    text = "\n".join(rows)
    for _ in range(rng.integers(0, 6)):
        at = int(rng.integers(0, len(text)))
        pieces = ["", "\n", "\r", '"', separator * 3, "nan", "inf", "1e999", "-", "٣", "½", "\0", "x,y", "#"]
        piece = (
            str(rng.choice(pieces)) if rng.random() < 0.8 else "".join(rng.choice(list(string.printable), 5))
        )
        text = text[:at] + piece + text[at + int(rng.integers(0, 4)) :]
    data = text.encode(str(rng.choice(["utf-8", "utf-16", "utf-8-sig", "utf-32"])))
    if rng.random() < 0.2:
        data = gzip.compress(data)
        data = data[: int(rng.integers(1, len(data) + 1))] if rng.random() < 0.5 else data
    return data


@pytest.mark.parametrize("seed", range(0, 600, 50))
def test_damaged_files_are_read_or_refused(tmp_path: Path, seed: int) -> None:
    """A file gives finite samples, as many as it has lines, or an `AudioError`; nothing else is raised."""
    outcomes = set()
    for number in range(seed, seed + 50):
        rng = np.random.default_rng(number)
        path = tmp_path / str(rng.choice(["a.csv", "a.txt", "a", "a.tsv", "2003.10.22", "a.csv.gz"]))
        path.write_bytes(_damaged_table(rng))
        settings = TableSettings(rate=1000, columns=("0",) if rng.random() < 0.3 else ())
        outcome = "refused"
        with suppress(AudioError):
            info = audio_info(path, table=settings)
            waveform = read_audio(path, table=settings)
            assert table_kind(str(path)) == "text"
            assert np.isfinite(waveform.samples).all()
            assert len(waveform.samples) == round((info.seconds or 0.0) * 1000)
            outcome = "read"
        outcomes.add(outcome)
        path.unlink()
    assert outcomes == {"refused", "read"}


def test_a_line_is_never_skipped(tmp_path: Path) -> None:
    """Whatever one changed line holds, the file is refused, or has a sample for every line."""
    rng = np.random.default_rng(11)
    content = lines()
    for piece in [
        "#",
        "%1,2",
        '"',
        '1","2',
        "1.0,2.0,",
        "NaN,1",
        " ",
        "\t",
        "\x0c",
        "\x1c",
        "\x85",
        "1\x002,3",
    ]:
        changed = list(content)
        changed[int(rng.integers(2, 2000))] = piece
        path = write(tmp_path / "a.csv", changed)
        with pytest.raises((TableError, NonFiniteAudio)):
            read_audio(path, table=AT_RATE)
