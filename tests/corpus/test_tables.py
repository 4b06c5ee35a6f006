"""Tables of vibration signals as recordings: in folders, manifests and by name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult.corpus import AudioClip, Clip, inspect_recordings, machine_folders, open_corpus
from auscult.corpus.files import FolderReport, audio_files, without_extension
from auscult.corpus.fingerprints import fingerprints
from auscult.corpus.machine_search import find_machines
from auscult.errors import CorpusError, OptionError, TableError
from auscult.sound import audio_info
from auscult.sound.tables import TableSettings
from auscult.spectrum import FrontEnd

RATE = 8000
VALUES = np.round(np.random.default_rng(0).standard_normal((4000, 2)), 5)
STATED = TableSettings(rate=RATE)


def csv(path: Path, header: str = "acc_h,acc_v") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, VALUES, fmt="%.5f", delimiter=",", header=header, comments="")
    return path


def names(folder: Path, **options: object) -> list[str]:
    return [Path(path).name for path in audio_files(folder, **options)]  # type: ignore[arg-type]


def test_tables_in_a_folder_are_recordings_only_if_something_is_stated(tmp_path: Path) -> None:
    csv(tmp_path / "a.csv")
    np.save(tmp_path / "b.npy", VALUES)
    soundfile.write(tmp_path / "c.wav", VALUES[:, 0] / 10, RATE)
    assert names(tmp_path) == ["c.wav"]
    assert open_corpus(tmp_path).other_files == {".csv": 1, ".npy": 1}
    for stated in (STATED, TableSettings(columns=("acc_h",)), TableSettings(scale=2.0)):
        assert names(tmp_path, tables=stated) == ["a.csv", "b.npy", "c.wav"]
    corpus = open_corpus(tmp_path, tables=STATED)
    assert [clip.table for clip in corpus] == [STATED, STATED, None]
    assert corpus.other_files == {}


def test_a_folder_of_tables_alone_says_what_to_do(tmp_path: Path) -> None:
    csv(tmp_path / "a.csv")
    with pytest.raises(
        CorpusError, match=r"no recordings found.*state the sample rate with `TableSettings\(rate=HZ\)`"
    ):
        open_corpus(tmp_path)


def test_a_table_by_name(tmp_path: Path) -> None:
    for path in (csv(tmp_path / "a.csv"), csv(tmp_path / "2003.10.22.12.06.24"), csv(tmp_path / "b.txt")):
        (clip,) = open_corpus(path, tables=STATED)
        assert clip.table == STATED
        assert np.array_equal(AudioClip.from_file(clip).waveform().samples, VALUES[:, 0].astype(np.float32))
        (clip,) = open_corpus(path)
        with pytest.raises(TableError, match="sample rate is not known"):
            AudioClip.from_file(clip).waveform()


def test_files_beside_the_tables(tmp_path: Path) -> None:
    """Texts that hold no table are no recordings, as are hidden files; a damaged CSV is reported."""
    csv(tmp_path / "2004.02.12.10.32.39")
    csv(tmp_path / "b.txt")
    csv(tmp_path / ".hidden.csv")
    (tmp_path / "readme.txt").write_text("Four bearings were run to failure.\nSee the paper, 2006.\n")
    (tmp_path / "damaged.csv").write_text("#N/A\n")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0")
    (tmp_path / "auscult.toml").write_text(f"[recordings]\nrate = {RATE}\n")
    report = FolderReport()
    assert names(tmp_path, report=report) == ["2004.02.12.10.32.39", "b.txt", "damaged.csv"]
    assert report.other_files == {".txt": 1, ".png": 1}
    with pytest.raises(TableError):
        audio_info(tmp_path / "damaged.csv")


class TestSidecar:
    def test_states_how_tables_are_read(self, tmp_path: Path) -> None:
        csv(tmp_path / "normal" / "acc_1.csv")
        csv(tmp_path / "normal" / "temp_1.csv")
        text = '[recordings]\nrate = 8000\ncolumn = ["acc_v", 0]\nscale = 9.81\nfiles = ["acc_*.csv", "x*"]\n'
        (tmp_path / "auscult.toml").write_text(text)
        (clip,) = open_corpus(tmp_path)
        assert clip.table == TableSettings(8000, ("acc_v", "0"), 9.81)
        waveform = AudioClip.from_file(clip).waveform()
        assert np.array_equal(waveform.samples, (VALUES[:, 1] * 9.81).astype(np.float32))
        assert waveform.channel_names == ("acc_v", "acc_h")
        assert audio_info(clip.path).channels == 2  # also for who knows only the path
        assert np.array_equal(AudioClip.from_file(Clip(clip.path)).waveform().samples, waveform.samples)

    def test_what_the_user_states_comes_first(self, tmp_path: Path) -> None:
        csv(tmp_path / "a.csv")
        (tmp_path / "auscult.toml").write_text('[recordings]\nrate = 8000\ncolumn = "acc_v"\n')
        (clip,) = open_corpus(tmp_path, tables=TableSettings(columns=("acc_h",)))
        assert clip.table == TableSettings(8000, ("acc_h",))

    def test_the_nearest_one_holds(self, tmp_path: Path) -> None:
        csv(tmp_path / "a" / "b" / "1.csv")
        csv(tmp_path / "a" / "2.csv")
        (tmp_path / "auscult.toml").write_text("[recordings]\nrate = 1000\n")
        (tmp_path / "a" / "auscult.toml").write_text("[other]\nkey = 1\n")
        (tmp_path / "a" / "b" / "auscult.toml").write_text("[recordings]\nrate = 2000\n")
        rates = {Path(c.path).name: c.table.rate for c in open_corpus(tmp_path) if c.table}
        assert rates == {"1.csv": 2000, "2.csv": 1000}

    def test_a_change_is_noticed(self, tmp_path: Path) -> None:
        csv(tmp_path / "a.csv")
        for rate in (1000, 12000):
            (tmp_path / "auscult.toml").write_text(f"[recordings]\nrate = {rate}\n")
            assert audio_info(tmp_path / "a.csv").sample_rate == rate

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("[recordings]\nrte = 1\n", "unknown key 'rte'; known keys: rate, column, scale, files"),
            ("[recordings]\nrate = '20 kHz'\n", "rate must be a number"),
            ("[recordings]\nrate = -1\n", "the rate of a table must be a positive number"),
            ("[recordings]\nscale = 0\n", "the scale of a table must be a number other than 0"),
            ("[recordings]\nscale = true\n", "scale must be a number"),
            ("[recordings]\ncolumn = 1.5\n", "column must be a text or a list of texts"),
            ("[recordings]\nfiles = 3\n", "files must be a text or a list of texts"),
            ("recordings = 3\n", "must be a section"),
            ("[recordings\n", "cannot be read"),
        ],
    )
    def test_invalid(self, tmp_path: Path, text: str, message: str) -> None:
        csv(tmp_path / "a.csv")
        (tmp_path / "auscult.toml").write_text(text)
        for fails in (lambda: open_corpus(tmp_path), lambda: audio_info(tmp_path / "a.csv")):
            with pytest.raises(OptionError, match=message) as caught:
                fails()
            assert str(tmp_path / "auscult.toml") in str(caught.value)


class TestManifests:
    def test_a_header_with_path_makes_a_manifest(self, tmp_path: Path) -> None:
        csv(tmp_path / "data" / "1.csv")
        soundfile.write(tmp_path / "data" / "2.wav", VALUES[:, 0] / 10, RATE)
        for separator, header in ((",", "Path,condition"), (";", "condition;path")):
            cells = "data/{0},normal" if separator == "," else "normal;data/{0}"
            rows = [header, cells.format("1.csv"), cells.format("2.wav")]
            (tmp_path / "list.csv").write_text("\n".join(rows) + "\n")
            clips = open_corpus(tmp_path / "list.csv", tables=STATED)
            assert [clip.table for clip in clips] == [STATED, None]

    def test_an_incorrect_header_is_that_of_a_manifest_unless_there_are_numbers(self, tmp_path: Path) -> None:
        (tmp_path / "list.csv").write_text("file,label\na.wav,normal\nb.wav,normal\n")
        with pytest.raises(CorpusError, match="needs a column 'path'"):
            open_corpus(tmp_path / "list.csv")

    def test_a_manifest_is_never_a_recording_of_a_folder(self, tmp_path: Path) -> None:
        csv(tmp_path / "1.csv")
        (tmp_path / "list.csv").write_text("path,load\n1.csv,5\n")
        assert names(tmp_path, tables=STATED) == ["1.csv"]
        with pytest.raises(TableError, match="no recording"):
            audio_info(tmp_path / "list.csv")


def test_machine_folders_of_tables(tmp_path: Path) -> None:
    """DCASE names with the extension of a table give the same metadata as with that of audio."""
    for machine in ("fan", "pump"):
        for part in ("train", "test"):
            stem = f"section_00_source_{part}_normal_0001_vel_0.5"
            csv(tmp_path / machine / part / f"{stem}.csv")
            csv(tmp_path / machine / part / f"{stem.replace('0001', '0002')}.csv.gz")
    (tmp_path / "fan" / "attributes_00.csv").write_text("file_name,d1p,d1v\nfan/train/x.csv,vel,1\n")
    assert machine_folders(tmp_path) == {}
    assert list(machine_folders(tmp_path, tables=STATED)) == ["fan", "pump"]
    assert list(find_machines(str(tmp_path), STATED).folders) == ["fan", "pump"]
    (tmp_path / "auscult.toml").write_text(f"[recordings]\nrate = {RATE}\n")
    assert list(machine_folders(tmp_path)) == ["fan", "pump"]
    corpus = open_corpus(tmp_path / "fan")
    assert [(c.split, c.condition, dict(c.attributes)) for c in corpus] == [
        ("train", "normal", {"vel": "0.5"}),
        ("train", "normal", {"vel": "0.5"}),
        ("test", "normal", {"vel": "0.5"}),
        ("test", "normal", {"vel": "0.5"}),
    ]
    assert {clip.table for clip in corpus} == {STATED}


@pytest.mark.parametrize(
    ("name", "stem"),
    [("a.wav", "a"), ("a_vel_0.5.csv", "a_vel_0.5"), ("a.csv.gz", "a"), ("a_0.5", "a_0.5"), ("a.MAT", "a")],
)
def test_names_without_extension(name: str, stem: str) -> None:
    assert without_extension(name) == stem


def test_settings_are_in_fingerprints_and_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUSCULT_CACHE", str(tmp_path / "cache"))
    path, front_end = str(csv(tmp_path / "a.csv")), FrontEnd(sample_rate=RATE)
    clips = [Clip(path, table=TableSettings(RATE, scale=scale)) for scale in (None, 10.0)]
    once, ten_times = (AudioClip.from_file(clip, cached=True).log_mel(front_end).copy() for clip in (*clips,))
    np.testing.assert_allclose(ten_times - once, 20.0, atol=1e-3)
    assert len(list((tmp_path / "cache").rglob("*.log_mel"))) == 2
    first, second = (fingerprints([clip], str(tmp_path)) for clip in clips)
    assert first != second


def test_clips_as_json() -> None:
    for table in (None, TableSettings(), TableSettings(8000, ("a", "0"), 2.0, ("x",))):
        clip = Clip("a.csv", table=table)
        assert Clip.from_json(json.loads(json.dumps(clip.to_json()))) == clip
    assert "table" not in Clip("a.wav").to_json()


def test_values_in_a_large_unit_are_not_silent(tmp_path: Path) -> None:
    """Vibration of some micrometres in metres: reported once with the remedy, and offsets are still found."""
    rng = np.random.default_rng(4)
    for i in range(21):
        offset = 5e-6 if i == 20 else 0.0
        np.save(tmp_path / f"{i}.npy", 1e-6 * rng.standard_normal(4000) + offset)
    for scale, level in (
        (None, "of very small values (below -90 dB re 1): state a factor with `TableSettings(scale=X)`"),
        (1e6, ""),
    ):
        clips = open_corpus(tmp_path, tables=TableSettings(RATE, scale=scale))
        recordings = [AudioClip.from_file(clip) for clip in clips]
        findings = inspect_recordings(recordings, minimum_samples=1024).findings
        silence = [finding.message for finding in findings if finding.kind == "silence"]
        assert all(level in message for message in silence)
        assert len(silence) == (1 if level else 0)
        assert [f.paths for f in findings if f.kind == "dc_offset"] == [(str(tmp_path / "20.npy"),)]
        assert not [f for f in findings if f.kind in ("clipping", "gaps")]
