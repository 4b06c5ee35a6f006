"""The page in a browser when something is wrong: no data, no connection, no token, hostile names."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

import pytest
from tests.monitor.web.browsing import go, open_page, row
from tests.monitor.web.conftest import running

from auscult.monitor.service.runner import WatchedMachine
from auscult.monitor.web.tokens import Token, digest_of
from auscult.sound.live import open_source

pytestmark = pytest.mark.slow


def test_names_are_text(browser, machines, tmp_path):
    name = '<img src=x onerror="window.bad=1">'
    fan = machines()[0]
    hostile = replace(fan, name=name, source="<b>source</b>")
    with (
        running([hostile], tmp_path / "store") as monitor,
        open_page(browser, monitor.server.address) as page,
    ):
        page.wait_for_selector("table.events tbody tr")
        assert page.locator("a.name").inner_text() == name
        event = page.locator("table.events tbody td.kind a").first.get_attribute("href")
        for view in ("#/events", "#/wall", event, page.locator("a.name").get_attribute("href")):
            go(page, view)
            page.locator("main").get_by_text(name).locator("visible=true").first.wait_for()
            if view == "#/wall":
                page.set_viewport_size({"width": 800, "height": 600})
                assert page.locator(".tile .name").evaluate("name => name.scrollWidth <= name.clientWidth")
        assert "<b>source</b>" in page.inner_text(".about")
        assert page.locator("main img").count() == 0
        assert page.evaluate("window.bad") is None


def test_a_lost_connection_is_not_normal(browser, machines, tmp_path):
    with (
        running(machines()[1:], tmp_path / "store") as monitor,
        open_page(browser, monitor.server.address, failures=True) as page,
    ):
        page.wait_for_selector("tr[data-kind=normal]")
        monitor.server.stop()
        page.wait_for_selector("#banner:visible")
        assert re.search(r"No connection to the monitor since \d\d:\d\d:\d\d", page.inner_text("#banner"))
        assert page.inner_text("#connection") == "no connection"
        machine = row(page, 'pump "2"')
        assert machine.get_attribute("data-kind") == "stale"
        assert "unknown" in machine.inner_text()
        assert "last: normal" in machine.inner_text()
        assert page.locator(".kind-normal").count() == 0
        assert page.title().startswith("no connection")
        go(page, "#/wall")
        page.wait_for_selector(".tile[data-kind=stale]")


def test_no_data_is_not_normal(browser, model, tmp_path):
    (tmp_path / "incoming").mkdir()
    empty = partial(open_source, f"watch:{tmp_path / 'incoming'}")
    missing = partial(open_source, str(tmp_path / "missing.wav"))
    machines = [WatchedMachine("empty", model, empty), WatchedMachine("missing", model, missing)]
    with running(machines, tmp_path / "store") as monitor, open_page(browser, monitor.server.address) as page:
        row(page, "empty").wait_for()
        page.wait_for_selector("tr[data-kind=error]")
        assert row(page, "empty").get_attribute("data-kind") in ("nodata", "sensor")
        assert "no score" in row(page, "empty").inner_text()
        assert row(page, "missing").get_attribute("data-kind") == "error"
        row(page, "empty").locator("a.name").click()
        page.wait_for_selector("canvas.spectrogram")
        assert page.locator("main .kind-normal").count() == 0


def test_the_token_is_asked_for(browser, machines, tmp_path):
    token = Token(digest_of("a token of a monitor"))
    with (
        running(machines()[:1], tmp_path / "store", token=token) as monitor,
        open_page(browser, monitor.server.address, failures=True) as page,
    ):
        assert "--new-token" in page.get_by_role("dialog").inner_text(), "for who has lost it"
        page.get_by_label("Token").fill("wrong")
        page.get_by_role("button", name="Log in").click()
        page.get_by_text("not the token").wait_for()
        page.get_by_label("Token").fill("a token of a monitor")
        page.keyboard.press("Enter")
        row(page, "fan").wait_for()
        assert page.get_by_role("dialog").count() == 0
        page.reload()
        row(page, "fan").wait_for()
