"""CSV manifests."""

from __future__ import annotations

from pathlib import Path

import pytest

from auscult.corpus import open_corpus
from auscult.corpus.findings import opening_findings
from auscult.corpus.manifest import read_manifest
from auscult.errors import CorpusError
from auscult.sound.tables import TableSettings
from auscult.sound.tables.own_files import consists_of_words


def manifest(
    folder: Path, text: str, *, encoding: str = "utf-8", files: tuple[str, ...] = ("a.wav", "b.wav")
) -> Path:
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    path = folder / "list.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_all_columns(tmp_path: Path) -> None:
    path = manifest(
        tmp_path,
        "Path, condition ,machine,section,domain,split,attributes,recording,remark\n"
        "a.wav,normal,fan,00,source,train,speed=3;load=0.5,monday,quiet\n"
        "sub/b.wav,Abnormal,pump,01,TARGET,test,speed_3_load_0.5,,\n",
        files=("a.wav", "sub/b.wav"),
    )
    first, second = open_corpus(path)
    assert (first.path, first.condition, first.machine) == (str(tmp_path / "a.wav"), "normal", "fan")
    assert (first.section, first.domain, first.split, first.source_recording) == (
        "00",
        "source",
        "train",
        "monday",
    )
    assert (first.attributes, first.raw_attributes) == ({"speed": "3", "load": "0.5"}, "speed=3;load=0.5")
    assert (second.condition, second.domain, second.split, second.source_recording) == (
        "anomaly",
        "target",
        "test",
        None,
    )
    assert second.attributes == first.attributes
    assert open_corpus(path).unused_columns == {"remark": "quiet"}


@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_dialects(tmp_path: Path, delimiter: str, newline: str, encoding: str) -> None:
    lines = ["path,condition".replace(",", delimiter), f'"a.wav"{delimiter}1', "", f"b.wav{delimiter}", ""]
    corpus = read_manifest(manifest(tmp_path, newline.join(lines), encoding=encoding))
    assert [c.condition for c in corpus] == ["anomaly", None]


def test_quoted_attributes_with_semicolon_delimiter(tmp_path: Path) -> None:
    path = manifest(tmp_path, 'path;attributes\na.wav;"speed=3;rec=7"\n')
    clip = read_manifest(path)[0]
    assert (clip.attributes, clip.source_recording) == ({"speed": "3", "rec": "7"}, "7")


def test_file_names_fill_empty_cells_only(tmp_path: Path) -> None:
    name = "fan/test/section_00_source_test_anomaly_0000_vel_15.wav"
    path = manifest(tmp_path, f"path,condition\n{name},\n{name},normal\n", files=(name,))
    first, second = read_manifest(path)
    assert (first.machine, first.split, first.domain, first.condition) == ("fan", "test", "source", "anomaly")
    assert (second.condition, second.attributes) == ("normal", {"vel": "15"})


def test_paths_are_relative_to_the_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = manifest(tmp_path, f"path\na.wav\n{tmp_path / 'b.wav'}\n")
    assert [c.path for c in read_manifest(path)] == [str(tmp_path / "a.wav"), str(tmp_path / "b.wav")]
    monkeypatch.chdir(tmp_path)
    assert read_manifest("list.csv")[0].path == "a.wav"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("path,condition\n", "no recordings"),
        ("file,condition\na.wav,normal\n", "needs a column 'path'"),
        ("path,conditon\na.wav,normal\n", "'conditon'; did you mean 'condition'"),
        ("path,domain,domain\na.wav,source,target\n", "'domain' twice"),
        (
            "path,condition\na.wav,normal\nb.wav,humming\n",
            r"line 3: condition must be one of normal, 0, .*got 'humming'",
        ),
        ("path,domain\n\na.wav,left\n", r"line 3: domain must be one of source, target, got 'left'"),
        ("path,split\na.wav,dev\n", r"line 2: split must be .*got 'dev'"),
        ("path,condition\n,normal\n", "line 2 has no path"),
        ("path,condition\na.wav,normal,x\n", "line 2 has 3 cells, but the header has 2"),
        ("path,attributes\na.wav,speed=3;load\n", r"line 2: attributes must have .*got 'speed=3;load'"),
        ("path,attributes\na.wav,speed=3;speed=4\n", "line 2: attributes"),
        ('path,condition\n"a.wav"x,normal\n', "cannot be read as a CSV manifest"),
    ],
)
def test_errors_give_the_line_number(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(CorpusError, match=message) as caught:
        read_manifest(manifest(tmp_path, text))
    assert caught.value.path == str(tmp_path / "list.csv")


@pytest.mark.parametrize("column", ["label", "Class", "status", "target", "anomaly", "is_faulty", "Zustand"])
def test_a_column_that_looks_like_the_condition_is_refused_unless_conditions_are_stated(
    tmp_path: Path, column: str
) -> None:
    path = manifest(tmp_path, f"path,{column}\na.wav,0\nb.wav,1\n")
    with pytest.raises(
        CorpusError, match=rf"no column 'condition', but '{column.lower()}' looks like it .*ename"
    ):
        open_corpus(path)
    assert [c.condition for c in open_corpus(path, conditions={"b.wav": "anomaly"})] == [None, "anomaly"]
    assert len(open_corpus(path, labels=False)) == 2
    assert len(open_corpus(manifest(tmp_path, f"path,condition,{column}\na.wav,0,1\n"))) == 1


def test_a_column_of_words_about_the_condition_is_refused_under_any_name(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"'remark' looks like it \(values: NOK, ok\)"):
        read_manifest(manifest(tmp_path, "path,remark\na.wav,ok\nb.wav,NOK\n"))
    assert len(read_manifest(manifest(tmp_path, "path,remark\na.wav,bad weather\nb.wav,\n"))) == 2


@pytest.mark.parametrize(
    ("cell", "condition"),
    [
        ("OK", "normal"),
        ("good", "normal"),
        ("pass", "normal"),
        ("Faulty", "anomaly"),
        ("NOK", "anomaly"),
        ("1", "anomaly"),
    ],
)
def test_the_condition_may_be_any_word_of_the_vocabulary(tmp_path: Path, cell: str, condition: str) -> None:
    assert read_manifest(manifest(tmp_path, f"path,condition\na.wav,{cell}\n"))[0].condition == condition


@pytest.mark.parametrize("cell", ["not ok", "n.i.O.", "unknown", "2"])
def test_unclear_conditions_are_errors(tmp_path: Path, cell: str) -> None:
    with pytest.raises(CorpusError, match="line 2: condition must be one of normal, 0, anomaly, 1"):
        read_manifest(manifest(tmp_path, f"path,condition\na.wav,{cell}\n"))


def test_words_in_the_path_fill_an_empty_condition(tmp_path: Path) -> None:
    files = ("faulty/a.wav", "ok/b.wav")
    corpus = read_manifest(manifest(tmp_path, "path,condition\nfaulty/a.wav,\nok/b.wav,\n", files=files))
    assert [c.condition for c in corpus] == ["anomaly", "normal"]
    corpus = read_manifest(manifest(tmp_path, "path,condition\nfaulty/a.wav,normal\n", files=files))
    assert [c.condition for c in corpus] == ["normal"]


def test_all_recordings_missing_is_an_error(tmp_path: Path) -> None:
    rows = "".join(f"missing{i}.wav\n" for i in range(12))
    with pytest.raises(
        CorpusError, match=r"all 12 recordings are missing: line 2: .*missing0\.wav.*and 2 more\. Paths are"
    ):
        read_manifest(manifest(tmp_path, "path\n" + rows))


def test_some_recordings_missing_is_no_error(tmp_path: Path) -> None:
    corpus = read_manifest(manifest(tmp_path, "path\na.wav\nmissing.wav\nb.wav\n"))
    assert [Path(clip.path).name for clip in corpus] == ["a.wav", "missing.wav", "b.wav"]


def test_tabs_and_utf_16(tmp_path: Path) -> None:
    path = manifest(tmp_path, "path\tcondition\na.wav\tOK\n", encoding="utf-16")
    assert [clip.condition for clip in read_manifest(path)] == ["normal"]
    path = manifest(tmp_path, "path,condition\na.wav,störung\n", encoding="latin-1")
    with pytest.raises(CorpusError, match=r"is not in UTF-8: .*save it as CSV in UTF-8"):
        read_manifest(path)


def test_missing_and_binary_manifests(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such manifest"):
        read_manifest(tmp_path / "list.csv")
    (tmp_path / "list.csv").write_bytes(b"path\n\xe4.wav\n")
    with pytest.raises(CorpusError, match="UTF-8"):
        read_manifest(tmp_path / "list.csv")


def test_unused_columns_are_a_finding(tmp_path: Path) -> None:
    path = manifest(tmp_path, "path,rpm,mic\na.wav,1450,m1\nb.wav,1500,m1\n")
    (finding,) = opening_findings(open_corpus(path).for_training())
    assert finding.kind == "unused_columns"
    assert "rpm, mic" in finding.message
    assert "rpm=1450;mic=m1" in finding.message
    assert opening_findings(open_corpus(manifest(tmp_path, "path,machine\na.wav,fan\n"))) == ()


@pytest.mark.parametrize(
    "text",
    [
        "file,machine,state,rpm\na.wav,fan,ok,1450\nb.wav,fan,ok,1450\n",  # mostly words
        "no;rpm;temp;file\n1;1450;21;a.wav\n2;1450;22;b.wav\n",  # names of recordings
        "no,rpm,temp,name\n1,1450,21,one.data\n2,1450,22,one.data\n",  # existing files
    ],
)
def test_a_list_without_the_column_path_is_no_signal(tmp_path: Path, text: str) -> None:
    path = manifest(tmp_path, text, files=("one.data",))
    with pytest.raises(CorpusError, match="needs a column 'path'") as error:
        open_corpus(path)
    for column in text.partition("\n")[0].replace(";", ",").split(","):
        assert repr(column) in str(error.value)


@pytest.mark.parametrize("row", ["2024-05-03,10:00:00.1,0.25", "0.1,0.2,run", "nan,inf,0.5", "T1,0.1,0.2"])
def test_signals_with_some_words_are_no_lists(tmp_path: Path, row: str) -> None:
    path = tmp_path / "signal.csv"
    path.write_text("\n".join(["time,a,b", *[row] * 20]))
    assert not consists_of_words(str(path))


def test_a_list_is_a_signal_if_the_user_says_how_to_read_it(tmp_path: Path) -> None:
    path = tmp_path / "signal.csv"
    path.write_text("\n".join(["name,state,remark,x", *[f"fan,ok,fine,{i}" for i in range(40)]]))
    assert consists_of_words(str(path))
    (clip,) = open_corpus(path, tables=TableSettings(rate=1000.0, columns=("x",)))
    assert clip.table is not None
