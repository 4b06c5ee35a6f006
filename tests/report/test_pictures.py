import io
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from auscult.errors import MissingExtraError, OptionError
from auscult.model import Score
from auscult.report import pictures
from auscult.report.pictures import draw_explanation, verdict_text
from auscult.spectrum import FrontEnd, log_mel

pytest.importorskip("matplotlib")
FRONT_END = FrontEnd()
SCORE = Score("clip.wav", 12.34, 10.0, True, nearest="train/7.wav")


@pytest.fixture(scope="module")
def frames():
    return log_mel(np.random.default_rng(0).normal(0, 0.1, 32000).astype(np.float32), FRONT_END)


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were saved, in order."""
    figures, save = [], pictures.save_figure

    def recording_save(figure, path_out, **options):
        figures.append(figure)
        save(figure, path_out, **options)

    monkeypatch.setattr(pictures, "save_figure", recording_save)
    return figures


def draw(path_out, frames, **changes):
    score = replace(
        SCORE,
        map=changes.pop("map", np.abs(frames) ** 2),
        maps_are_zscores=changes.pop("maps_are_zscores", False),
    )
    options = {"front_end": FRONT_END, "score": score, "title": "clip.wav"}
    draw_explanation(path_out, frames=frames, **{**options, **changes})


def test_writes_a_png(tmp_path, frames):
    draw(tmp_path / "why.png", frames)
    assert (tmp_path / "why.png").read_bytes().startswith(b"\x89PNG")


def test_the_extension_sets_the_format(tmp_path, frames):
    draw(tmp_path / "why.svg", frames)
    assert b"<svg" in (tmp_path / "why.svg").read_bytes()


def test_a_stream_gets_a_png(frames):
    stream = io.BytesIO()
    draw(stream, frames)
    assert stream.getvalue().startswith(b"\x89PNG")


def test_axes_are_labelled_in_seconds_and_hertz(tmp_path, frames, drawn):
    draw(tmp_path / "why.png", frames)
    (figure,) = drawn
    labels = {axes.get_xlabel() for axes in figure.axes} | {axes.get_ylabel() for axes in figure.axes}
    assert {"time [s]", "frequency [Hz]", "level [dB]", "added to the score"} <= labels
    spectrogram = figure.axes[0]
    assert spectrogram.get_xlim() == pytest.approx((0, (len(frames) - 0.5) * 512 / 16000))
    ticks = [label.get_text() for label in spectrogram.get_yticklabels()]
    assert "1 k" in ticks
    assert "8 k" in ticks


def test_frequency_ticks_are_at_the_right_band(tmp_path, frames, drawn):
    map = np.zeros_like(frames)
    tone = np.sin(2 * np.pi * 1000 * np.arange(32000) / 16000).astype(np.float32)
    frames = log_mel(tone, FRONT_END)
    draw(tmp_path / "why.png", frames, map=map)
    axes = drawn[0].axes[0]
    heights = dict(
        zip([label.get_text() for label in axes.get_yticklabels()], axes.get_yticks(), strict=True)
    )
    assert abs(heights["1 k"] - (np.argmax(frames.mean(axis=0)) + 0.5)) <= 1


def test_the_title_holds_clip_score_threshold_and_verdict(tmp_path, frames, drawn):
    draw(tmp_path / "why.png", frames, title="fan $5^{x.wav")
    text = drawn[0].get_suptitle()
    assert text == "fan $5^{x.wav\nscore 12.34 · threshold 10 · ANOMALY"


def test_without_a_threshold_there_is_no_verdict():
    assert verdict_text(Score("c", 1.5, None, None)) == "score 1.5 · no threshold, so no verdict"
    assert verdict_text(Score("c", 1.5, 2.0, False)).endswith("normal")


def test_a_map_with_negative_values_has_a_symmetric_colour_range(tmp_path, frames, drawn):
    map = np.random.default_rng(1).normal(size=frames.shape).astype(np.float32)
    draw(tmp_path / "why.png", frames, map=map)
    low, high = drawn[0].axes[1].images[0].get_clim()
    assert low == -high < 0


def test_a_zscore_map_of_a_normal_recording_is_dark(tmp_path, frames, drawn):
    map = np.random.default_rng(1).normal(0, 0.4, frames.shape).astype(np.float32)
    draw(tmp_path / "normal.png", frames, map=map, maps_are_zscores=True)
    map[20:30, 40:44] = 9.0
    draw(tmp_path / "anomalous.png", frames, map=map, maps_are_zscores=True)
    (normal, anomalous) = (figure.axes[1].images[0].get_clim() for figure in drawn)
    assert normal == (0.0, 4.0), "the colour range starts at zero and covers at least four deviations"
    assert anomalous[1] > 6
    labels = {axes.get_ylabel() for axes in drawn[0].axes}
    assert "above normal [std. dev.]" in labels
    assert "added to the score" not in labels
    assert len(drawn[1].axes[0].patches) == 1, "the anomaly is one region"
    assert not drawn[0].axes[0].patches, "a normal recording has no region"


def test_the_nearest_normal_recording_is_drawn_on_the_same_axes(tmp_path, frames, drawn):
    draw(tmp_path / "without.png", frames)
    draw(tmp_path / "with.png", frames, nearest=frames[:40] - 6)
    without_nearest, with_nearest = drawn
    assert [len(figure.axes[0].get_figure().axes) for figure in drawn] == [7, 9]
    by_title = {axes.get_title(loc="left"): axes for axes in with_nearest.axes}
    nearest = by_title["Nearest normal: train/7.wav"]
    assert np.array_equal(nearest.images[0].get_array(), (frames[:40] - 6).T)
    low, high = nearest.images[0].get_clim()
    assert low < high == (frames[:40] - 6).max(), "it has its own colour range, or a quiet one would be dark"
    assert nearest.get_xlim() == pytest.approx((0, (len(frames) - 0.5) * 512 / 16000))
    assert not any("Nearest" in axes.get_title(loc="left") for axes in without_nearest.axes)


def test_a_long_path_is_shortened_in_the_middle():
    path = "/".join(["folder"] * 40) + "/the_file.wav"
    short = pictures._shortened(f"Nearest normal: {path}")
    assert len(short) == pictures._MAX_TITLE
    assert short.startswith("Nearest normal: ")
    assert short.endswith("/the_file.wav")


def test_digital_silence_does_not_take_up_the_colour_range(tmp_path, frames, drawn):
    frames = frames.copy()
    frames[:30] = -156.5
    draw(tmp_path / "why.png", frames)
    low, high = drawn[0].axes[0].images[0].get_clim()
    assert high - low <= 80


@pytest.mark.parametrize("count", [1, 2])
def test_the_shortest_recordings_can_be_drawn(tmp_path, frames, count):
    draw(tmp_path / "why.png", frames[:count])
    assert (tmp_path / "why.png").stat().st_size > 0


def test_a_map_of_zeros_can_be_drawn(tmp_path, frames):
    draw(tmp_path / "why.png", frames, map=np.zeros_like(frames))
    assert (tmp_path / "why.png").stat().st_size > 0


def test_a_narrow_front_end_can_be_drawn(tmp_path):
    front_end = FrontEnd(n_mels=4, f_min=110.0, f_max=240.0)
    frames = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    draw(tmp_path / "why.png", frames, front_end=front_end)
    assert (tmp_path / "why.png").stat().st_size > 0


def test_frames_and_map_must_match(tmp_path, frames):
    with pytest.raises(OptionError, match="same shape"):
        draw(tmp_path / "why.png", frames, map=np.ones((3, 128)))
    with pytest.raises(OptionError, match="128"):
        draw(tmp_path / "why.png", frames, map=np.ones((3, 5)))
    with pytest.raises(OptionError, match="explain=True"):
        draw(tmp_path / "why.png", frames, map=None)


def test_an_unknown_format_or_folder_is_an_error(tmp_path, frames):
    with pytest.raises(OptionError, match="xyz"):
        draw(tmp_path / "why.xyz", frames)
    with pytest.raises(OptionError, match="cannot be written"):
        draw(tmp_path / "absent" / "why.png", frames)


def test_without_matplotlib_the_error_says_what_to_install(tmp_path, frames, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"auscult\[report\]"):
        draw(tmp_path / "why.png", frames)


def test_importing_does_not_load_matplotlib_and_drawing_does_not_load_pyplot(tmp_path):
    code = (
        "import sys, numpy as np\n"
        "from auscult.report.pictures import draw_explanation\n"
        "from auscult.model import Score\n"
        "from auscult.spectrum import FrontEnd\n"
        "assert 'matplotlib' not in sys.modules and 'scipy' not in sys.modules\n"
        "x = np.ones((5, 128), np.float32)\n"
        f"draw_explanation({str(tmp_path / 'x.png')!r}, frames=x, front_end=FrontEnd(),\n"
        "                 score=Score('c', 1.0, None, None, map=x), title='c')\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("count", "smoothing"), [(300, "nearest"), (3000, "antialiased")])
def test_images_with_more_frames_than_pixels_are_smoothed_to_keep_clicks_visible(
    tmp_path, drawn, count, smoothing
):
    frames = np.zeros((count, 128), np.float32)
    frames[count // 2] = 60.0
    draw(tmp_path / "why.png", frames, map=frames)
    image = drawn[0].axes[0].images[0]
    assert image.get_interpolation() == smoothing
    assert image.get_extent() == pytest.approx((0, (count - 0.5) * 512 / 16000, 0, 128))


def test_the_resolution_sets_the_size_in_pixels(frames):
    small, large = io.BytesIO(), io.BytesIO()
    draw(small, frames, dots_per_inch=50)
    draw(large, frames, dots_per_inch=100)
    assert int.from_bytes(small.getvalue()[16:20], "big") == 500
    assert int.from_bytes(large.getvalue()[16:20], "big") == 1000
