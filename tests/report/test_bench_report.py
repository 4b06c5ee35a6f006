import json
import re
import shutil
import sys
from html.parser import HTMLParser

import pytest

from auscult.errors import EvaluationError, MissingExtraError
from auscult.evaluation import read_results, write_results
from auscult.report.bench_report import write_bench_report

VOID = {"meta", "link", "img", "br"}


class Page(HTMLParser):
    """A parsed page: elements in order, elements that are not closed, text, and scripts with styles."""

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
    def visible_text(self):
        return re.sub(r"\s+", " ", "".join(self.text))


@pytest.fixture(scope="module")
def html(finished_bench):
    return write_bench_report(finished_bench[1]).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_the_page_is_well_formed(html, page):
    assert html.startswith("<!doctype html>")
    assert page.open == []
    assert page.all("html") == [{"lang": "en"}]


def test_the_page_loads_nothing_from_other_files(page):
    for name, attributes in page.elements:
        for key in ("src", "href", "srcset", "data", "action", "poster"):
            if key in attributes:
                assert attributes[key].startswith(("data:", "#")), (name, attributes[key][:80])
    for text in page.scripts:
        assert "http" not in text
        assert "@import" not in text
        assert "url(" not in text


def test_the_name_of_the_best_system_breaks_only_between_detector_and_score(page):
    sentence = next(
        i for i, part in enumerate(page.text) if part.startswith(" has the highest harmonic mean")
    )
    detector, score = page.text[sentence - 2 : sentence]
    assert detector in ("autoencoder:", "gamma_vae@exact:")
    assert score.isidentifier()


def test_links_within_the_page_have_a_target(page):
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for a in page.all("a")} <= set(ids)


def test_every_machine_and_system_is_named(finished_bench, page):
    for result in read_results(finished_bench[1] / "results.csv"):
        assert result.machine in page.visible_text
        assert result.column in page.visible_text


def test_the_page_has_all_sections(page):
    names = {"Listen", "ROC curves", "Scores", "Training", "Latent space", "Run details", "Results"}
    headings = " ".join(part.strip() for part in page.text if part.strip() in names)
    assert headings.count("ROC curves") == 2
    assert headings.count("Latent space") == 2
    assert headings.count("Training") == 2
    assert "Run details" in headings


def test_clips_have_sound_and_pictures(page):
    assert len(page.all("audio")) == 4
    assert all(a["src"].startswith("data:audio/wav;base64,") and a["aria-label"] for a in page.all("audio"))
    pictures = page.all("img")
    assert len(pictures) == 4
    assert all(len(p["alt"]) > 40 and p["src"].startswith("data:image/png") for p in pictures)
    assert all(a.get("aria-label") or a.get("aria-hidden") for a in page.all("svg"))


def test_thresholds_are_explained(page):
    assert page.visible_text.count("does not guarantee a false-alarm rate") == 4 + 2  # clips, histograms


def test_markup_in_names_is_escaped(html, page, hostile_name):
    assert hostile_name in page.visible_text
    assert "<img src=x" not in html
    assert "<i>pump" not in html
    assert all("onerror" not in attributes for _, attributes in page.elements)


def test_the_size_of_the_page_is_bounded(html):
    assert len(html) < 4 * 300_000 + 400_000  # four clips of a second with pictures, and the rest


def test_the_reason_of_a_missing_interval_is_given(page):
    assert "points above the baseline autoencoder:mse (no interval: it is the same" in page.visible_text
    assert "No interval: it is the same without any of the recordings." in page.visible_text
    assert "Independent test recordings, normal / anomalous:" in page.visible_text


def test_simulated_recordings_are_named(bench, tmp_path, page):
    assert "simulated" not in page.visible_text
    for stage in bench.glob("stages/*/*/*/test.json"):
        content = json.loads(stage.read_text())
        for clip in content["clips"]:
            clip["path"] = str(tmp_path / stage.parts[-4] / "test" / "clip.wav")
        stage.write_text(json.dumps(content))
    for machines, note in (
        (["fan"], "Recordings of these machines are simulated, not real: fan."),
        (["fan", "old <i>pump"], "All recordings are simulated, not from real machines."),
    ):
        for machine in machines:
            (tmp_path / machine).mkdir(exist_ok=True)
            (tmp_path / machine / "simulation.json").write_text("{}")
        text = Page(write_bench_report(bench).read_text(encoding="utf-8")).visible_text
        assert note in text
        assert text.index(note) < text.index("has the highest harmonic mean")


def test_missing_recordings_are_named(bench, tmp_path):
    for stage in bench.glob("stages/*/*/*/test.json"):
        content = json.loads(stage.read_text())
        for clip in content["clips"]:
            clip["path"] = str(tmp_path / "gone" / "<clip>.wav")
        stage.write_text(json.dumps(content))
    page = Page(write_bench_report(bench).read_text(encoding="utf-8"))
    assert page.all("audio") == []
    assert f"The recording is no longer at {tmp_path}/gone/<clip>.wav." in page.visible_text
    assert "0 of 16 test clips can still be read" in page.visible_text
    assert "ROC curves" in page.visible_text


def test_corrupt_models_are_reported(bench):
    for model in bench.glob("stages/*/*/*/model.auscult"):
        model.write_bytes(b"damaged")
    page = Page(write_bench_report(bench).read_text(encoding="utf-8"))
    assert "The model file is missing or corrupt." in page.visible_text
    assert page.all("audio") == []


def test_without_stages_the_page_still_has_tables(bench):
    for stage in bench.glob("stages/*/*/*/test.json"):
        stage.unlink()
    page = Page(write_bench_report(bench).read_text(encoding="utf-8"))
    assert "The results folder holds no fitted models of this machine." in page.visible_text
    assert "autoencoder:mse" in page.visible_text


def test_clips_without_labels_have_no_metrics(bench):
    shutil.rmtree(bench / "stages" / "fan")
    shutil.rmtree(bench / "stages" / "old <i>pump" / "gamma_vae")
    write_results(bench / "results.csv", [])
    for stage in bench.glob("stages/*/*/*/test.json"):
        content = json.loads(stage.read_text())
        for clip in content["clips"]:
            clip["condition"] = None
        stage.write_text(json.dumps(content))
    page = Page(write_bench_report(bench).read_text(encoding="utf-8"))
    assert "There are no metrics, because no test clip has a label." in page.visible_text
    assert "The most anomalous clip: without a label" in page.visible_text


def test_without_matplotlib_the_page_says_what_to_install(bench, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    page = Page(write_bench_report(bench).read_text(encoding="utf-8"))
    assert "pip install 'auscult[report]'" in page.visible_text
    assert len(page.all("audio")) == 4


def test_without_jinja2_no_page_is_written(bench, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    (bench / "report.html").unlink(missing_ok=True)
    with pytest.raises(MissingExtraError) as caught:
        write_bench_report(bench)
    assert caught.value.args[1] == "report"
    assert not (bench / "report.html").exists()


def test_a_folder_without_results_is_an_error(tmp_path):
    with pytest.raises(EvaluationError, match=r"results\.csv"):
        write_bench_report(tmp_path)


def test_progress_is_reported_for_each_machine(bench):
    shutil.rmtree(bench / "stages")
    calls = []
    write_bench_report(bench, progress=lambda *call: calls.append(call))
    assert [call[:3] for call in calls] == [("report", 0, 2), ("report", 1, 2), ("report", 2, 2)]
