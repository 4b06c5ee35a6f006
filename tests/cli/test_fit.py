"""``auscult fit``: options, errors before any work is done, and output."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
import soundfile
from tests.helpers import RATE, noise

from auscult import load
from auscult.api import fit as fitting
from auscult.cli import text
from auscult.cli.fit import command
from auscult.detectors import DETECTORS
from auscult.detectors.discriminative.discriminative import Discriminative
from auscult.model.fit_spec import CALIBRATIONS

QUICK = ("--detector", "autoencoder", "--epochs", 1, "--calibrate", "none")


@pytest.fixture
def unfitted(monkeypatch):
    """Fail the test if fitting starts."""

    def fail(*_, **__):
        raise AssertionError("fitting started")

    monkeypatch.setattr("auscult.api.fit.fit", fail)


def test_calibration_choices_equal_those_of_the_python_api():
    (choice,) = (p.type.choices for p in command.params if p.name == "calibrate")
    assert tuple(choice) == CALIBRATIONS


def test_few_long_recordings_can_be_cut(run, tmp_path):
    (tmp_path / "long").mkdir()
    for seed in range(3):
        soundfile.write(tmp_path / "long" / f"{seed}.wav", noise(25, seed), RATE)
    result = run("fit", tmp_path / "long", "-o", tmp_path / "x.auscult", "--detector", "pooled_gaussian")
    assert result.exit_code == 1
    assert "only 3 usable recordings: record at least 20" in result.stderr
    assert "cut these long ones into windows with --window 10" in result.stderr


def test_json_summarizes_the_written_model(run, machine, tmp_path):
    path = tmp_path / "fan.auscult"
    result = run("fit", machine, "-o", path, *QUICK, "--seed", 5, "--set", "score=mahalanobis", "--json")
    assert result.exit_code == 0, result.output
    summary, model = json.loads(result.stdout), load(path)
    assert list(summary) == [
        "model", "detector", "preset", "score", "parameters", "channels", "clips", "domains", "calibration",
        "members", "encoder", "threshold", "false_alarms", "threshold_label", "bytes", "fit_seconds",
        "left_out", "warnings", "findings",
    ]  # fmt: skip
    assert summary["model"] == str(path)
    assert summary["bytes"] == path.stat().st_size
    assert (summary["detector"], summary["preset"], summary["score"]) == ("autoencoder", None, "mahalanobis")
    assert summary["parameters"] == model.detector.parameters
    assert (summary["clips"], summary["domains"]) == (24, {"source": 20, "target": 4})  # train/ alone
    assert summary["calibration"] == {"method": "none", "count": 0}
    assert (summary["members"], summary["encoder"]) == ([], None)
    assert summary["threshold"] is None
    assert any("19 more are needed" in warning for warning in summary["warnings"])
    assert (model.detector.config.epochs, model.detector.config.seed) == (1, 5)
    assert model.detector.decisive_score == "mahalanobis"


def test_text_has_warnings_and_the_next_command_but_no_short_stages(run, machine, tmp_path, monkeypatch):
    monkeypatch.setattr("auscult.cli.progress.PLAIN_EVERY", 1e9)  # a busy machine makes every stage long
    plain = tmp_path / "recordings"
    plain.mkdir()
    for clip in sorted((machine / "train").iterdir())[:5]:
        shutil.copy(clip, plain)
    path = tmp_path / "fan.auscult"
    result = run("fit", plain, "-o", path, *QUICK)
    assert result.exit_code == 0, result.output
    assert all(line.startswith("Warning: ") for line in result.stderr.splitlines()), "no short stages"
    assert result.stderr
    assert "fitted on    5 recordings" in result.stdout
    command = f"Next:  auscult score {path} NEW_RECORDINGS..."
    assert result.stdout.splitlines()[-1].startswith(f"{command}  (scores without a verdict")


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_unusable_recordings_are_left_out_and_reported_with_exit_code_4(
    run, machine, broken_file, tmp_path, options
):
    short = tmp_path / "short.wav"
    soundfile.write(short, [0.1] * 100, 8000)
    good = [f"{i}.wav" for i in range(5)]
    for name, clip in zip(good, sorted((machine / "train").iterdir()), strict=False):
        shutil.copy(clip, tmp_path / name)
    manifest = tmp_path / "clips.csv"
    manifest.write_text("\n".join(["path", *good, broken_file.name, "missing.wav", "short.wav", ""]))
    path = tmp_path / "fan.auscult"
    result = run("fit", manifest, "-o", path, *QUICK, "--quiet", *options)
    assert result.exit_code == 4
    left_out = [str(broken_file), str(tmp_path / "missing.wav"), str(short)]
    assert result.stderr.splitlines()[-1] == f"Error: 3 recordings left out: {', '.join(left_out)}"
    if options:
        assert json.loads(result.stdout)["left_out"] == left_out
    provenance = load(path).provenance
    assert (provenance["clips"], provenance["left_out"]) == (5, left_out)


def test_quiet_shows_warnings_but_no_progress(run, machine, tmp_path):
    result = run("fit", machine, "-o", tmp_path / "fan.auscult", *QUICK, "--quiet")
    assert result.stderr.splitlines()
    assert all(line.startswith("Warning: ") for line in result.stderr.splitlines())


def test_group_by_sets_the_source_recording(run, machine, tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr("auscult.api.fit.fit", lambda corpus, *_, **__: given.append(corpus) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run("fit", machine, "-o", tmp_path / "m.auscult", "--group-by", "spd")
    assert len({clip.source_recording for clip in given[0]}) == 4  # two speeds in two domains


def test_options_reach_the_library(run, machine, tmp_path, monkeypatch):
    given = {}
    monkeypatch.setattr("auscult.api.fit.fit", lambda corpus, name, **k: given.update(k, name=name) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run("fit", machine, "-o", tmp_path / "m", "--detector", "gamma_vae", "--preset", "report",
            "--device", "cpu", "--channel", 1, "--calibrate", "holdout",
            "--set", "kl_weight=0.5")  # fmt: skip
    del given["progress"]
    assert given == {
        "name": "gamma_vae", "preset": "report", "device": "cpu", "channel": 1, "calibrate": "holdout",
        "kl_weight": "0.5", "other_machines": (), "group_likely_segments": True, "window": None,
    }  # fmt: skip
    given.clear()
    with pytest.raises(ZeroDivisionError):
        run("fit", machine, "-o", tmp_path / "m")
    assert (given["name"], given["preset"]) == (fitting.DEFAULT_DETECTOR, None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--epochs", 3],
            "--epochs: auto trains no network of its own; omit it or choose a detector that does",
        ),
        (["--device", "cpu", "--detector", "spectral_memory"], "--device: spectral_memory trains no network"),
        (["--set", "group_by=spd"], "use --group-by"),
        (["--set", "quiet=1"], "use --quiet"),
    ],
)
def test_errors_about_options_of_other_detectors_name_the_flags(run, machine, tmp_path, options, message):
    result = run("fit", machine, "-o", tmp_path / "m", *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_help_names_every_detector_and_the_default(run):
    help_text = " ".join(run("fit", "--help").stdout.split())
    assert f"one of {', '.join(DETECTORS)}. [default: {fitting.DEFAULT_DETECTOR}]" in help_text


@pytest.fixture(scope="module")
def ensemble(run, machine, tmp_path_factory):
    """A model of `auto` with two members, and the output of `fit`."""
    path = tmp_path_factory.mktemp("auto") / "fan.auscult"
    settings = ("--set", "n_mels=32", "--set", "members=levels,neighbours")
    result = run("fit", machine, "-o", path, "--detector", "auto", *settings)
    assert result.exit_code == 0, result.output
    return path, result


def test_the_members_of_an_ensemble_are_shown(run, ensemble):
    path, result = ensemble
    shown = run("inspect", path).stdout
    for output in (result.stdout, shown):
        assert re.search(r"levels +pooled_gaussian, joint +weight 1\n", output)
        assert re.search(r"neighbours +spectral_memory, domain +weight 1\n", output)
    rows = {line.split()[0]: line for line in shown.splitlines()}
    assert "detector=pooled_gaussian" in rows["levels"]
    assert "n_fft" not in rows["levels"]  # the same as for the ensemble
    lines = [line for line in shown.splitlines() if not line.startswith("warning")]
    assert max(map(len, lines)) < 400  # no data of single clips
    contents = json.loads(run("inspect", path, "--json").stdout)
    assert list(contents["facts"]["members"]) == ["levels", "neighbours"]
    assert "clips" not in contents["facts"]["members"]["levels"]["facts"]


def test_the_changes_of_an_adaptation_are_shown_once(run, ensemble, machine):
    path = ensemble[0]
    clip = next((machine / "test").glob("*_target_test_normal_*"))
    assert run("adapt", path, clip, "-o", path.with_name("more.auscult"), "-q").exit_code == 0
    shown = run("inspect", path.with_name("more.auscult")).stdout
    assert len(re.findall(r"\blevels: 1 \w+ added", shown)) == 1, shown
    assert "adaptations=" not in shown


def test_members_of_models_of_version_0_1_0_have_no_weights():
    member = {"detector": "gamma_vae", "config": {"score": "mse"}, "facts": {}}
    assert text.members({"fine": member}) == [("members", f"fine  gamma_vae, mse  {text.NONE}")]
    assert text.members({}) == []


def test_members_of_one_kind_share_a_line():
    member = {"detector": "pooled_gaussian", "config": {"score": "joint"}, "weight": 1.0}
    heavier = {**member, "weight": 2.0}
    lines = text.members({"levels": member, "modulation": heavier, "half_levels": member})
    assert [line.split("  ")[0] for _, line in lines] == ["levels, half_levels", "modulation"]


@pytest.mark.parametrize(
    ("length", "seconds"), [("90", 90), ("60s", 60), ("5m", 300), ("1.5h", 5400), ("0.5H", 1800)]
)
def test_durations_have_units(run, machine, tmp_path, monkeypatch, length, seconds):
    given = {}
    monkeypatch.setattr("auscult.api.fit.fit", lambda corpus, name, **k: given.update(k) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run("fit", machine, "-o", tmp_path / "m", "--detector", "auto", "--time", length)
    assert given["time_limit"] == seconds


def test_a_short_time_limit_leaves_members_out(run, machine, tmp_path):
    path = tmp_path / "m.auscult"
    settings = ("--set", "n_mels=16", "--set", "members=levels,neighbours")
    result = run(
        "fit", machine, "-o", path, "--detector", "auto", "--time", "0.01s", *settings, "--json", "-q"
    )
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert [member["name"] for member in summary["members"]] == ["levels"]
    assert any(
        "skipped neighbours: not enough of the time limit of 0.01 s" in warning
        for warning in summary["warnings"]
    )


@pytest.fixture
def other_machine(machine, tmp_path):
    """A folder with the machine and a second one."""
    folder = tmp_path / "plant"
    shutil.copytree(machine / "train", folder / "valve" / "train")
    (folder / "fan").symlink_to(machine)
    return folder


def test_others_excludes_the_machine_itself(run, machine, other_machine, tmp_path, monkeypatch):
    given = {}
    monkeypatch.setattr("auscult.api.fit.fit", lambda corpus, name, **k: given.update(k) or 1 / 0)
    for folders in (["--others", other_machine], ["--others", machine, "--others", other_machine / "valve"]):
        with pytest.raises(ZeroDivisionError):
            run("fit", machine, "-o", tmp_path / "m", "--detector", "discriminative", *folders)
        assert {clip.machine for clip in given["other_machines"]} == {"valve"}
        assert len(given["other_machines"]) == 24


def test_others_reach_the_detector(run, machine, other_machine, tmp_path, monkeypatch):
    received = []
    fit_fleet = Discriminative.fit_fleet.__func__

    def spy(cls, detectors, fleets, *, other_machines=(), progress=None):
        received.extend(other_machines)
        return fit_fleet(cls, detectors, fleets, other_machines=other_machines, progress=progress)

    monkeypatch.setattr(Discriminative, "fit_fleet", classmethod(spy))
    small = ("--detector", "discriminative", "--epochs", 1, "--set", "width=4", "--calibrate", "none")
    others = ("--others", other_machine / "valve")
    result = run("fit", machine, "-o", tmp_path / "m.auscult", *small, *others, "-q")
    assert result.exit_code == 0, result.output
    assert len(received) == 24


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--set", "epochs"], "write KEY=VALUE"),
        (["--epochs", 3, "--set", "epochs=4"], "choose one"),
        (["--epochs", 0], "not in the range"),
        (["--group-by", "colour"], "no clip has the attribute colour"),
        (["--group-by", ","], "contains no name"),
        (["--device", "abacus"], "abacus"),
        (["--detector", "gamma_vae", "--time", "60s"], "only auto does"),
        (["--detector", "auto", "--time", "soon"], "'soon' is not a duration; write e.g. 60s, 5m, 1h or 90"),
        (["--detector", "auto", "--time", "0s"], "not in the range"),
        (["--detector", "auto", "--time", "9s", "--set", "time_limit=9"], "choose one"),
        (["--set", "channel=1"], "use --channel"),
        (["--detector", "pooled_gaussian", "--others", "."], "uses no recordings of other machines"),
        (["--others", "."], "add auto's member classes by --set members=all"),
    ],
)
def test_wrong_options_are_exit_code_2_before_fitting_starts(
    run, unfitted, machine, tmp_path, options, message
):
    result = run("fit", machine, "-o", tmp_path / "m.auscult", *options)
    assert result.exit_code == 2
    assert message in result.stderr


def test_unknown_detectors_and_settings_are_exit_code_2(run, machine, tmp_path):
    for options in (["--detector", "ear"], ["--preset", "loud"], ["--set", "colour=red"]):
        assert run("fit", machine, "-o", tmp_path / "m.auscult", *options).exit_code == 2


@pytest.mark.parametrize("output", ["missing/m.auscult", "file/m.auscult"])
def test_an_unwritable_output_is_detected_first(run, unfitted, machine, tmp_path, output):
    (tmp_path / "file").write_text("")
    result = run("fit", machine, "-o", f"{tmp_path}/{output}")
    assert result.exit_code == 2
    assert str(tmp_path) in result.stderr


def test_several_machines_are_refused(run, unfitted, machine, tmp_path):
    for name in ("fan", "valve"):
        shutil.copytree(machine, tmp_path / name)
    for folders in ([tmp_path], [tmp_path / "fan", tmp_path / "valve"]):
        result = run("fit", *folders, "-o", tmp_path / "m.auscult")
        assert result.exit_code == 1
        assert "2 machines (fan, valve)" in result.stderr


def test_folders_of_test_clips_are_refused(run, unfitted, machine, tmp_path):
    result = run("fit", machine / "test", "-o", tmp_path / "m.auscult")
    assert result.exit_code == 1
    assert "none of its 32 recordings can be used for training" in result.stderr
    assert "give a folder of normal recordings that are no test clips, such as train/" in result.stderr


def test_a_model_file_or_a_text_file_is_refused_with_a_remedy(run, unfitted, tmp_path):
    for name, remedy in (("old.auscult", "give recordings or their folder"), ("a.txt", "convert it to WAV")):
        (tmp_path / name).write_text("no audio")
        result = run("fit", tmp_path / name, "-o", tmp_path / "m.auscult")
        assert result.exit_code == 1
        assert remedy in result.stderr
        assert len(result.stderr) < len(str(tmp_path)) + 200


def test_labelled_anomalies_are_left_out_with_a_warning(run, machine, tmp_path):
    folder = tmp_path / "labelled"
    shutil.copytree(machine / "train", folder / "normal")
    shutil.copytree(machine / "test", folder / "anomaly")
    for clip in (folder / "anomaly").iterdir():  # names without the labels of DCASE
        clip.rename(clip.with_name(f"n{clip.name[-9:]}" if "normal" in clip.name else f"a{clip.name[-9:]}"))
    for clip in list((folder / "normal").iterdir()):
        clip.rename(clip.with_name(f"good_{clip.name[-14:]}"))
    result = run("fit", folder, "-o", tmp_path / "m.auscult", *QUICK, "--json")
    assert result.exit_code == 0, result.output
    assert "labelled as anomalies left out" in result.stderr
    assert json.loads(result.stdout)["clips"] == len(list((folder / "normal").iterdir()))


def test_test_clips_in_a_plain_folder_are_left_out_with_a_warning(run, machine, tmp_path):
    folder = tmp_path / "mixed"
    folder.mkdir()
    tests = sorted((machine / "test").glob("*normal*"))[:3]
    for clip in sorted((machine / "train").iterdir())[:5] + tests:
        shutil.copy(clip, folder)
    result = run("fit", folder, "-o", tmp_path / "m.auscult", *QUICK, "--json")
    assert result.exit_code == 0, result.output
    assert f"Warning: {folder}: 3 test clips left out\n" in result.stderr
    assert json.loads(result.stdout)["clips"] == 5
    result = run("fit", machine, "-o", tmp_path / "m.auscult", *QUICK)
    assert "test clip" not in result.stderr  # test clips in test/ are expected to be left out


@pytest.mark.parametrize("options", [("--detector", "discriminative"), ("--set", "members=levels,classes")])
def test_others_without_another_machine_is_refused(run, unfitted, machine, tmp_path, options):
    result = run("fit", machine, "-o", tmp_path / "m", *options, "--others", machine)
    assert result.exit_code == 2
    assert "no recording of another machine" in result.stderr


def test_a_missing_folder_is_exit_code_1(run, tmp_path):
    result = run("fit", tmp_path / "none", "-o", tmp_path / "m.auscult")
    assert result.exit_code == 1
    assert "no such file or folder" in result.stderr


@pytest.fixture
def plant(machine, tmp_path):
    """A folder of two machines, and a third with an unreadable recording."""
    folder = tmp_path / "plant"
    for name in ("fan", "valve"):
        (folder / name).mkdir(parents=True)
        (folder / name / "train").symlink_to(machine / "train")
    (folder / "broken" / "train").mkdir(parents=True)
    (folder / "broken" / "train" / "normal_id_00_00000000.wav").write_bytes(b"not audio")
    return folder


@pytest.mark.slow
def test_an_output_folder_gets_one_model_per_machine(run, plant, tmp_path):
    models = f"{tmp_path}/models/"
    quick = ("--detector", "pooled_gaussian", "--set", "n_mels=16", "-q")
    result = run("fit", plant, "-o", models, *quick)
    assert result.exit_code == 4
    assert "Error: broken: no usable training recordings" in result.stderr
    assert [line.split()[0] for line in result.stdout.splitlines()[2:4]] == ["fan", "valve"]
    command = f"auscult score {tmp_path}/models/MACHINE.auscult NEW_RECORDINGS..."
    assert result.stdout.splitlines()[-1] == f"Next:  {command}  (MACHINE is one of fan, valve)"
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == ["fan.auscult", "valve.auscult"]
    results = json.loads(run("fit", plant, "-o", models, *quick, "--json").stdout)
    assert [(result["machine"], result.get("already_fitted")) for result in results] == [
        ("broken", None), ("fan", True), ("valve", True),
    ]  # fmt: skip
    assert "no usable training recordings" in results[0]["error"]
    assert results[1]["threshold"] == load(tmp_path / "models" / "fan.auscult").threshold().value
    assert run("fit", plant / "broken", "-o", models, *quick).exit_code == 1


def test_an_output_folder_requires_machine_folders_with_different_names(
    run, unfitted, machine, plant, tmp_path
):
    result = run("fit", machine / "train", "-o", tmp_path)
    assert result.exit_code == 1
    assert "no machine folders" in result.stderr
    assert "no such folder" in run("fit", tmp_path / "missing", "-o", f"{tmp_path}/models/").stderr
    result = run("fit", plant, plant / "fan", "-o", tmp_path)
    assert result.exit_code == 2
    assert "two machines are named fan" in result.stderr


def test_a_manifest_of_several_machines_gets_one_model_per_machine(run, machine, tmp_path):
    manifest = tmp_path / "list.csv"
    paths = sorted((machine / "train").glob("*.wav"))
    lines = [f"{path},{name},1450" for name in ("fan", "valve") for path in paths]
    manifest.write_text("\n".join(["path,machine,rpm", *lines]))
    quick = ("--detector", "pooled_gaussian", "--set", "n_mels=16", "-q")
    advice = run("fit", manifest, "-o", tmp_path / "m.auscult", *quick)
    assert advice.exit_code == 1
    assert "-o FOLDER/" in advice.stderr
    result = run("fit", manifest, "-o", f"{tmp_path}/models/", *quick)
    assert result.exit_code == 0, result.output
    assert result.stderr.count("rpm=1450") == 1  # a warning of all machines is printed once
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == ["fan.auscult", "valve.auscult"]


def test_conditions_can_be_stated(run, machine, tmp_path):
    folder = tmp_path / "rec"
    for name, clips in (("ok", sorted((machine / "train").iterdir())[:6]), ("what is it", [])):
        (folder / name).mkdir(parents=True)
        for number, clip in enumerate(clips or sorted((machine / "test").iterdir())[:2]):
            shutil.copy(clip, folder / name / f"{number}.wav")
    quick = ("-o", tmp_path / "m.auscult", "--detector", "pooled_gaussian", "--set", "n_mels=16", "-q")
    result = run("fit", folder, *quick)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "--condition 'what is it=normal' or --condition 'what is it=anomaly'" in result.stderr
    result = run("fit", folder, *quick, "--condition", "what is it=anomaly", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["clips"] == 6
    warning = f"Warning: {folder}: 2 recordings labelled as anomalies left out: what is it (2)\n"
    assert warning in result.stderr
    assert load(tmp_path / "m.auscult").provenance["conditions"] == {"what is it": "anomaly"}
    for wrong in ("what is it", "what is it=faulty", "=normal"):
        result = run("fit", folder, *quick, "--condition", wrong)
        assert result.exit_code == 2
        assert f"--condition {wrong}: write PATTERN=normal or PATTERN=anomaly" in result.stderr
    assert run("fit", folder, *quick, "--condition", "other=normal").exit_code == 2
    result = run("evaluate", tmp_path / "m.auscult", folder, "-q")
    assert result.exit_code == 1
    assert "is unclear: what is it: no word for normal or faulty" in result.stderr
    result = run("evaluate", tmp_path / "m.auscult", folder, "--condition", "what*=anomaly", "-q")
    assert "unclear" not in result.stderr


def test_a_folder_of_anomalies_is_refused_with_the_reason(run, unfitted, machine, tmp_path):
    folder = tmp_path / "rec" / "faulty"
    folder.mkdir(parents=True)
    for number, clip in enumerate(sorted((machine / "train").iterdir())[:3]):
        shutil.copy(clip, folder / f"{number}.wav")
    result = run("fit", folder, "-o", tmp_path / "m.auscult")
    assert result.exit_code == 1
    reason = "none of its 3 recordings can be used for training: 3 recordings labelled as anomalies left out"
    assert f"{folder}: {reason}: faulty (3)" in result.stderr


def test_plain_and_empty_folders_of_machines(run, machine, tmp_path):
    plant, models = tmp_path / "the plant", tmp_path / "the models"
    clips = sorted((machine / "train").iterdir())
    for folder in ("fan/monday", "valve/ok", "valve/faulty"):
        (plant / folder).mkdir(parents=True)
        for number, clip in enumerate(clips[:6]):
            shutil.copy(clip, plant / folder / f"{number}.wav")
    (plant / "pump" / "train").mkdir(parents=True)
    quick = ("-o", f"{models}/", "--detector", "pooled_gaussian", "--set", "n_mels=16", "-q")
    result = run("fit", plant, *quick)
    assert result.exit_code == 4, result.output
    assert f"Error: pump: {plant / 'pump'}: no recordings\n" in result.stderr
    assert "Warning: valve: 6 recordings labelled as anomalies left out: faulty (6)\n" in result.stderr
    assert [line.split()[0] for line in result.stdout.splitlines()[2:4]] == ["fan", "valve"]
    command = f"auscult score '{models}/MACHINE.auscult' NEW_RECORDINGS... --false-alarms 15%"
    assert (
        f"fit again, or accept more false alarms: {command}  (MACHINE is one of fan, valve)" in result.stdout
    )
    verdicts = run("score", models / "fan.auscult", clips[0], "--false-alarms", "15%", "--json")
    assert json.loads(verdicts.stdout.splitlines()[0])["anomalous"] is not None
    results = json.loads(run("fit", plant, *quick, "--json").stdout)
    assert {r["machine"]: r.get("clips") for r in results} == {"fan": 6, "valve": 6, "pump": None}
    assert run("fit", plant / "pump", *quick).exit_code == 1


def test_what_cannot_be_read_fails_only_that_machine_and_other_files_are_reported(
    run, machine, tmp_path, lock
):
    plant = tmp_path / "plant"
    for folder in ("fan", "pump/a", "valve"):
        shutil.copytree(machine / "train", plant / folder)
    (plant / "spare").mkdir()
    for folder in ("fan", "spare"):
        (plant / folder / "phone.m4a").touch()
    lock(plant / "pump" / "a")
    lock(plant / "valve")
    quick = ("--detector", "pooled_gaussian", "--set", "n_mels=16", "-q")
    result = run("fit", plant, "-o", f"{tmp_path / 'models'}/", *quick)
    assert result.exit_code == 4, result.output
    for name, folder in (("pump", plant / "pump" / "a"), ("valve", plant / "valve")):
        assert f"Error: {name}: {folder}: the folder cannot be listed" in result.stderr
    others = "1 file of another kind was not read: 1 .m4a"
    assert f"Warning: fan: {others}\n" in result.stderr
    assert f"Note: {plant / 'spare'}: no recordings; {others}\n" in result.stderr
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["fan.auscult"]


def test_one_long_recording_is_fitted_in_windows(run, machine_sound, tmp_path):
    samples = np.concatenate([machine_sound(seed, 10.0) for seed in range(4)])
    soundfile.write(tmp_path / "long.wav", samples, 8000)
    options = ("--detector", "pooled_gaussian", "--set", "n_mels=16", "--window", "1s", "-q")
    result = run("fit", tmp_path / "long.wav", "-o", tmp_path / "m.auscult", *options)
    assert result.exit_code == 0, result.output
    assert "from 36 recordings; within these recordings)" in result.stdout
    assert "4 windows left out between them" in result.stderr
    model = load(tmp_path / "m.auscult")
    assert model.provenance["threshold_label"] == model.threshold().label == "within these recordings"
    assert model.provenance["seconds"] == [1.0, 1.0]
    too_long = run("fit", tmp_path / "long.wav", "-o", tmp_path / "n.auscult", *options[:4], "--window", "0")
    assert too_long.exit_code == 2
