"""The page in a browser, Debian's Chromium, against a real monitor."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import pytest
from tests.monitor.web.conftest import running, wait_for

from auscult.monitor.service.runner import WatchedMachine
from auscult.monitor.simulated import SimulatedFleet
from auscult.monitor.web.tokens import Token, digest_of
from auscult.sound.live import open_source

pytestmark = pytest.mark.slow
BROWSER = "/usr/bin/chromium"
ARGUMENTS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
)
#: Reads the inside of a canvas: colours, a digest of the pixels, and how many are orange.
PIXELS = """canvas => {
  const copy = document.createElement("canvas"), {width, height} = canvas;
  [copy.width, copy.height] = [width, height];
  const context = copy.getContext("2d", {willReadFrequently: true});
  context.drawImage(canvas, 0, 0);
  const data = context.getImageData(width * 0.15, height * 0.1, width * 0.8, height * 0.7).data;
  const colours = new Set(), pixels = new Uint32Array(data.buffer);
  let digest = 0, orange = 0;
  for (const pixel of pixels) { colours.add(pixel); digest = (digest * 31 + pixel) | 0; }
  for (let i = 0; i < data.length; i += 4) orange += data[i] > data[i + 2] + 60;
  return {colours: colours.size, digest, orange};
}"""


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    if not os.access(BROWSER, os.X_OK):
        pytest.skip(f"{BROWSER} is missing")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=list(ARGUMENTS))
        yield browser
        browser.close()


@contextmanager
def open_page(browser, address: str, *, failures: bool = False, **options) -> Iterator:
    """A page that has no errors and calls no other host; with ``failures``, requests may fail."""
    options = {"viewport": {"width": 1280, "height": 900}, **options}
    context = browser.new_context(**options)
    page = context.new_page()
    page.set_default_timeout(20_000)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda message: (
            problems.append(message.text)
            if message.type in ("error", "warning") and not (failures and "load resource" in message.text)
            else None
        ),
    )
    page.on("request", lambda request: request.url.startswith(address) or problems.append(request.url))
    page.goto(address)
    yield page
    context.close()
    assert problems == []


@pytest.fixture
def page(browser, monitor):
    with open_page(browser, monitor.server.address) as page:
        yield page


def row(page, name):
    return page.locator("table.machines tbody tr", has=page.get_by_role("link", name=name, exact=True))


def go(page, address):
    page.evaluate("hash => { location.hash = hash; }", address)


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
    page.wait_for_function("document.querySelector('[data-kind=normal]')")
    wait_for(lambda: pump.get_attribute("data-kind") == "normal")
    meter = pump.get_by_role("meter")
    assert "below the threshold" in meter.get_attribute("aria-valuetext")
    assert 0 < int(meter.get_attribute("aria-valuenow")) < 67
    fan = row(page, "fan")
    wait_for(lambda: fan.get_attribute("data-kind") == "ended")
    assert "ended" in fan.inner_text()
    assert fan.get_by_role("link", name=re.compile("alarm")).get_attribute("href").startswith("#/event/")
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
    assert dialog.count() == 0
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


VIEWS = ("#/", "#/machine/{machine}", "#/event/{event}", "#/events", "#/wall")


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


def test_faults_of_simulated_machines(browser, model, tmp_path):
    fleet = SimulatedFleet(["fan"])
    (name,) = fleet.names
    with (
        running(fleet.watched({name: model}), tmp_path / "store", simulation=fleet) as monitor,
        open_page(browser, monitor.server.address) as page,
    ):
        row(page, name).locator("a.name").click()
        fault = page.get_by_label("Fault")
        fault.select_option("rubbing")
        page.get_by_label("Severity").fill("0.5")
        page.get_by_role("button", name="Start fault").click()
        page.get_by_text("Fault: rubbing, severity 50 %").wait_for()
        assert (fleet.fault(name).name, fleet.fault(name).severity) == ("rubbing", 0.5)
        page.get_by_role("button", name="End fault").click()
        page.get_by_text("No fault now").wait_for()
        assert fleet.fault(name) is None


def test_the_token_is_asked_for(browser, machines, tmp_path):
    token = Token(digest_of("a token of a monitor"))
    with (
        running(machines()[:1], tmp_path / "store", token=token) as monitor,
        open_page(browser, monitor.server.address, failures=True) as page,
    ):
        page.get_by_label("Token").fill("wrong")
        page.get_by_role("button", name="Log in").click()
        page.get_by_text("not the token").wait_for()
        page.get_by_label("Token").fill("a token of a monitor")
        page.keyboard.press("Enter")
        row(page, "fan").wait_for()
        assert page.get_by_role("dialog").count() == 0
        page.reload()
        row(page, "fan").wait_for()
