"""The picture of an explanation: its panels, scales, units and titles."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from auscult.corpus import AudioClip
from auscult.detectors.maps.map_limits import MapLimits
from auscult.errors import MissingExtraError, OptionError
from auscult.model import Score
from auscult.report import pictures
from auscult.report.explanation import Explanation, explanation
from auscult.report.pictures import compact_png, draw_explanation, verdict_text
from auscult.report.timeline import Timeline
from auscult.sound import Waveform
from auscult.spectrum import FrontEnd

pytest.importorskip("matplotlib")
FRONT_END = FrontEnd()
LIMITS = MapLimits(steady=4.0, burst=2.0, spot=6.0)
NOISE = np.random.default_rng(0).normal(0, 0.1, 32000)


def waveform(samples: np.ndarray = NOISE, rate: int = 16000) -> Waveform:
    return Waveform(samples.astype(np.float32), rate, path="clip.wav")


def frames_in(count: int, front_end: FrontEnd = FRONT_END) -> int:
    return front_end.frames_in(count)


def explained(
    map: np.ndarray | None = None,
    *,
    sound: Waveform | None = None,
    nearest: Waveform | None = None,
    zscores: bool = True,
    front_end: FrontEnd = FRONT_END,
    start_seconds: float = 0.0,
    name: str = "train/7.wav",
    **changes,
) -> Explanation:
    sound = sound or waveform()
    if map is None:
        map = np.random.default_rng(1).normal(
            0, 0.4, (frames_in(len(sound.samples), front_end), front_end.n_mels)
        )
    score = Score(
        "clip.wav",
        12.34,
        10.0,
        True,
        nearest=name,
        map=map,
        maps_are_zscores=zscores,
        map_limits=LIMITS,
    )
    near = None if nearest is None else AudioClip.from_waveform(nearest)
    recording = AudioClip.from_waveform(sound)
    return explanation(replace(score, **changes), front_end, recording, near, start_seconds=start_seconds)


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were saved, in order."""
    figures, save = [], pictures.save_figure

    def recording_save(figure, path_out, **options):
        figures.append(figure)
        save(figure, path_out, **options)

    monkeypatch.setattr(pictures, "save_figure", recording_save)
    return figures


def panels(figure) -> dict[str, object]:
    """The panels by the start of their title."""
    return {axes.get_title(loc="left").split(":")[0].split(",")[0]: axes for axes in figure.axes}


def draw(path_out, explained_score=None, **options):
    draw_explanation(path_out, explained_score or explained(), title="clip.wav", **options)


def test_the_extension_sets_the_format(tmp_path):
    draw(tmp_path / "why.png")
    assert (tmp_path / "why.png").read_bytes().startswith(b"\x89PNG")
    draw(tmp_path / "why.svg")
    assert b"<svg" in (tmp_path / "why.svg").read_bytes()
    stream = io.BytesIO()
    draw(stream)
    assert stream.getvalue().startswith(b"\x89PNG")


def test_every_axis_has_a_unit(tmp_path, drawn):
    impacts = waveform(NOISE + 3 * np.tile(np.r_[np.hanning(16), np.zeros(384)], 80))
    draw(tmp_path / "why.png", explained(sound=impacts, nearest=waveform()))
    labels = [label for axes in drawn[0].axes for label in (axes.get_xlabel(), axes.get_ylabel()) if label]
    assert all("[" in label and "]" in label for label in labels)
    assert {"time [s]", "frequency [Hz]", "level [dB]", "deviation [× normal limit]"} <= set(labels)
    assert "repetitions per second [Hz]" in labels
    draw(tmp_path / "raw.png", explained(np.abs(explained().map), zscores=False))
    labels = {axes.get_ylabel() for axes in drawn[1].axes}
    assert "added to the score [score]" in labels
    assert "deviation [× normal limit]" not in labels


def test_the_frequency_axis_reaches_down_to_10_hz(tmp_path, drawn):
    for rate in (1000, 16000, 64000):
        front_end = FrontEnd(sample_rate=rate, n_mels=32)
        draw(tmp_path / "why.png", explained(sound=waveform(rate=rate), front_end=front_end))
        axes = panels(drawn[-1])["Spectrogram"]
        ticks = [label.get_text() for label in axes.get_yticklabels()]
        assert ticks[0] == "10"
        assert axes.get_ylim()[0] == 0.0
    assert {"50", "1 k", "10 k", "20 k"} <= set(ticks)


def test_a_tone_is_at_the_right_tick_in_spectrogram_and_map(tmp_path, drawn):
    time = np.arange(32000) / 16000
    tone = waveform(np.sin(2 * np.pi * 1000 * time) + 0.001 * NOISE)
    map = AudioClip.from_waveform(tone).log_mel(FRONT_END) + 200.0
    draw(tmp_path / "why.png", explained(map, sound=tone))
    by_title = panels(drawn[0])
    for name, tolerance in (("Spectrogram", 0.03), ("Deviation from normal recordings", 0.06)):
        axes = by_title[name]
        ticks = dict(zip([t.get_text() for t in axes.get_yticklabels()], axes.get_yticks(), strict=True))
        image = np.asarray(axes.images[0].get_array())
        row = (np.argmax(image.mean(axis=1)) + 0.5) / len(image) * axes.get_ylim()[1]
        assert row == pytest.approx(ticks["1 k"], rel=tolerance)


def test_both_spectrograms_have_one_colour_scale(tmp_path, drawn):
    draw(tmp_path / "why.png", explained(nearest=waveform(0.01 * NOISE)))
    by_title = panels(drawn[0])
    loud, quiet = (by_title[name].images[0] for name in ("Spectrogram", "Nearest normal"))
    assert loud.get_clim() == quiet.get_clim()
    assert np.median(np.asarray(loud.get_array())) == pytest.approx(
        np.median(np.asarray(quiet.get_array())) + 40, abs=1
    )
    assert "Nearest normal: train/7.wav" in {axes.get_title(loc="left") for axes in drawn[0].axes}


def test_a_nearest_recording_of_another_length_has_another_time_axis(tmp_path, drawn):
    draw(tmp_path / "why.png", explained(nearest=waveform(NOISE[:8000]), nearest_window=(10.0, 10.5)))
    by_title = panels(drawn[0])
    assert by_title["Spectrogram"].get_xlim() == (0.0, 2.0)
    assert by_title["Nearest normal"].get_xlim() == (10.0, 10.5)
    assert by_title["Nearest normal"].get_title(loc="left") == "Nearest normal: train/7.wav (10–10.5 s)"


@pytest.mark.parametrize("length", [50, 90, 300])
def test_the_title_of_the_nearest_recording_is_not_wider_than_the_panel(tmp_path, drawn, length):
    impacts = waveform(NOISE + 3 * np.tile(np.r_[np.hanning(16), np.zeros(384)], 80))
    draw(tmp_path / "why.png", explained(sound=impacts, nearest=waveform(), name="m" * length + ".wav"))
    axes = panels(drawn[0])["Nearest normal"]
    title = next(t for t in axes.get_children() if getattr(t, "get_text", str)().startswith("Nearest"))
    assert title.get_window_extent(drawn[0].canvas.get_renderer()).x1 <= axes.bbox.x1 + 1
    assert title.get_text().endswith(".wav")


def test_another_condition_of_the_nearest_recording_is_stated(tmp_path, drawn):
    name = "section_00_source_{}_0001_rec_{}_motor_M1_spd_{}{}.wav"
    path = name.format("test_anomaly", 7, 1400, "_fault_propeller")
    draw(tmp_path / "why.png", explained(nearest=waveform(), path=path))
    other = explained(nearest=waveform(), path=path, name=name.format("train_normal", 2, 1650, ""))
    assert other.nearest_differs == "spd 1650, not 1400"
    draw(tmp_path / "other.png", other)
    (title,) = [a.get_title(loc="left") for a in drawn[1].axes if "Nearest" in a.get_title(loc="left")]
    assert title.endswith("\nin another condition: spd 1650, not 1400")
    assert not any("another condition" in a.get_title(loc="left") for a in drawn[0].axes)


def test_the_scores_of_all_sections_are_above_the_picture_of_one(tmp_path, drawn):
    timeline = Timeline([(0, 2, 1.0), (2, 4, 12.34), (4, 6, 2.0)], 10.0, [(2, 4)], (2, 4))
    draw(tmp_path / "why.png", replace(explained(start_seconds=2.0), timeline=timeline))
    by_title = panels(drawn[0])
    axes = by_title["Score of each section; boxed"]
    assert axes.get_xlim() == (0.0, 6.0)
    assert axes.get_position().y0 > by_title["Spectrogram"].get_position().y1
    assert by_title["Spectrogram"].get_xlim() == (2.0, 4.0)


def test_a_zscore_map_has_a_fixed_colour_scale(tmp_path, drawn):
    map = np.random.default_rng(1).normal(0, 0.4, (frames_in(32000), 128))
    draw(tmp_path / "normal.png", explained(map, anomalous=False, score=1.0))
    map[20:30, 40:60] = 50.0
    draw(tmp_path / "anomalous.png", explained(map))
    normal, anomalous = (panels(figure)["Deviation from normal recordings"] for figure in drawn)
    assert normal.images[0].get_clim() == anomalous.images[0].get_clim() == (0.25, 8.0)
    red, green, blue, _ = anomalous.images[0].to_rgba(np.array([[0.3, 0.99, 1.01, 6.0]])).T
    assert list((red == green) & (green == blue)) == [[True], [True], [False], [False]], "grey up to 1"
    assert np.nanmax(normal.images[0].get_array()) < 0.6, "a normal recording is dark"
    assert np.nanmax(anomalous.images[0].get_array()) > 2.0
    assert (len(normal.patches), len(anomalous.patches)) == (0, 1)
    texts = [text.get_text() for axes in drawn[0].axes for text in axes.texts]
    assert any("nothing beyond what\nnormal recordings show" in text for text in texts)


def test_regions_are_listed_with_their_names(tmp_path, drawn):
    map = np.random.default_rng(1).normal(0, 0.4, (frames_in(32000), 128))
    map[:, 40:60] += 18.0
    for frame in (10, 25, 40):
        map[frame] += 20.0
    draw(tmp_path / "why.png", explained(map, start_seconds=840.0))
    (text,) = [t.get_text() for axes in drawn[0].axes for t in axes.texts if "Deviations" in t.get_text()]
    assert "1  steady band" in text
    assert "2  knocks" in text
    assert "at 840.32, 840.80, 841.28 s" in text
    assert panels(drawn[0])["Spectrogram"].get_xlim() == pytest.approx((840.0, 842.0))


def test_an_anomaly_without_a_region_says_what_deviates_most(tmp_path, drawn):
    map = np.random.default_rng(1).normal(0, 0.2, (frames_in(32000), 128))
    map[:, 40:60] += 3.0
    draw(tmp_path / "why.png", explained(map))
    (text,) = [t.get_text() for axes in drawn[0].axes for t in axes.texts if "Deviations" in t.get_text()]
    assert "no part alone exceeds" in text
    assert "steady band" in text
    assert not panels(drawn[0])["Spectrogram"].patches


def test_an_envelope_spectrum_is_drawn_where_impacts_repeat(tmp_path, drawn):
    ring = np.exp(-np.arange(200) / 30) * np.sin(2 * np.pi * 3000 * np.arange(200) / 16000)
    impacts = waveform(NOISE + 3 * np.tile(np.r_[ring, np.zeros(200)], 80))
    draw(tmp_path / "with.png", explained(sound=impacts, nearest=waveform()))
    draw(tmp_path / "normal.png", explained(sound=impacts, nearest=waveform(), anomalous=False))
    with_impacts, normal = map(panels, drawn)
    assert "Spectrum of the envelope" in with_impacts
    assert "impacts at 40.0 Hz" in with_impacts["Spectrum of the envelope"].get_title(loc="left")
    assert "Spectrum of the envelope" not in normal


def test_the_title_has_clip_score_threshold_and_verdict(tmp_path, drawn):
    draw_explanation(tmp_path / "why.png", explained(), title="fan $5^{x.wav")
    assert drawn[0].get_suptitle() == "fan $5^{x.wav\nscore 12.34 · threshold 10 · ANOMALY"


def test_without_a_threshold_there_is_no_verdict():
    assert verdict_text(Score("c", 1.5, None, None)) == "score 1.5 · no threshold, so no verdict"
    assert verdict_text(Score("c", 1.5, 2.0, False)).endswith("normal")


def test_a_map_with_negative_contributions_has_a_symmetric_colour_scale(tmp_path, drawn):
    map = np.random.default_rng(1).normal(size=(frames_in(32000), 128))
    draw(tmp_path / "why.png", explained(map, zscores=False))
    low, high = panels(drawn[0])["Where the score comes from"].images[0].get_clim()
    assert low == -high < 0


def test_digital_silence_does_not_take_up_the_colour_range(tmp_path, drawn):
    silent = NOISE.copy()
    silent[:16000] = 0
    draw(tmp_path / "why.png", explained(sound=waveform(silent)))
    low, high = panels(drawn[0])["Spectrogram"].images[0].get_clim()
    assert high - low <= 80


@pytest.mark.parametrize("count", [1, 600, 1200])
def test_the_shortest_recordings_can_be_drawn(tmp_path, count):
    draw(tmp_path / "why.png", explained(sound=waveform(NOISE[:count])))
    assert (tmp_path / "why.png").stat().st_size > 0


def test_silence_a_map_of_zeros_and_a_narrow_front_end_can_be_drawn(tmp_path):
    zeros = np.zeros((frames_in(32000), 128))
    draw(tmp_path / "why.png", explained(zeros, sound=waveform(0 * NOISE)))
    narrow = FrontEnd(n_mels=4, f_min=110.0, f_max=240.0)
    draw(tmp_path / "narrow.png", explained(front_end=narrow))
    assert (tmp_path / "narrow.png").stat().st_size > 0


def test_an_unknown_format_or_folder_is_an_error(tmp_path):
    with pytest.raises(OptionError, match="xyz"):
        draw(tmp_path / "why.xyz")
    with pytest.raises(OptionError, match="cannot be written"):
        draw(tmp_path / "absent" / "why.png")


def test_a_score_without_a_map_or_with_another_front_end_is_refused():
    with pytest.raises(OptionError, match="explain=True"):
        explanation(Score("c", 1.0, None, None), FRONT_END, AudioClip.from_waveform(waveform()))
    with pytest.raises(OptionError, match="128"):
        explained(np.ones((3, 5)))


def test_without_matplotlib_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"auscult\[report\]"):
        draw(tmp_path / "why.png")


def test_importing_does_not_load_matplotlib_and_drawing_does_not_load_pyplot(tmp_path):
    code = (
        "import sys, numpy as np\n"
        "from auscult.report.explanation import explanation\n"
        "from auscult.report.pictures import draw_explanation\n"
        "from auscult.corpus import AudioClip\n"
        "from auscult.model import Score\n"
        "from auscult.sound import Waveform\n"
        "from auscult.spectrum import FrontEnd\n"
        "assert 'matplotlib' not in sys.modules\n"
        "x = np.ones((5, 128), np.float32)\n"
        "clip = AudioClip.from_waveform(Waveform(np.ones(2048, np.float32), 16000))\n"
        "explained = explanation(Score('c', 1.0, None, None, map=x), FrontEnd(), clip)\n"
        f"draw_explanation({str(tmp_path / 'x.png')!r}, explained, title='c')\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_resolution_sets_the_size_in_pixels():
    small, large = io.BytesIO(), io.BytesIO()
    draw(small, dots_per_inch=50)
    draw(large, dots_per_inch=100)
    assert int.from_bytes(small.getvalue()[16:20], "big") == 550
    assert int.from_bytes(large.getvalue()[16:20], "big") == 1100


def test_a_compact_picture_looks_the_same_and_is_smaller():
    image = pytest.importorskip("PIL.Image")
    stream = io.BytesIO()
    draw(stream, explained(nearest=waveform()), dots_per_inch=50)
    compact = compact_png(stream.getvalue())
    assert len(compact) < 0.6 * len(stream.getvalue())
    before, after = (
        np.asarray(image.open(io.BytesIO(data)).convert("RGB"), float)
        for data in (stream.getvalue(), compact)
    )
    assert before.shape == after.shape
    assert np.abs(before - after).mean() < 4
