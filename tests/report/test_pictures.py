import io
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from auscult.errors import MissingExtraError, OptionError
from auscult.model import Score
from auscult.report import pictures
from auscult.report.pictures import draw_explanation, verdict
from auscult.spectrum import FrontEnd, log_mel

pytest.importorskip("matplotlib")
FRONT_END = FrontEnd()
SCORE = Score("clip.wav", 12.34, 10.0, True, nearest="train/7.wav")


@pytest.fixture(scope="module")
def frames():
    return log_mel(np.random.default_rng(0).normal(0, 0.1, 32000).astype(np.float32), FRONT_END)


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were saved."""
    figures, save = [], pictures.save_figure

    def keep(figure, path_out, **options):
        figures.append(figure)
        save(figure, path_out, **options)

    monkeypatch.setattr(pictures, "save_figure", keep)
    return figures


def draw(path_out, frames, **changes):
    score = replace(SCORE, map=changes.pop("map", np.abs(frames) ** 2), points=changes.pop("points", False))
    options = {"front_end": FRONT_END, "score": score, "title": "clip.wav"}
    draw_explanation(path_out, frames=frames, **{**options, **changes})


def test_writes_a_png(tmp_path, frames):
    draw(tmp_path / "why.png", frames)
    assert (tmp_path / "why.png").read_bytes().startswith(b"\x89PNG")


def test_writes_by_the_ending_of_the_name(tmp_path, frames):
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


def test_a_tick_stands_at_its_own_frequency(tmp_path, frames, drawn):
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
    assert verdict(Score("c", 1.5, None, None)) == "score 1.5 · no threshold, so no verdict"
    assert verdict(Score("c", 1.5, 2.0, False)).endswith("normal")


def test_a_map_with_negative_values_gets_colours_on_both_sides_of_zero(tmp_path, frames, drawn):
    map = np.random.default_rng(1).normal(size=frames.shape).astype(np.float32)
    draw(tmp_path / "why.png", frames, map=map)
    low, high = drawn[0].axes[1].images[0].get_clim()
    assert low == -high < 0


def test_a_map_that_points_is_dark_where_running_is_normal(tmp_path, frames, drawn):
    map = np.random.default_rng(1).normal(0, 0.4, frames.shape).astype(np.float32)
    draw(tmp_path / "calm.png", frames, map=map, points=True)
    map[20:30, 40:44] = 9.0
    draw(tmp_path / "odd.png", frames, map=map, points=True)
    (calm, odd) = (figure.axes[1].images[0].get_clim() for figure in drawn)
    assert calm == (0.0, 4.0), "less than usual is no find, and four deviations are the least that is bright"
    assert odd[1] > 6
    labels = {axes.get_ylabel() for axes in drawn[0].axes}
    assert "above usual [std. dev.]" in labels
    assert "added to the score" not in labels
    assert len(drawn[1].axes[0].patches) == 1, "one region stands out"
    assert not drawn[0].axes[0].patches, "and where all is usual, none does"


def test_the_nearest_normal_stands_beside_on_the_same_axes(tmp_path, frames, drawn):
    draw(tmp_path / "why.png", frames)
    draw(tmp_path / "both.png", frames, nearest=frames[:40] - 6)
    alone, both = drawn
    assert [len(figure.axes[0].get_figure().axes) for figure in drawn] == [7, 9]
    titled = {axes.get_title(loc="left"): axes for axes in both.axes}
    beside = titled["Nearest normal: train/7.wav"]
    assert np.array_equal(beside.images[0].get_array(), (frames[:40] - 6).T)
    low, high = beside.images[0].get_clim()
    assert low < high == (frames[:40] - 6).max(), "its colours are its own, or a quiet one would be dark"
    assert beside.get_xlim() == pytest.approx((0, (len(frames) - 0.5) * 512 / 16000))
    assert not any("Nearest" in axes.get_title(loc="left") for axes in alone.axes)


def test_a_long_path_is_shortened_in_the_middle():
    path = "/".join(["folder"] * 40) + "/the_file.wav"
    short = pictures._shortened(f"Nearest normal: {path}")
    assert len(short) == pictures._LETTERS
    assert short.startswith("Nearest normal: ")
    assert short.endswith("/the_file.wav")


def test_digital_silence_does_not_take_all_the_colours(tmp_path, frames, drawn):
    frames = frames.copy()
    frames[:30] = -156.5
    draw(tmp_path / "why.png", frames)
    low, high = drawn[0].axes[0].images[0].get_clim()
    assert high - low <= 80


@pytest.mark.parametrize("count", [1, 2])
def test_the_shortest_recordings_can_be_drawn(tmp_path, frames, count):
    draw(tmp_path / "why.png", frames[:count])
    assert (tmp_path / "why.png").stat().st_size > 0


def test_a_map_of_nothing_can_be_drawn(tmp_path, frames):
    draw(tmp_path / "why.png", frames, map=np.zeros_like(frames))
    assert (tmp_path / "why.png").stat().st_size > 0


def test_a_narrow_front_end_can_be_drawn(tmp_path):
    front_end = FrontEnd(n_mels=4, f_min=110.0, f_max=240.0)
    frames = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    draw(tmp_path / "why.png", frames, front_end=front_end)
    assert (tmp_path / "why.png").stat().st_size > 0


def test_frames_and_map_must_fit(tmp_path, frames):
    with pytest.raises(OptionError, match="do not fit"):
        draw(tmp_path / "why.png", frames, map=np.ones((3, 128)))
    with pytest.raises(OptionError, match="128"):
        draw(tmp_path / "why.png", frames, map=np.ones((3, 5)))
    with pytest.raises(OptionError, match="explain=True"):
        draw(tmp_path / "why.png", frames, map=None)


def test_an_unknown_format_or_folder_is_named(tmp_path, frames):
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
def test_a_click_in_a_long_recording_is_not_passed_over(tmp_path, drawn, count, smoothing):
    frames = np.zeros((count, 128), np.float32)
    frames[count // 2] = 60.0
    draw(tmp_path / "why.png", frames, map=frames)
    image = drawn[0].axes[0].images[0]
    assert image.get_interpolation() == smoothing
    assert image.get_extent() == pytest.approx((0, (count - 0.5) * 512 / 16000, 0, 128))


def test_dots_decide_the_size(frames):
    small, large = io.BytesIO(), io.BytesIO()
    draw(small, frames, dots_per_inch=50)
    draw(large, frames, dots_per_inch=100)
    assert int.from_bytes(small.getvalue()[16:20], "big") == 500
    assert int.from_bytes(large.getvalue()[16:20], "big") == 1000
