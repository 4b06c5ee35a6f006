"""Folders: layout, determinism, resumption, masks."""

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
from auscult.simulation.rendering import Site, louder_bins

SMALL = {"clips": 8, "test_clips": 6, "seconds": 2.0, "sample_rate": 8000}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("fleet")
    homes = simulate(root, machines=7, **SMALL)
    assert homes == [root / name for name in MACHINE_TYPES]
    return root


def test_every_machine_has_the_clips_asked_for(fleet):
    for home in fleet.iterdir():
        assert sorted(p.name for p in home.iterdir()) == [
            "attributes_00.csv",
            "masks",
            "simulation.json",
            "test",
            "train",
        ]
        train, test = ([parse_name(p.name) for p in (home / part).iterdir()] for part in ("train", "test"))
        assert Counter((n.split, n.domain, n.condition) for n in train) == {
            ("train", "source", "normal"): 5,
            ("train", "target", "normal"): 3,
        }
        assert Counter((n.split, n.domain, n.condition) for n in test) == {
            ("test", domain, condition): 6
            for domain in ("source", "target")
            for condition in ("normal", "anomaly")
        }


def test_clips_are_mono_16_bit_wav_of_the_length_asked_for(fleet):
    for path in fleet.rglob("*.wav"):
        info = soundfile.info(path)
        assert (info.format, info.subtype, info.channels) == ("WAV", "PCM_16", 1)
        assert (info.frames, info.samplerate) == (16000, 8000)
        assert np.abs(soundfile.read(path)[0]).max() > 0.01


def test_every_anomalous_clip_has_a_mask_and_a_cause_and_no_other_has(fleet):
    for home in fleet.iterdir():
        anomalous = {p.stem for p in (home / "test").iterdir() if parse_name(p.name).condition == "anomaly"}
        notes = json.loads((home / "simulation.json").read_text())
        assert notes["simulated"] is True
        assert set(notes["anomalies"]) == anomalous == {p.stem for p in (home / "masks").iterdir()}
        for stem, cause in notes["anomalies"].items():
            assert cause["fault"] in MACHINE_TYPES[home.name].fault_levels
            mask = load_mask(home / "test" / f"{stem}.wav")
            assert mask.shape == (1 + 16000 // 512, 128)
            assert mask.dtype == bool


def test_the_mask_on_disk_is_the_one_rebuilt_from_the_shares(fleet):
    fan = MACHINE_TYPES["fan"]
    place = Site(fan, (0, "fan"), 16000, 8000)
    for plan in [p for p in plan_clips(fan, (0, "fan"), 8, 6) if p.fault]:
        path = fleet / "fan" / "test" / f"{plan.stem}.wav"
        recorded = place.record(plan)
        assert np.array_equal(load_mask(path), louder_bins(recorded.fault, recorded.rest, 8000))
        assert np.allclose(soundfile.read(path)[0], recorded.samples, atol=1e-4)


def test_attributes_lie_beside_the_clips_as_in_dcase(fleet):
    for home in fleet.iterdir():
        with (home / "attributes_00.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert {row["file_name"] for row in rows} == {
            f"{home.name}/{p.relative_to(home).as_posix()}" for p in home.rglob("*.wav")
        }
        for row in rows:
            said = parse_name(row["file_name"]).attributes
            assert {row[f"d{n}p"]: row[f"d{n}v"] for n in range(1, len(said) + 1)} == said


def test_the_same_seed_gives_the_same_bytes_alone_or_in_a_fleet(fleet, tmp_path):
    simulate(tmp_path, machines=["slider"], **SMALL)
    assert contents(tmp_path / "slider") == contents(fleet / "slider")
    simulate(tmp_path / "other", machines=["slider"], seed=1, **SMALL)
    assert contents(tmp_path / "other" / "slider") != contents(fleet / "slider")


def test_more_clips_leave_the_others_as_they_are(fleet, tmp_path):
    simulate(tmp_path, machines=["valve"], **{**SMALL, "clips": 12, "test_clips": 7})
    more, few = contents(tmp_path / "valve"), contents(fleet / "valve")
    clips = [name for name in few if name.endswith((".wav", ".npy"))]
    assert len(clips) == 8 + 24 + 12
    assert all(more[name] == few[name] for name in clips)


def test_further_units_of_a_type_are_other_machines(fleet, tmp_path):
    simulate(tmp_path, machines=["fan_2"], **SMALL)
    assert json.loads((tmp_path / "fan_2" / "simulation.json").read_text())["type"] == "fan"
    first = "train/section_00_source_train_normal_0000_spd_1000_mic_1.wav"
    assert (tmp_path / "fan_2" / first).read_bytes() != (fleet / "fan" / first).read_bytes()


def test_machines_are_counted_in_a_fixed_order_and_then_by_unit():
    assert machine_names(3) == ["fan", "gearbox", "bearing"]
    assert machine_names(9)[5:] == ["pump", "toytrain", "fan_2", "gearbox_2"]
    assert machine_names(["valve", "fan_12"]) == ["valve", "fan_12"]


@pytest.mark.parametrize("names", [["vacuum"], ["fan_1"], ["fan_x"], ["fan_"], ["../fan"], 0, -1])
def test_machines_that_cannot_be_are_refused(names, tmp_path):
    with pytest.raises(OptionError, match=r"machine"):
        simulate(tmp_path, machines=names, **SMALL)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "wrong",
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
def test_settings_that_cannot_be_are_refused(wrong, tmp_path):
    with pytest.raises(OptionError, match=next(iter(wrong))):
        simulate(tmp_path, machines=1, **{**SMALL, **wrong})


def test_a_finished_machine_is_not_made_again(fleet):
    before = {p: p.stat().st_mtime_ns for p in fleet.rglob("*.wav")}
    told = []
    assert len(simulate(fleet, machines=7, progress=lambda *step: told.append(step), **SMALL)) == 7
    assert not told
    assert before == {p: p.stat().st_mtime_ns for p in fleet.rglob("*.wav")}


def test_a_machine_of_other_settings_is_refused_by_name(fleet):
    with pytest.raises(CorpusError, match=r"fan: .*other settings \(seed=0\)"):
        simulate(fleet, machines=1, seed=5, **SMALL)


def test_target_clips_can_be_counted(fleet, tmp_path):
    (home,) = simulate(tmp_path, machines=["valve"], target_clips=5, **SMALL)
    domains = Counter(parse_name(p.name).domain for p in (home / "train").iterdir())
    assert domains == {"source": 3, "target": 5}
    assert json.loads((home / "simulation.json").read_text())["target_training_clips"] == 5
    kept = contents(fleet / "valve")
    assert all(kept.get(name, clip) == clip for name, clip in contents(home).items() if name.endswith("wav"))
    assert simulate(tmp_path, machines=["valve"], target_clips=5, **SMALL) == [home]
    for other in ({}, {"target_clips": 4}):
        with pytest.raises(CorpusError, match=r"other settings \(target_clips=5\)"):
            simulate(tmp_path, machines=["valve"], **other, **SMALL)


def test_the_usual_number_of_target_clips_may_be_said(fleet):
    """And a folder that was made without saying it is still known."""
    before = contents(fleet / "fan")
    simulate(fleet, machines=["fan"], target_clips=3, **SMALL)
    assert contents(fleet / "fan") == before


def test_a_folder_that_was_not_simulated_is_left_alone(tmp_path):
    (tmp_path / "fan" / "train").mkdir(parents=True)
    with pytest.raises(CorpusError, match="not made by a simulation"):
        simulate(tmp_path, machines=1, **SMALL)
    assert (tmp_path / "fan" / "train").exists()


def test_a_simulation_that_was_killed_is_resumed_and_not_mistaken_for_done(fleet, tmp_path):
    def kill(stage, done, *_):
        if stage == "gearbox" and done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(tmp_path, machines=2, progress=kill, **SMALL)
    assert (tmp_path / "fan").exists()
    assert not (tmp_path / "gearbox").exists()
    finished = (tmp_path / "fan" / "simulation.json").stat().st_mtime_ns
    told = []
    simulate(tmp_path, machines=2, progress=lambda *step: told.append(step), **SMALL)
    assert (tmp_path / "fan" / "simulation.json").stat().st_mtime_ns == finished
    assert {stage for stage, *_ in told} == {"gearbox"}
    assert told[-1] == ("gearbox", 32, 32, {})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["fan", "gearbox"]
    assert contents(tmp_path / "gearbox") == contents(fleet / "gearbox")


def test_a_clip_without_a_mask_says_so(fleet):
    normal = next((fleet / "fan" / "test").glob("*normal*"))
    with pytest.raises(CorpusError, match="only anomalous simulated clips"):
        load_mask(normal)


def test_a_damaged_mask_says_so(tmp_path):
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "clip.npy").write_bytes(b"not an array")
    with pytest.raises(CorpusError, match="no mask of a simulated clip"):
        load_mask(tmp_path / "test" / "clip.wav")
