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


def windows(
    samples: np.ndarray, name: str, source: str | None = None, *, seconds: int = 1
) -> list[AudioClip]:
    """The windows of a file as `cut_into_windows` makes them."""
    parts = [samples[first : first + seconds * RATE] for first in range(0, len(samples), seconds * RATE)]
    return [
        AudioClip(
            Clip(name, source_recording=source or name, window=(k * seconds, (k + 1) * seconds)),
            lambda part=part: Waveform(part.astype(np.float32), RATE),
        )
        for k, part in enumerate(parts)
    ]


def grouped(recordings, **options):
    inspection = inspect_recordings(recordings, minimum_samples=1000)
    return keep_cuts_together(inspection, **options)


def sources(inspection) -> list[str | None]:
    return [r.clip.source_recording for r in inspection.usable]


def kinds(inspection) -> set[str]:
    return {finding.kind for finding in inspection.findings} & {"copies", "cuts", "duplicates"}


@pytest.fixture
def cuts(machine_sound):
    """``cuts(sound, pieces=…)``: six recordings of 12 s of ``sound(seed, seconds)``, of which these pieces of
    3 s are kept, in a random order under neutral names; and the recording that each is cut from."""

    def make(sound=machine_sound, pieces=range(4)):
        cut = [(i, sound(i, 12.0)[3 * k * RATE : 3 * (k + 1) * RATE]) for i in range(6) for k in pieces]
        order = np.random.default_rng(0).permutation(len(cut))
        return [cut[i][0] for i in order], [recording(cut[i][1], f"{n}.wav") for n, i in enumerate(order)]

    return make


@pytest.fixture
def at_another_place(machine_sound):
    """``at_another_place(seed, seconds)``: a sound of the machine with the colour of its place."""

    def sound(seed: int, seconds: float) -> np.ndarray:
        response = np.random.default_rng([seed, 7]).standard_normal(12)
        return np.convolve(machine_sound(seed, seconds), response, mode="same")

    return sound


def joined(result, truth) -> tuple[float, int]:
    """The share of true pairs joined, and the number of false ones."""
    pairs = [(i, k) for i in range(len(truth)) for k in range(i)]
    same = [result[i] == result[k] is not None for i, k in pairs if truth[i] == truth[k]]
    return float(np.mean(same)), sum(result[i] == result[k] is not None for i, k in pairs) - sum(same)


def test_pieces_share_the_source_of_their_recording(cuts):
    truth, recordings = cuts()
    inspection = grouped(recordings)
    result = sources(inspection)
    share, false = joined(result, truth)
    assert share >= 0.8
    assert false == 0
    assert kinds(inspection) == {"cuts"}
    assert not inspection.prints, "they are no longer needed"
    folds = folds_of(inspection.usable, 5, seed=0)
    assert len(set(zip(result, folds, strict=True))) == len(set(result))


def test_the_label_shows_whether_groups_are_far_apart(cuts, at_another_place):
    """If they are not, they can be parts of one recording with a gap between them."""
    alike, apart = grouped(cuts()[1]), grouped(cuts(at_another_place)[1])
    assert (alike.threshold_label, apart.threshold_label) == (UNVERIFIED, None)


def test_pieces_with_gaps_between_them_are_joined_or_labelled(cuts, at_another_place):
    truth, recordings = cuts(at_another_place, pieces=(0, 2, 3))
    inspection = grouped(recordings)
    assert joined(sources(inspection), truth) == (1.0, 0)
    assert inspection.threshold_label is None
    assert grouped(cuts(pieces=(0, 2))[1]).threshold_label == UNVERIFIED


def test_a_piece_that_is_alone_among_groups_makes_them_unverified(cuts, at_another_place):
    _, recordings = cuts(at_another_place)
    recordings.append(recording(at_another_place(9, 3.0), "alone.wav"))
    inspection = grouped(recordings)
    assert sources(inspection)[-1] is None
    assert inspection.threshold_label == UNVERIFIED


def test_two_microphones_of_a_run_are_joined_and_make_other_groups_unverified(cuts, at_another_place):
    rng = np.random.default_rng(0)

    def other_microphone(seed: int, seconds: float) -> np.ndarray:
        if seed == 5:  # the other microphone of run 0
            run = at_another_place(0, seconds)
            coloured = np.convolve(run, np.random.default_rng(3).standard_normal(12), mode="same")
            return coloured + 2.0 * np.std(coloured) * rng.standard_normal(len(run))
        return at_another_place(seed, seconds)

    truth, recordings = cuts(other_microphone)
    inspection = grouped(recordings)
    assert joined(sources(inspection), [i % 5 for i in truth]) == (1.0, 0)
    assert inspection.threshold_label == UNVERIFIED


def test_independent_recordings_that_differ_keep_their_own_source_without_a_label(at_another_place):
    recordings = [recording(at_another_place(i, 3.0), f"{i}.wav") for i in range(24)]
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


def test_windows_of_few_files_are_blocks_of_time_with_a_window_left_out_between_them(machine_sound):
    inspection = grouped(windows(machine_sound(1, 20.0), "long.wav"))
    kept = [k for k in range(20) if k not in (3, 7, 11, 15)]
    assert [r.clip.window for r in inspection.usable] == [(k, k + 1) for k in kept]
    assert sources(inspection) == [f"long.wav block {k // 4}" for k in kept]
    assert len(inspection.measures) == 16
    assert inspection.threshold_label == WITHIN
    (finding,) = [finding for finding in inspection.findings if finding.kind == "cuts"]
    assert (
        "1 recording divided into windows, which are learned and judged in separate blocks of time with "
        "4 windows left out" in finding.message
    )
    two = [*windows(machine_sound(1, 8.0), "a.wav"), *windows(machine_sound(2, 12.0), "b.wav")]
    assert grouped(two, copies_only=True).threshold_label == WITHIN


def test_windows_of_one_file_share_a_source_and_files_that_continue_each_other_are_joined(machine_sound):
    """As of a recorder that begins a new file every few minutes."""
    files = [(f"{i} {part}.wav", machine_sound(i, 12.0)[6 * RATE * part :][: 6 * RATE])
             for part in (1, 0) for i in range(6)]  # fmt: skip
    inspection = grouped([part for name, sound in files for part in windows(sound, name, seconds=3)])
    source_of = {r.clip.path: r.clip.source_recording for r in inspection.usable}
    assert len(inspection.usable) == 24
    assert all(source_of[f"{i} 0.wav"] == source_of[f"{i} 1.wav"] for i in range(6))
    assert len(set(source_of.values())) == 6
    (finding,) = [finding for finding in inspection.findings if finding.kind == "cuts"]
    assert "12 files sound as if cut from 6 longer recordings" in finding.message


def test_files_that_continue_each_other_are_one_recording_in_blocks_of_time(machine_sound):
    parts = np.split(machine_sound(1, 60.0), 5)
    files = [windows(parts[part], f"{part}.wav", seconds=3) for part in (3, 0, 1, 4, 2)]
    inspection = grouped([window for file in files for window in file])
    assert inspection.threshold_label == WITHIN
    times = {12 * int(r.clip.path[0]) + r.clip.window[0]: r.clip.source_recording for r in inspection.usable}
    in_time = [times[second] for second in sorted(times)]
    assert len(times) == 16
    assert np.sum(np.array(in_time[1:]) != np.array(in_time[:-1])) == 4, "blocks are contiguous"


def test_windows_of_stated_recordings_stay_with_them(machine_sound):
    files = [windows(machine_sound(i // 2, 8.0)[4 * RATE * (i % 2) :][: 4 * RATE], f"{i}.wav", f"tape {i}")
             for i in range(10)]  # fmt: skip
    inspection = grouped([window for file in files for window in file])
    assert set(sources(inspection)) == {f"tape {i}" for i in range(10)}
    assert inspection.threshold_label is None


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
