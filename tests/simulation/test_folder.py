"""Folders of simulated machines: layout, determinism, resumption, masks."""

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult.corpus.dcase_names import parse_name
from auscult.errors import CorpusError, OptionError
from auscult.simulation import MACHINE_TYPES, load_mask, machine_names, simulate
from auscult.simulation.plan import plan_clips
from auscult.simulation.rendering import Site, fault_mask

SMALL = {"clips": 8, "test_clips": 6, "seconds": 2.0, "sample_rate": 8000}


def contents(folder: Path) -> dict[str, bytes]:
    """The contents of all files below a folder, by relative path."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("fleet")
    machine_folders = simulate(root, machines=7, **SMALL)
    assert machine_folders == [root / name for name in MACHINE_TYPES]
    return root


def test_every_machine_has_the_requested_clips(fleet):
    for machine_folder in fleet.iterdir():
        assert sorted(p.name for p in machine_folder.iterdir()) == [
            "attributes_00.csv",
            "masks",
            "simulation.json",
            "test",
            "train",
        ]
        train, test = (
            [parse_name(p.name) for p in (machine_folder / split).iterdir()] for split in ("train", "test")
        )
        assert Counter((n.split, n.domain, n.condition) for n in train) == {
            ("train", "source", "normal"): 5,
            ("train", "target", "normal"): 3,
        }
        assert Counter((n.split, n.domain, n.condition) for n in test) == {
            ("test", domain, condition): 6
            for domain in ("source", "target")
            for condition in ("normal", "anomaly")
        }


def test_clips_are_mono_16_bit_wav_of_the_requested_length(fleet):
    for path in fleet.rglob("*.wav"):
        info = soundfile.info(path)
        assert (info.format, info.subtype, info.channels) == ("WAV", "PCM_16", 1)
        assert (info.frames, info.samplerate) == (16000, 8000)
        assert np.abs(soundfile.read(path)[0]).max() > 0.01


def test_anomalous_clips_and_no_others_have_a_mask_and_a_cause(fleet):
    for machine_folder in fleet.iterdir():
        test_clips = (machine_folder / "test").iterdir()
        anomalous = {p.stem for p in test_clips if parse_name(p.name).condition == "anomaly"}
        metadata = json.loads((machine_folder / "simulation.json").read_text())
        assert metadata["simulated"] is True
        assert (
            set(metadata["anomalies"]) == anomalous == {p.stem for p in (machine_folder / "masks").iterdir()}
        )
        for stem, cause in metadata["anomalies"].items():
            assert cause["fault"] in MACHINE_TYPES[machine_folder.name].fault_levels
            mask = load_mask(machine_folder / "test" / f"{stem}.wav")
            assert mask.shape == (1 + 16000 // 512, 128)
            assert mask.dtype == bool


def test_the_stored_mask_equals_the_mask_of_the_rendered_clip(fleet):
    fan = MACHINE_TYPES["fan"]
    site = Site(fan, (0, "fan"), 16000, 8000)
    for plan in [p for p in plan_clips(fan, (0, "fan"), 8, 6) if p.fault]:
        path = fleet / "fan" / "test" / f"{plan.stem}.wav"
        clip = site.record(plan)
        assert np.array_equal(load_mask(path), fault_mask(clip.fault, clip.unaffected, 8000))
        assert np.allclose(soundfile.read(path)[0], clip.samples, atol=1e-4)


def test_the_attribute_table_follows_dcase(fleet):
    for machine_folder in fleet.iterdir():
        with (machine_folder / "attributes_00.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert {row["file_name"] for row in rows} == {
            f"{machine_folder.name}/{p.relative_to(machine_folder).as_posix()}"
            for p in machine_folder.rglob("*.wav")
        }
        for row in rows:
            attributes = parse_name(row["file_name"]).attributes
            assert {row[f"d{n}p"]: row[f"d{n}v"] for n in range(1, len(attributes) + 1)} == attributes


def test_the_same_seed_gives_the_same_files_alone_or_in_a_fleet(fleet, tmp_path):
    simulate(tmp_path, machines=["slider"], **SMALL)
    assert contents(tmp_path / "slider") == contents(fleet / "slider")
    simulate(tmp_path / "other", machines=["slider"], seed=1, **SMALL)
    assert contents(tmp_path / "other" / "slider") != contents(fleet / "slider")


def test_more_clips_do_not_change_the_others(fleet, tmp_path):
    simulate(tmp_path, machines=["valve"], **{**SMALL, "clips": 12, "test_clips": 7})
    more, fewer = contents(tmp_path / "valve"), contents(fleet / "valve")
    clips = [name for name in fewer if name.endswith((".wav", ".npy"))]
    assert len(clips) == 8 + 24 + 12
    assert all(more[name] == fewer[name] for name in clips)


def test_other_units_of_a_type_are_other_machines(fleet, tmp_path):
    simulate(tmp_path, machines=["fan_2"], **SMALL)
    assert json.loads((tmp_path / "fan_2" / "simulation.json").read_text())["type"] == "fan"
    first = "train/section_00_source_train_normal_0000_spd_1000_mic_1.wav"
    assert (tmp_path / "fan_2" / first).read_bytes() != (fleet / "fan" / first).read_bytes()


def test_names_of_a_number_of_machines():
    assert machine_names(3) == ["fan", "gearbox", "bearing"]
    assert machine_names(9)[5:] == ["pump", "toytrain", "fan_2", "gearbox_2"]
    assert machine_names(["valve", "fan_12"]) == ["valve", "fan_12"]


@pytest.mark.parametrize("names", [["vacuum"], ["fan_1"], ["fan_x"], ["fan_"], ["../fan"], 0, -1])
def test_unknown_machines_are_refused(names, tmp_path):
    with pytest.raises(OptionError, match=r"machine"):
        simulate(tmp_path, machines=names, **SMALL)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "invalid",
    [
        {"clips": 3},
        {"test_clips": -1},
        {"target_clips": 8},
        {"target_clips": -1},
        {"seed": -1},
        {"seconds": 0.0},
        {"sample_rate": 100},
    ],
)
def test_invalid_settings_are_refused(invalid, tmp_path):
    ((name, value),) = invalid.items()
    with pytest.raises(OptionError, match=rf"got .*\b{name}={value}\b"):
        simulate(tmp_path, machines=1, **{**SMALL, **invalid})


def test_a_complete_machine_is_not_generated_again(fleet):
    before = {p: p.stat().st_mtime_ns for p in fleet.rglob("*.wav")}
    steps = []
    assert len(simulate(fleet, machines=7, progress=lambda *step: steps.append(step), **SMALL)) == 7
    assert not steps
    assert before == {p: p.stat().st_mtime_ns for p in fleet.rglob("*.wav")}


def test_a_machine_with_other_settings_is_refused(fleet):
    with pytest.raises(CorpusError, match=r"fan: .*other settings \(seed=0\)"):
        simulate(fleet, machines=1, seed=5, **SMALL)


def test_target_clips_can_be_chosen(fleet, tmp_path):
    (valve,) = simulate(tmp_path, machines=["valve"], target_clips=5, **SMALL)
    domains = Counter(parse_name(p.name).domain for p in (valve / "train").iterdir())
    assert domains == {"source": 3, "target": 5}
    assert json.loads((valve / "simulation.json").read_text())["target_training_clips"] == 5
    default = contents(fleet / "valve")
    clips = {name: data for name, data in contents(valve).items() if name.endswith("wav")}
    assert all(default.get(name, data) == data for name, data in clips.items())
    assert simulate(tmp_path, machines=["valve"], target_clips=5, **SMALL) == [valve]
    for other in ({}, {"target_clips": 4}):
        with pytest.raises(CorpusError, match=r"other settings \(target_clips=5\)"):
            simulate(tmp_path, machines=["valve"], **other, **SMALL)


def test_the_default_number_of_target_clips_may_be_given(fleet):
    """A folder that was generated without giving it has the same settings."""
    before = contents(fleet / "fan")
    simulate(fleet, machines=["fan"], target_clips=3, **SMALL)
    assert contents(fleet / "fan") == before


def test_a_folder_that_was_not_simulated_is_not_changed(tmp_path):
    (tmp_path / "fan" / "train").mkdir(parents=True)
    with pytest.raises(CorpusError, match="not made by a simulation"):
        simulate(tmp_path, machines=1, **SMALL)
    assert (tmp_path / "fan" / "train").exists()


def test_an_interrupted_simulation_is_resumed(fleet, tmp_path):
    def interrupt(stage, completed, *_):
        if stage == "gearbox" and completed == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(tmp_path, machines=2, progress=interrupt, **SMALL)
    assert (tmp_path / "fan").exists()
    assert not (tmp_path / "gearbox").exists()
    modified = (tmp_path / "fan" / "simulation.json").stat().st_mtime_ns
    steps = []
    simulate(tmp_path, machines=2, progress=lambda *step: steps.append(step), **SMALL)
    assert (tmp_path / "fan" / "simulation.json").stat().st_mtime_ns == modified
    assert {stage for stage, *_ in steps} == {"gearbox"}
    assert steps[-1] == ("gearbox", 32, 32, {})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["fan", "gearbox"]
    assert contents(tmp_path / "gearbox") == contents(fleet / "gearbox")


def test_a_clip_without_a_mask_raises(fleet):
    normal = next((fleet / "fan" / "test").glob("*normal*"))
    with pytest.raises(CorpusError, match="only anomalous simulated clips"):
        load_mask(normal)


def test_a_damaged_mask_raises(tmp_path):
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "clip.npy").write_bytes(b"not an array")
    with pytest.raises(CorpusError, match="not a valid mask"):
        load_mask(tmp_path / "test" / "clip.wav")
