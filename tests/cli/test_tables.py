"""Commands on tables of vibration signals give what they give on WAV files of the same samples."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.io import savemat

from auscult import load
from auscult.sound.tables import TableSettings
from auscult.sound.tables.own_files import is_written_by_auscult

DETECTOR = ("--detector", "pooled_gaussian", "--set", "all_scores=false", "--set", "n_mels=32", "--quiet")
RATE = 8000


def as_npy(path: Path, samples: np.ndarray) -> None:
    np.save(path.with_suffix(".npy"), samples)


def as_csv(path: Path, samples: np.ndarray) -> None:
    """With a column of times, one of another sensor, and decimal commas."""
    columns = [np.arange(len(samples)) / RATE, samples[::-1], samples]
    target = path.with_suffix(".csv")
    np.savetxt(target, np.column_stack(columns), "%.9g", ";", header="t;acc 1;acc 2", comments="")
    target.write_text(target.read_text().replace(".", ","))


def as_mat(path: Path, samples: np.ndarray) -> None:
    """Named as CWRU does: the variable begins with the number of the file."""
    number = f"X{abs(hash(path.stem)) % 1000:03d}"
    savemat(path.with_suffix(".mat"), {f"{number}_DE_time": samples[:, None], f"{number}RPM": 1797.0})


LAYOUTS: dict[str, tuple[Callable[[Path, np.ndarray], None], tuple[str, ...]]] = {
    "npy": (as_npy, ("--rate", "8000")),
    "csv": (as_csv, ("--column", "acc 2")),
    "mat": (as_mat, ("--rate", "8000", "--column", "*_DE_time")),
}


@pytest.fixture(scope="module")
def tables(machine: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The machine in each layout."""
    root = tmp_path_factory.mktemp("tables")
    for layout, (write, _) in LAYOUTS.items():
        for path in sorted(machine.rglob("*.wav")):
            target = root / layout / "fan" / path.parent.name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            write(target, soundfile.read(path, dtype="float32")[0])
    return {layout: root / layout / "fan" for layout in LAYOUTS}


@pytest.fixture(scope="module")
def models(
    machine: Path, tables: dict[str, Path], run, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    for name, (data, options) in {
        "wav": (machine, ()),
        **{layout: (tables[layout], LAYOUTS[layout][1]) for layout in LAYOUTS},
    }.items():
        result = run("fit", data, "-o", folder / f"{name}.auscult", *DETECTOR, *options)
        assert result.exit_code == 0, result.output
    return {name: folder / f"{name}.auscult" for name in ("wav", *LAYOUTS)}


def scores(output: str) -> dict[str, tuple]:
    rows = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return {Path(r["path"]).stem: (r["score"], r["verdict"], r["p_value"], r["seconds"]) for r in rows}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_scores_are_those_of_audio(models, tables, machine, run, layout: str) -> None:
    """Bit for bit, and `score` needs no option: the model knows how the tables are read."""
    expected = run("score", models["wav"], machine / "test", "--json")
    result = run("score", models[layout], tables[layout] / "test", "--json")
    assert result.exit_code == 0, result.output
    assert len(scores(result.stdout)) == 32
    assert scores(result.stdout) == scores(expected.stdout)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_evaluate(models, tables, machine, run, layout: str) -> None:
    expected = json.loads(run("evaluate", models["wav"], machine, "--json", "-q").stdout)
    result = run("evaluate", models[layout], tables[layout], "--json", "-q")
    assert json.loads(result.stdout) == expected


def test_windows_sections_and_workers(models, tables, machine, run) -> None:
    name = "section_00_source_test_anomaly_0000_spd_0"
    for options in (("--window", "0.5"), ("--each-channel",), ("--jobs", "2")):
        wav = run("score", models["wav"], machine / "test" / f"{name}.wav", "--json", *options)
        table = run("score", models["mat"], tables["mat"] / "test" / f"{name}.mat", "--json", *options)
        assert scores(table.stdout) == scores(wav.stdout)
    outputs = []
    for model, path in ((models["wav"], machine), (models["mat"], tables["mat"])):
        file = path / "test" / f"{name}.{'wav' if path == machine else 'mat'}"
        outputs.append(json.loads(run("explain", model, file, "--json", "--start", "0.2").stdout))
    assert outputs[0]["regions"] == outputs[1]["regions"]
    assert outputs[0]["score"] == outputs[1]["score"]
    assert Path(outputs[0]["nearest"]).stem == Path(outputs[1]["nearest"]).stem


def test_settings_are_stored_and_can_be_changed(models, tables, run, tmp_path: Path) -> None:
    assert load(models["mat"]).tables.default == TableSettings(8000.0, ("*_DE_time",))
    assert load(models["csv"]).tables.default == TableSettings(None, ("acc 2",), names=("acc 2",))
    assert not load(models["wav"]).tables
    name = "section_00_source_test_normal_0000_spd_0"
    table = tables["npy"] / "test" / f"{name}.npy"
    once = scores(run("score", models["npy"], table, "--json").stdout)[name]
    louder = scores(run("score", models["npy"], table, "--json", "--scale", "3").stdout)[name]
    assert louder[0] > once[0]
    slower = run("score", models["npy"], table, "--json", "--rate", "4000").stdout
    assert "sampled at 4000 Hz, but the model needs 8000 Hz" in slower
    shown = run("inspect", models["mat"]).stdout
    assert "*_DE_time" in shown


def test_other_columns_are_refused(run, tmp_path: Path, machine_sound) -> None:
    """A model of the first of two columns does not take the first one of another file for it."""
    for i in range(24):
        samples = np.column_stack([machine_sound(i), machine_sound(500 + i)])
        np.savetxt(tmp_path / f"{i}.csv", samples, "%.6f", ",", header="horizontal,vertical", comments="")
    model = tmp_path / "m.auscult"
    result = run("fit", tmp_path, "-o", model, "--rate", "8000", *DETECTOR)
    assert "recordings have 2 channels" in result.output
    (tmp_path / "new").mkdir()
    swapped = tmp_path / "new" / "swapped.csv"
    np.savetxt(swapped, samples[:, ::-1], "%.6f", ",", header="vertical,horizontal", comments="")
    refused = run("score", model, swapped)
    assert refused.exit_code == 4
    assert (
        "its columns are vertical, horizontal, but those of the model horizontal, vertical" in refused.output
    )
    assert "--column NAME" in refused.output
    named = scores(run("score", model, swapped, "--json", "--column", "horizontal").stdout)
    assert named["swapped"][0] == scores(run("score", model, tmp_path / "23.csv", "--json").stdout)["23"][0]


def test_a_table_needs_a_rate(models, run, tables) -> None:
    table = next((tables["npy"] / "test").iterdir())
    result = run("score", models["wav"], table)
    assert result.exit_code == 4
    assert (
        "its sample rate is not known: it has no column of times and states none. State it with --rate"
        in (result.output)
    )
    assert run("score", models["wav"], table, "--rate", "8000").exit_code == 0
    folder = run("score", models["wav"], table.parent)
    assert folder.exit_code == 1
    assert "no recordings found" in folder.output
    assert "--rate HZ" in folder.output


def test_a_sidecar_is_enough(tables, machine, run, tmp_path: Path) -> None:
    shutil.copytree(tables["npy"], tmp_path / "fan")
    (tmp_path / "auscult.toml").write_text("[recordings]\nrate = 8000\n")
    model = tmp_path / "m.auscult"
    assert run("fit", tmp_path / "fan", "-o", model, *DETECTOR).exit_code == 0
    assert load(model).tables.default == TableSettings(8000)
    assert run("evaluate", model, tmp_path / "fan", "-q").exit_code == 0
    assert run("fit", tmp_path, "-o", f"{tmp_path}/models/", *DETECTOR).exit_code == 0
    several = run("score", tmp_path / "models" / "fan.auscult", tmp_path / "fan" / "test", "--json").stdout
    assert scores(several) == scores(run("score", model, tmp_path / "fan" / "test", "--json").stdout)


def test_machines_of_tables(tables, run, tmp_path: Path) -> None:
    shutil.copytree(tables["npy"], tmp_path / "data" / "fan")
    result = run("fit", tmp_path / "data", "-o", f"{tmp_path}/models/", "--rate", "8000", *DETECTOR)
    assert result.exit_code == 0, result.output
    again = run("fit", tmp_path / "data", "-o", f"{tmp_path}/models/", "--rate", "8000", *DETECTOR)
    assert "up to date" in again.output
    changed = run("fit", tmp_path / "data", "-o", f"{tmp_path}/models/", "--rate", "8001", *DETECTOR)
    assert "up to date" not in changed.output


def test_adapt(models, tables, run, tmp_path: Path) -> None:
    new = tables["mat"] / "test"
    normal = sorted(str(path) for path in new.glob("*target_test_normal*"))
    adapted = tmp_path / "adapted.auscult"
    result = run("adapt", models["mat"], *normal, "-o", adapted, "--accept", "-q")
    assert result.exit_code == 0, result.output
    assert load(adapted).tables == load(models["mat"]).tables


def test_results_of_other_settings_are_not_added(models, tables, run, tmp_path: Path) -> None:
    output = tmp_path / "results.csv"
    arguments = ("score", models["npy"], tables["npy"] / "test", "-o", output, "--settle", "0")
    assert run(*arguments, "--scale", "2").exit_code == 0
    for other in ((), ("--scale", "3")):
        refused = run(*arguments, *other)
        assert refused.exit_code == 2
        assert "written with another --rate, --column or --scale" in refused.output
    assert run(*arguments, "--scale", "2").exit_code == 0


def test_files_of_auscult_are_never_signals(models, tables, run, tmp_path: Path) -> None:
    """What commands write into a folder of tables is no recording of it."""
    folder = tmp_path / "fan"
    shutil.copytree(tables["npy"], folder)
    written = {
        name: folder / "test" / name for name in ("s.csv", "e.csv", "w.csv", "roc.csv", "hist.csv", "emb.npz")
    }
    data = tables["npy"]
    run("score", models["npy"], data / "test", "-o", written["s.csv"], "--settle", "0")
    run("score", models["npy"], data / "test", "-o", written["w.csv"], "--settle", "0", "--window", "1")
    excel = ("-o", written["e.csv"], "--settle", "0", "--csv-dialect", "excel")
    run("score", models["npy"], data / "test", *excel)
    curves = ("--roc", written["roc.csv"], "--histogram", written["hist.csv"])
    run("evaluate", models["npy"], data, "-q", *curves)
    run("embed", models["npy"], data / "test", "-o", written["emb.npz"], "-q")
    network = ("--detector", "autoencoder", "--epochs", "1", "--rate", "8000", "--quiet")
    run("fit", data, "-o", tmp_path / "net.auscult", *network)
    run("inspect", tmp_path / "net.auscult", "--curves", folder / "test" / "curves.csv")
    small = ("--machines", "fan", "--clips", "4", "--test-clips", "1", "--seconds", "2")
    run("simulate", tmp_path / "sim", *small)
    simulated = [*(tmp_path / "sim").rglob("*.npy"), *(tmp_path / "sim").rglob("*.csv")]
    assert len(simulated) >= 2
    for path in (*written.values(), folder / "test" / "curves.csv", *simulated):
        assert path.is_file(), path
        assert is_written_by_auscult(str(path)), path
    scored = run("score", models["npy"], folder / "test", "--csv")
    rows = list(csv.DictReader(scored.stdout.splitlines()))
    assert len(rows) == 32
    assert {Path(row["path"]).suffix for row in rows} == {".npy"}
    refused = run("score", models["npy"], written["emb.npz"])
    assert "a list or a result of auscult, no recording" in refused.output


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
def test_real_bearings_as_tables(real_data: Path, run, tmp_path: Path, layout: str) -> None:
    """Real vibration at 25.6 kHz, written in each layout, has the scores of the WAV files."""
    source = real_data / "real" / "FemtoBearing"
    write, options = LAYOUTS[layout]
    for part, count in (("train", 24), ("test", 12)):
        for kind in ("wav", layout):
            (tmp_path / kind / part).mkdir(parents=True)
        files = sorted((source / part).glob("*.wav"))
        for path in files[:: max(1, len(files) // count)]:
            shutil.copy(path, tmp_path / "wav" / part)
            samples, rate = soundfile.read(path, dtype="float32")
            write(tmp_path / layout / part / path.name, samples)
    assert rate == 25_600
    options = [value.replace("8000", "25600") for value in options]
    if layout == "csv":
        options += ["--rate", "25600"]  # its times are those of 8 kHz
    for kind, given in (("wav", []), (layout, options)):
        fitted = run("fit", tmp_path / kind / "train", "-o", tmp_path / f"{kind}.auscult", *DETECTOR, *given)
        assert fitted.exit_code == 0, fitted.output
    wav, table = (
        scores(run("score", tmp_path / f"{kind}.auscult", tmp_path / kind / "test", "--json", *given).stdout)
        for kind, given in (("wav", []), (layout, options if layout == "csv" else []))
    )
    assert len(wav) >= 12
    assert table == wav
