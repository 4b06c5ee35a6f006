"""The page says the same as ``auscult status``, and times that clocks show twice differ by their offset."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from tests.helpers import noise
from tests.monitor.web.browsing import go, open_page, row
from tests.monitor.web.conftest import RATE, running, wait_for

from auscult.cli import commands
from auscult.decision.alarms.policy import NormalScores
from auscult.monitor.service.runner import WatchedMachine
from auscult.monitor.status import plant_status
from auscult.monitor.store import Event, ScoreRow
from auscult.sound.live import Block, Interruption, Source, open_source

pytestmark = pytest.mark.slow
BERLIN = ZoneInfo("Europe/Berlin")
#: The evening of the day on which clocks were set back at 3:00.
EVENING = datetime(2026, 10, 25, 20, 0, tzinfo=BERLIN).timestamp()


class Mute(Source):
    """A source from which nothing ever comes."""

    sample_rate, channels = RATE, 1

    def __iter__(self) -> Iterator[Block | Interruption]:
        self._closed.wait()
        yield from ()


def test_the_page_and_the_command_use_the_same_words(browser, model, tmp_path):
    mute = WatchedMachine("mute", model, lambda: Mute("mute"))
    with running([mute], tmp_path / "store") as monitor, open_page(browser, monitor.server.address) as page:
        (status,) = plant_status(tmp_path / "store").machines
        assert (status.state, status.trend) == ("no data yet", ("no data yet",))
        row(page, "mute").get_by_text(status.state).wait_for()
        row(page, "mute").locator("a.name").click()
        page.locator("section.trend").get_by_text(status.trend[0]).wait_for()
        monitor.engine.store.add_scores([ScoreRow("mute", EVENING, 0.5)])
        (status,) = plant_status(tmp_path / "store").machines
        page.locator("section.trend").get_by_text(status.trend[0]).wait_for()
        assert status.trend[0].startswith("no data for ")


def test_notices_of_the_model_are_shown(browser, model, tmp_path):
    policy = replace(model.alarm_policy, normal=NormalScores(0.0, 0.001))  # the threshold is far beyond
    noted = model.with_alarm_policy(policy)
    (finding,) = policy.findings
    mute = WatchedMachine("mute", noted, lambda: Mute("mute"))
    with running([mute], tmp_path / "store") as monitor, open_page(browser, monitor.server.address) as page:
        health = row(page, "mute").locator("td.health")
        assert (health.inner_text(), health.get_attribute("title")) == ("1 notice", finding.message)
        row(page, "mute").locator("a.name").click()
        page.get_by_role("list", name="Notices").get_by_text(finding.message).wait_for()
        expected = [{"kind": "far_threshold", "message": finding.message}]
        with monitor.client() as client:
            (machine,) = client.get("/api/machines").json()["machines"]
        assert machine["notices"] == expected
        (status,) = plant_status(tmp_path / "store").machines
        assert status.to_json()["notices"] == expected
        result = CliRunner().invoke(commands, ["status", str(tmp_path / "store")])
        assert f"mute: {finding.message}" in result.output.splitlines()
    mute = replace(mute, model=model)
    with running([mute], tmp_path / "store"):
        (status,) = plant_status(tmp_path / "store").machines
        assert status.notices == (), "another model judges it"


def test_an_alarm_that_lasts_without_data(browser, model, tmp_path):
    mute = WatchedMachine("mute", model, lambda: Mute("mute"))
    with running([mute], tmp_path / "store") as monitor, open_page(browser, monitor.server.address) as page:
        monitor.engine.store.add_event(Event("mute", "alarm", EVENING))
        row(page, "mute").get_by_text("alarm, no data yet").wait_for()
        assert row(page, "mute").get_attribute("data-kind") == "alarm"
        (status,) = plant_status(tmp_path / "store").machines
        assert (status.state, status.attention) == ("ALARM, no data yet", "alarm")


@pytest.fixture
def autumn(model, tmp_path):
    """A recording that ended on the day with 25 hours, and before it scores and two alarms an hour apart."""
    soundfile.write(tmp_path / "fan.wav", noise(65, 1), RATE, subtype="FLOAT")
    source = partial(open_source, str(tmp_path / "fan.wav"), speed="max", start_time=EVENING)
    with running([WatchedMachine("fan", model, source, waits=True)], tmp_path / "store") as monitor:
        wait_for(lambda: monitor.engine.runners["fan"].ended)
        store = monitor.engine.store
        times = np.arange(EVENING - 3 * 86400, EVENING, 60.0).tolist()
        store.add_scores([ScoreRow("fan", time, 1.0, 1.0, 2.0) for time in times])
        for fold in (0, 1):
            start = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=fold).timestamp()
            store.add_event(Event("fan", "alarm", start, start + 600, 3.0, start, 2.5, 2.0))
        yield monitor


def test_an_hour_that_clocks_show_twice(browser, autumn):
    record = """() => {
      window.drawn = [];
      const draw = CanvasRenderingContext2D.prototype.fillText;
      CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
        window.drawn.push([text, x]);
        return draw.call(this, text, x, y);
      };
    }"""
    with open_page(browser, autumn.server.address, timezone_id="Europe/Berlin") as page:
        row(page, "fan").wait_for()
        page.evaluate(record)
        starts = page.locator("table.events td.start").all_inner_texts()
        assert starts == ["25 Oct 02:30:00 UTC+01:00", "25 Oct 02:30:00 UTC+02:00"]
        go(page, "#/machine/1")
        page.get_by_role("button", name="Show 1 d").click()
        shown = page.inner_text(".range")
        assert shown == "24 Oct 21:01:04 UTC+02:00 to 25 Oct 20:01:04 UTC+01:00 (24 h)"
        page.evaluate("() => { window.drawn = []; }")
        page.wait_for_function("() => window.drawn.some(([text]) => text === '18:00')")
        drawn = page.evaluate("window.drawn")
        place = {text: x for text, x in reversed(drawn) if text.endswith(":00")}
        hour = (place["18:00"] - place["06:00"]) / 12
        assert (place["04:00"] - place["02:00"]) / hour == pytest.approx(3, abs=0.05), "02:00 comes twice"
        page.get_by_role("button", name="Show 1 h", exact=True).click()
        assert page.inner_text(".range") == "25 Oct 19:01:04 to 25 Oct 20:01:04 (60 min)"
