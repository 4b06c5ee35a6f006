import json
import re
import shutil
import sys
from html.parser import HTMLParser

import pytest

from auscult.errors import EvaluationError
from auscult.evaluation import read_results, write_results
from auscult.report.bench_report import write_bench_report

VOID = {"meta", "link", "img", "br"}


class Page(HTMLParser):
    """What a browser would see: elements in order, links, text, and whether all is closed."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.text, self.scripts = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        (self.scripts if self.open and self.open[-1] in ("script", "style") else self.text).append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def words(self):
        return re.sub(r"\s+", " ", "".join(self.text))


@pytest.fixture(scope="module")
def html(finished_bench):
    return write_bench_report(finished_bench[1]).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_the_page_is_whole(html, page):
    assert html.startswith("<!doctype html>")
    assert page.open == []
    assert page.all("html") == [{"lang": "en"}]


def test_nothing_comes_from_elsewhere(page):
    for name, attributes in page.elements:
        for key in ("src", "href", "srcset", "data", "action", "poster"):
            if key in attributes:
                assert attributes[key].startswith(("data:", "#")), (name, attributes[key][:80])
    for text in page.scripts:
        assert "http" not in text
        assert "@import" not in text
        assert "url(" not in text


def test_links_within_the_page_lead_somewhere(page):
    names = [a["id"] for _, a in page.elements if "id" in a]
    assert len(names) == len(set(names))
    assert {a["href"][1:] for a in page.all("a")} <= set(names)


def test_every_machine_and_system_is_named(finished_bench, page):
    for result in read_results(finished_bench[1] / "results.csv"):
        assert result.machine in page.words
        assert result.column in page.words


def test_every_section_is_there(page):
    headings = " ".join(
        part.strip() for part in page.text if part.strip() in {"Listen", "ROC curves", "Scores", "Training",
                                                               "Latent space", "What was run", "Results"}
    )  # fmt: skip
    assert headings.count("ROC curves") == 2
    assert headings.count("Latent space") == 2
    assert headings.count("Training") == 2
    assert "What was run" in headings


def test_clips_can_be_heard_and_seen(page):
    assert len(page.all("audio")) == 4
    assert all(a["src"].startswith("data:audio/wav;base64,") and a["aria-label"] for a in page.all("audio"))
    pictures = page.all("img")
    assert len(pictures) == 4
    assert all(len(p["alt"]) > 40 and p["src"].startswith("data:image/png") for p in pictures)
    assert all(a.get("aria-label") or a.get("aria-hidden") for a in page.all("svg"))


def test_every_threshold_is_told_for_what_it_is(page):
    assert page.words.count("not the promised rate of `auscult score`") == 4 + 2  # clips, histograms


def test_hostile_names_stay_text(html, page, hostile_name):
    assert hostile_name in page.words
    assert "<img src=x" not in html
    assert "<i>pump" not in html
    assert all("onerror" not in attributes for _, attributes in page.elements)


def test_the_page_is_of_bounded_size(html):
    assert len(html) < 4 * 300_000 + 400_000  # four clips of a second with pictures, and the rest


def test_intervals_from_few_clips_are_told_as_rough(page):
    assert "few clips, 4 of a kind, so it is rough" in page.words
    assert "Few clips: intervals are rough under 10 test clips" in page.words


def test_simulated_recordings_are_said_to_be(bench, tmp_path, page):
    assert "not of real machines" not in page.words
    for stage in bench.glob("stages/*/*/*/test.json"):
        told = json.loads(stage.read_text())
        for clip in told["clips"]:
            clip["path"] = str(tmp_path / stage.parts[-4] / "test" / "clip.wav")
        stage.write_text(json.dumps(told))
    for machines, part in (
        (["fan"], "Simulated recordings: fan, not of real machines."),
        (["fan", "odd <i>pump"], "All recordings are simulated, not of real machines."),
    ):
        for machine in machines:
            (tmp_path / machine).mkdir(exist_ok=True)
            (tmp_path / machine / "simulation.json").write_text("{}")
        words = Page(write_bench_report(bench).read_text(encoding="utf-8")).words
        assert part in words
        assert words.index(part) < words.index("has the highest harmonic mean")


def test_gone_recordings_are_said_to_be_gone(bench, tmp_path):
    for stage in bench.glob("stages/*/*/*/test.json"):
        told = json.loads(stage.read_text())
        for clip in told["clips"]:
            clip["path"] = str(tmp_path / "gone" / "<clip>.wav")
        stage.write_text(json.dumps(told))
    page = Page(write_bench_report(bench).read_text(encoding="utf-8"))
    assert page.all("audio") == []
    assert f"The recording is no longer at {tmp_path}/gone/<clip>.wav." in page.words
    assert "0 of 16 test clips can still be read" in page.words
    assert "ROC curves" in page.words


def test_gone_models_are_said_to_be_gone(bench):
    for model in bench.glob("stages/*/*/*/model.auscult"):
        model.write_bytes(b"damaged")
    page = Page(write_bench_report(bench).read_text(encoding="utf-8"))
    assert "Its model file is gone or damaged." in page.words
    assert page.all("audio") == []


def test_a_bench_without_stages_still_has_its_tables(bench):
    for stage in bench.glob("stages/*/*/*/test.json"):
        stage.unlink()
    page = Page(write_bench_report(bench).read_text(encoding="utf-8"))
    assert "There are no fitted models of this machine here." in page.words
    assert "autoencoder:mse" in page.words


def test_clips_without_labels_have_no_metrics(bench):
    shutil.rmtree(bench / "stages" / "fan")
    shutil.rmtree(bench / "stages" / "odd <i>pump" / "gamma_vae")
    write_results(bench / "results.csv", [])
    for stage in bench.glob("stages/*/*/*/test.json"):
        told = json.loads(stage.read_text())
        for clip in told["clips"]:
            clip["condition"] = None
        stage.write_text(json.dumps(told))
    page = Page(write_bench_report(bench).read_text(encoding="utf-8"))
    assert "No clips with labels, so no metrics." in page.words
    assert "The most anomalous clip: without a label" in page.words


def test_without_matplotlib_the_page_says_what_to_install(bench, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    page = Page(write_bench_report(bench).read_text(encoding="utf-8"))
    assert "pip install 'auscult[report]'" in page.words
    assert len(page.all("audio")) == 4


def test_a_folder_that_is_no_bench_is_named(tmp_path):
    with pytest.raises(EvaluationError, match=r"results\.csv"):
        write_bench_report(tmp_path)


def test_progress_is_told(bench):
    shutil.rmtree(bench / "stages")
    told = []
    write_bench_report(bench, progress=lambda *step: told.append(step))
    assert [step[:3] for step in told] == [("report", 0, 2), ("report", 1, 2), ("report", 2, 2)]
