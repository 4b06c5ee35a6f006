"""A page that stays open while the monitor restarts, its token changes, and events go on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from tests.monitor.web.browsing import go, open_page, row
from tests.monitor.web.conftest import Monitor, running

from auscult.decision.alarms import Episode
from auscult.monitor.settings.page_settings import PageSettings
from auscult.monitor.store import Event
from auscult.monitor.stream.machine import AlarmChange
from auscult.monitor.web.server import PageServer
from auscult.monitor.web.tokens import Token, digest_of

pytestmark = pytest.mark.slow
NAME = 'pump "2"'


@pytest.fixture
def pump(machines, tmp_path):
    """A monitor of the machine that goes on."""
    with running(machines()[1:], tmp_path / "store") as monitor:
        yield monitor


@contextmanager
def served_again(monitor: Monitor, token: Token | None = None) -> Iterator[None]:
    """The page at the same address as before, as after a restart."""
    with PageServer(monitor.engine, PageSettings(port=monitor.server.port), token=token):
        yield


def event_now(monitor: Monitor) -> Event:
    """An alarm that lasts."""
    now = time.time()
    event = Event(NAME, "alarm", now - 5, None, 3.0, now - 4, 2.5, 1.0, "probation")
    return replace(event, id=monitor.engine.store.add_event(event))


def test_another_token_is_asked_for_and_nothing_is_shown_without_it(browser, machines, tmp_path):
    first, second = (Token(digest_of(text)) for text in ("the token of before", "the token of now"))
    with (
        running(machines()[1:], tmp_path / "store", token=first) as monitor,
        open_page(browser, monitor.server.address, failures=True) as page,
    ):
        page.get_by_label("Token").fill("the token of before")
        page.keyboard.press("Enter")
        row(page, NAME).wait_for()
        monitor.server.stop()
        page.wait_for_selector("#banner:visible")
        with served_again(monitor, second):
            page.get_by_role("dialog").wait_for()
            assert row(page, NAME).count() == 0, "of values from before nothing is left"
            assert NAME not in page.inner_text("body")
            page.get_by_label("Token").fill("the token of before")
            page.keyboard.press("Enter")
            page.get_by_text("not the token").wait_for()
            page.get_by_label("Token").fill("the token of now")
            page.keyboard.press("Enter")
            row(page, NAME).wait_for()
            page.wait_for_selector("tr[data-kind=normal]")


def test_what_happened_without_a_connection_is_shown_after_it(browser, pump):
    with open_page(browser, pump.server.address, failures=True) as page:
        page.get_by_text("No events.").wait_for()
        pump.server.stop()
        page.wait_for_selector("#banner:visible")
        event_now(pump)
        with served_again(pump):
            page.wait_for_selector("table.events tbody tr")
            assert page.locator("#banner").is_hidden()
            assert "lasts" in page.inner_text("table.events")


def test_the_page_of_an_event_shows_the_end(browser, pump):
    event = event_now(pump)
    with open_page(browser, pump.server.address) as page:
        row(page, NAME).wait_for()
        go(page, f"#/event/{event.id}")
        page.get_by_text("it lasts").wait_for()
        end = event.start + 90
        pump.engine.store.update_event(event.id, replace(event, end=end, peak=7.0))
        episode = Episode(event.start, end, 7.0, event.peak_time)
        pump.engine._notify(NAME, AlarmChange("ended", episode, event.threshold))
        page.get_by_text("lasted 90 s").wait_for()
        facts = page.inner_text("aside")
        assert "it lasts" not in facts
        assert "7.000 at" in facts
