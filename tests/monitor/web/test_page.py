"""The page in a browser against a real monitor."""

from __future__ import annotations

import re

import pytest
from tests.monitor.web.browsing import PIXELS, VIEWS, go, open_page, row
from tests.monitor.web.conftest import running, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
def page(browser, monitor):
    with open_page(browser, monitor.server.address) as page:
        yield page


def text_changes(page, selector, action):
    """Do something and wait until a text is another one; return that."""
    before = page.inner_text(selector)
    action()
    page.wait_for_function(
        "([selector, before]) => document.querySelector(selector).innerText !== before",
        arg=[selector, before],
    )
    return page.inner_text(selector)


def test_all_machines_at_a_glance(page):
    pump = row(page, 'pump "2"')
    pump.wait_for()
    page.wait_for_function("() => document.querySelector('[data-kind=normal]')")
    wait_for(lambda: pump.get_attribute("data-kind") == "normal")
    meter = pump.get_by_role("meter")
    assert "below the threshold" in meter.get_attribute("aria-valuetext")
    assert 0 < int(meter.get_attribute("aria-valuenow")) < 67
    fan = row(page, "fan")
    wait_for(lambda: fan.get_attribute("data-kind") == "ended")
    assert "ended" in fan.inner_text()
    assert fan.get_by_role("link", name=re.compile("alarm")).get_attribute("href").startswith("#/event/")
    legend = page.inner_text(".score-legend")
    assert "sustained score" in legend
    assert "alarm threshold" in legend
    assert page.locator("#simulation").is_hidden(), "these machines are not simulated"
    events = page.locator("table.events tbody tr")
    events.first.wait_for()
    assert events.count() == 1
    wait_for(lambda: page.inner_text("#connection") == "live")
    assert re.search(r"\d\d:\d\d:\d\d UTC[+−]\d\d:\d\d", page.inner_text("#clock"))


def test_filter_and_order(page):
    row(page, "fan").wait_for()
    names = page.locator("table.machines tbody tr:visible a.name")
    page.keyboard.press("/")
    page.keyboard.type("PUMP")
    assert names.all_inner_texts() == ['pump "2"']
    page.get_by_label("Filter by name").fill("")
    page.get_by_role("button", name="1 ended").click()
    assert names.all_inner_texts() == ["fan"]
    page.get_by_role("button", name="1 ended").click()
    page.get_by_role("button", name="Machine", exact=True).click()
    assert names.all_inner_texts() == ["fan", 'pump "2"']
    page.get_by_role("button", name="Machine", exact=True).click()
    assert names.all_inner_texts() == ['pump "2"', "fan"]


def test_live_spectrogram(page):
    page.get_by_role("link", name='pump "2"', exact=True).click()
    page.wait_for_selector("canvas.spectrogram")
    canvas = page.query_selector("canvas.spectrogram")
    wait_for(lambda: canvas.evaluate(PIXELS)["colours"] > 60)
    digest = canvas.evaluate(PIXELS)["digest"]
    wait_for(lambda: canvas.evaluate(PIXELS)["digest"] != digest)
    assert "dB" in page.inner_text(".live-spectrogram .legend")
    wait_for(lambda: page.locator(".now-panel .figure").inner_text() != "–")
    assert "on probation" in page.inner_text(".rule-panel")
    assert "of normal running" in page.inner_text(".rule-panel")
    assert page.inner_text(".health").endswith("No fault of the sensor was recorded.")


def test_the_timeline_zooms_and_follows(page):
    page.get_by_role("link", name='pump "2"', exact=True).click()
    follow = page.locator("button.follow")
    page.wait_for_selector(".timeline .u-over")
    assert follow.get_attribute("aria-pressed") == "true"
    assert page.inner_text(".range").endswith("(10 min)")
    wait_for(lambda: page.query_selector(".chart canvas").evaluate(PIXELS)["colours"] > 5)
    page.get_by_role("button", name="Show 4 weeks").click()
    assert page.inner_text(".range").endswith("(28 d)")
    page.get_by_role("button", name="Show 1 min").click()
    page.keyboard.press("+")
    assert page.inner_text(".range").endswith("(30 s)")
    assert follow.get_attribute("aria-pressed") == "true"
    page.keyboard.press("ArrowLeft")
    assert follow.get_attribute("aria-pressed") == "false"
    page.keyboard.press("l")
    assert follow.get_attribute("aria-pressed") == "true"
    box = page.locator(".timeline .u-over").bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 100, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 100 + box["width"] / 3, middle, steps=4)
    page.mouse.up()
    wait_for(lambda: page.inner_text(".range").endswith("(10 s)"))
    assert follow.get_attribute("aria-pressed") == "false"
    page.wait_for_timeout(600)  # a page that is being scrolled does not zoom
    text_changes(page, ".range", lambda: page.mouse.wheel(0, 200))
    page.keyboard.press("l")
    page.get_by_label("Score timeline").focus()
    page.keyboard.press("ArrowLeft")
    assert follow.get_attribute("aria-pressed") == "false"


def test_an_event_with_sound_and_explanation(page):
    row(page, "fan").get_by_role("link", name=re.compile("alarm")).click()
    page.wait_for_selector(".sound-panel.window canvas")
    assert page.locator("audio").count() >= 2
    for audio in page.query_selector_all("audio"):
        wait_for(lambda audio=audio: audio.evaluate("audio => audio.readyState") >= 2)
        assert audio.evaluate("audio => audio.duration") > 1.5
    explained = page.query_selector(".sound-panel.window canvas")
    wait_for(lambda: explained.evaluate(PIXELS)["orange"] > 50)
    page.keyboard.press("m")
    assert explained.evaluate(PIXELS)["colours"] > 60
    assert not page.is_checked("#overlay")
    normal = page.query_selector(".sound-panel.normal canvas")
    assert normal.evaluate(PIXELS)["colours"] > 60
    reasons = page.locator(".reasons li").all_inner_texts()
    assert reasons
    assert all("Hz" in reason and "%" in reason for reason in reasons)
    page.keyboard.press("n")
    playing = page.query_selector(".sound-panel.normal audio")
    wait_for(lambda: playing.evaluate("audio => audio.currentTime") > 0)
    page.keyboard.press("n")
    assert playing.evaluate("audio => audio.paused")
    assert "on probation" in page.inner_text("aside")


def test_keys(page):
    row(page, "fan").wait_for()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog")
    assert "Filter machines" in dialog.inner_text()
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")  # until then keys belong to it
    page.keyboard.press("e")
    page.wait_for_selector("h1:has-text('Events')")
    page.wait_for_selector("table.events tbody tr")
    page.keyboard.press("w")
    page.wait_for_selector(".tile")
    page.keyboard.press("o")
    row(page, "fan").wait_for()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_selector("canvas.spectrogram")
    page.keyboard.press("Tab")
    width = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    assert width == "2px"


def test_every_view_fits_a_phone(browser, monitor):
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with open_page(browser, monitor.server.address, **phone) as page:
        row(page, "fan").wait_for()
        event = row(page, "fan").get_by_role("link", name=re.compile("alarm")).get_attribute("href")
        machine = row(page, 'pump "2"').locator("a.name").get_attribute("href")
        for view in VIEWS:
            numbers = {"machine": machine.split("/")[-1], "event": event.split("/")[-1]}
            go(page, view.format(**numbers))
            page.wait_for_timeout(700)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, view


def test_nothing_of_a_machine_is_cut_on_a_tablet(browser, monitor):
    for width in (800, 1024):
        viewport = {"width": width, "height": 900}
        with open_page(browser, monitor.server.address, viewport=viewport) as page:
            row(page, "fan").locator("a.name").click()
            page.wait_for_selector(".machine-events table.events tbody tr")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            table = page.locator(".machine-events .event-table")
            assert table.evaluate("table => table.scrollWidth <= table.clientWidth")
            cards = page.locator(".machine-grid > section").all()
            assert min(card.bounding_box()["width"] for card in cards) > 300


def test_dark_and_light(browser, monitor):
    brightness = "parseInt(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])"
    with open_page(browser, monitor.server.address, color_scheme="dark") as page:
        assert page.evaluate(brightness) < 60
        page.keyboard.press("t")
        assert page.inner_text("#theme") == "Light"
        assert page.evaluate(brightness) > 200
        page.reload()
        assert page.evaluate(brightness) > 200


def test_below_a_path(browser, machines, tmp_path):
    with (
        running(machines()[:1], tmp_path / "store", prefix="/plant/auscult") as monitor,
        open_page(browser, monitor.server.address) as page,
    ):
        assert monitor.server.address.endswith("/plant/auscult/")
        page.wait_for_selector("table.events tbody tr")
        page.locator("table.events tbody td.kind a").first.click()
        page.wait_for_selector(".sound-panel.window canvas")
        wait_for(lambda: page.query_selector("audio").evaluate("audio => audio.readyState") >= 2)
