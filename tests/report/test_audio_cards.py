import io
import wave
from dataclasses import replace

import numpy as np
import pytest

from auscult.report.audio_cards import MAX_RATE, THRESHOLD_NOTES, audio_cards, chosen_clips
from auscult.report.bench_data import read_bench
from auscult.report.fragments import excerpt, wav_bytes
from auscult.sound import Waveform


def test_a_wav_is_16_bit_mono_and_clipped():
    with wave.open(io.BytesIO(wav_bytes(np.array([0.0, 0.5, 2.0, -2.0]), 8000))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 8000)
        assert np.frombuffer(file.readframes(4), "<i2").tolist() == [0, 16384, 32767, -32767]


def test_a_short_waveform_is_not_cut():
    waveform = Waveform(np.arange(100, dtype=np.float32), 100)
    assert excerpt(waveform, np.ones(5)) == (waveform, 0.0)


@pytest.mark.parametrize("second", [0, 13, 29])
def test_the_excerpt_holds_the_largest_weights(second):
    waveform = Waveform(np.repeat(np.arange(30), 100).astype(np.float32), 100)
    weight = np.zeros(60)
    weight[2 * second : 2 * second + 2] = 1.0
    part, start = excerpt(waveform, weight)
    assert len(part.samples) == 1000
    assert second in part.samples
    assert part.samples[0] == waveform.samples[round(start * 100)]


def test_the_median_normal_of_the_source_domain_and_the_highest_score_are_chosen(finished_bench):
    stage = read_bench(finished_bench[1]).stages[0]
    values = np.arange(16.0)[::-1].copy()  # another order than that of the clips, so that the domains differ
    stage = replace(stage, scores={"mse": values})
    (caption, typical), (_, most_anomalous) = chosen_clips(stage, "mse")
    clip = stage.clips[typical]
    assert (clip.condition, clip.domain) == ("normal", "source")
    same = [v for v, c in zip(values, stage.clips, strict=True) if _kind(c) == ("normal", "source")]
    assert sorted(same).index(values[typical]) == 1
    assert caption == "A typical normal clip (median score of the normal test clips of the source domain)"
    assert values[most_anomalous] == values.max()


def test_without_domains_the_median_is_over_all_normal_clips(finished_bench):
    stage = read_bench(finished_bench[1]).stages[0]
    stage = replace(stage, clips=tuple(replace(clip, domain=None) for clip in stage.clips))
    (caption, typical), _ = chosen_clips(stage, "mse")
    values = stage.scores["mse"]
    normals = [v for v, c in zip(values, stage.clips, strict=True) if c.condition == "normal"]
    assert sorted(normals).index(values[typical]) == 3
    assert caption == "A typical normal clip (median score of the normal test clips)"


def _kind(clip):
    return clip.condition, clip.domain


def test_a_card_has_sound_picture_and_text(finished_bench):
    stage = read_bench(finished_bench[1]).stages[0]
    cards = audio_cards(stage, "mahalanobis", stage.model())
    assert len(cards) == 2
    for card in cards:
        with wave.open(io.BytesIO(card.sound)) as sound:
            assert sound.getframerate() == MAX_RATE
        assert card.picture.startswith(b"\x89PNG")
        assert "Deviations: " in card.alt
        assert "dB (the same for the clips of this machine)" in card.playback
        assert "frequencies up to" not in card.playback
        assert card.note == THRESHOLD_NOTES["gamma_scipy"]
    assert "labelled normal" in cards[0].caption


def test_without_a_threshold_there_is_no_threshold_note(finished_bench):
    stage = replace(read_bench(finished_bench[1]).stages[0], thresholds={})
    assert [card.note for card in audio_cards(stage, "mse", stage.model())] == ["", ""]


def test_a_card_shows_the_score_of_the_stage(finished_bench):
    stage = read_bench(finished_bench[1]).stages[0]
    (_, card) = audio_cards(stage, "mahalanobis", stage.model())
    assert card.verdict.startswith(f"score {stage.scores['mahalanobis'].max():.4g} · threshold")
