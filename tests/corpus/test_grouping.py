"""Recordings that are not independent by their sound share a source, and so a fold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from auscult.corpus import AudioClip, Clip, folds_of, inspect_recordings
from auscult.corpus.grouping import UNVERIFIED, WITHIN, keep_cuts_together
from auscult.corpus.sound_groups import components
from auscult.sound import Waveform

RATE = 8000


def recording(samples: np.ndarray, name: str, source: str | None = None) -> AudioClip:
    return AudioClip(Clip(name, source_recording=source), lambda: Waveform(samples.astype(np.float32), RATE))


def grouped(recordings, **options):
    inspection = inspect_recordings(recordings, minimum_samples=1000)
    return keep_cuts_together(inspection, **options)


def sources(inspection) -> list[str | None]:
    return [r.clip.source_recording for r in inspection.usable]


def kinds(inspection) -> set[str]:
    return {finding.kind for finding in inspection.findings} & {"copies", "cuts", "duplicates"}


@pytest.fixture
def pieces(machine_sound):
    """Six recordings, each cut into four pieces, in a random order under neutral names."""
    cut = [(i, machine_sound(i, 12.0)[3 * k * RATE : 3 * (k + 1) * RATE]) for i in range(6) for k in range(4)]
    order = np.random.default_rng(0).permutation(len(cut))
    return [cut[i][0] for i in order], [recording(cut[i][1], f"{n}.wav") for n, i in enumerate(order)]


def test_pieces_share_the_source_of_their_recording(pieces):
    truth, recordings = pieces
    inspection = grouped(recordings)
    result = sources(inspection)
    joined = [result[i] == result[k] is not None for i in range(24) for k in range(i) if truth[i] == truth[k]]
    false = [result[i] == result[k] is not None for i in range(24) for k in range(i) if truth[i] != truth[k]]
    assert np.mean(joined) >= 0.8
    assert not any(false)
    assert kinds(inspection) == {"cuts"}
    assert inspection.threshold_label is None
    assert not inspection.prints, "they are no longer needed"
    folds = folds_of(inspection.usable, 5, seed=0)
    assert len(set(zip(result, folds, strict=True))) == len(set(result))


def test_independent_recordings_keep_their_own_source_without_a_label(machine_sound):
    recordings = [recording(machine_sound(i, 4.0), f"{i}.wav") for i in range(24)]
    inspection = grouped(recordings)
    assert list(inspection.usable) == recordings
    assert (inspection.threshold_label, kinds(inspection)) == (None, set())


def test_where_nothing_can_be_decided_the_threshold_is_labelled():
    rng = np.random.default_rng(0)
    recordings = [recording(0.1 * rng.standard_normal(RATE), f"{i}.wav") for i in range(24)]
    inspection = grouped(recordings)
    assert (inspection.threshold_label, sources(inspection)) == (UNVERIFIED, [None] * 24)
    stated = grouped([recording(r.waveform().samples, r.clip.path, r.clip.path) for r in recordings])
    assert stated.threshold_label is None
    assert grouped(recordings, copies_only=True).threshold_label is None


@pytest.mark.parametrize("copies_only", [False, True])
def test_copies_share_a_fold_even_of_recordings_that_are_stated_to_be_independent(machine_sound, copies_only):
    sounds = [machine_sound(i) for i in range(12)]
    recordings = [recording(s, f"{i}.wav") for i, s in enumerate(sounds)]
    recordings += [recording(0.5 * s, f"copy {i}.wav") for i, s in enumerate(sounds)]
    inspection = grouped(recordings, copies_only=copies_only)
    result = sources(inspection)
    assert result[:12] == result[12:]
    assert len(set(result)) == 12
    assert kinds(inspection) == {"copies"}


def test_a_copy_of_a_clip_of_a_named_recording_joins_that_recording(machine_sound):
    recordings = [recording(machine_sound(i), f"{i}.wav", f"tape {i // 2}") for i in range(12)]
    recordings.append(recording(machine_sound(3), "copy.wav"))
    recordings.append(recording(machine_sound(4), "named copy.wav", "another tape"))
    result = sources(grouped(recordings))
    assert result[12] == result[3] == "tape 1"
    assert result[13] == result[4] == "tape 2"
    assert result[:12] == [f"tape {i // 2}" for i in range(12)]


def test_pieces_of_one_recording_are_divided_into_blocks_of_time(machine_sound):
    sound = machine_sound(1, 20.0)
    order = np.random.default_rng(1).permutation(20)
    recordings = [recording(sound[k * RATE : (k + 1) * RATE], f"{n}.wav") for n, k in enumerate(order)]
    inspection = grouped(recordings)
    assert inspection.threshold_label == WITHIN
    block_of = dict(zip(order.tolist(), sources(inspection), strict=True))
    in_time = [block_of[k] for k in range(20)]
    assert len(set(in_time)) == 5
    assert np.sum(np.array(in_time[1:]) != np.array(in_time[:-1])) == 4, "blocks are contiguous"


def test_names_of_sources_differ_between_inspections(machine_sound):
    """A model that is adapted holds the sources of both."""

    def names(first):
        sounds = [machine_sound(first + i // 2) for i in range(12)]
        return set(sources(grouped([recording(s, f"{i}.wav") for i, s in enumerate(sounds)])))

    assert not names(0) & names(6)


def test_components_connect_chains():
    assert components(6, [(4, 2), (2, 0), (5, 3)]) == [0, 1, 0, 2, 0, 2]
    assert components(0, []) == []


@pytest.mark.slow
@pytest.mark.parametrize("machine", ["FemtoBearing", "InductionMotor2", "MimiiFan02", "PaderbornBearing"])
def test_at_most_five_percent_of_independent_real_recordings_are_joined(real_data, segments_script, machine):
    prints, named = segments_script.sound_prints(real_data / "real" / machine)
    shares = []
    for seed in range(10):
        chosen = segments_script.one_of_each(named, seed)
        result = segments_script.shuffled_groups([prints[i] for i in chosen], seed)
        shares.append(segments_script.joined_share(result.groups))
    assert np.mean(shares) <= 0.05


@pytest.mark.slow
def test_four_fifths_of_the_pairs_of_the_motor_are_joined(real_data, segments_script):
    prints, _ = segments_script.sound_prints(Path(real_data) / "bldc" / "BrushlessMotor")
    result = segments_script.shuffled_groups(prints, 1)
    joined, pairs, false_pairs = segments_script.true_pairs_joined(result.groups, [i // 5 for i in range(55)])
    assert joined >= 0.8 * pairs
    assert false_pairs <= 0.05 * pairs
    assert result.decided


@pytest.fixture(scope="session")
def segments_script():
    """The module `bench/segments.py`."""
    import importlib.util

    path = Path(__file__).parents[2] / "bench" / "segments.py"
    spec = importlib.util.spec_from_file_location("segments", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
