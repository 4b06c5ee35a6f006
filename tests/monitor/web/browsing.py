"""A page in a browser, Debian's Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
#: Addresses of all views.
VIEWS = ("#/", "#/machine/{machine}", "#/event/{event}", "#/events", "#/wall")
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


def row(page, name):
    return page.locator("table.machines tbody tr", has=page.get_by_role("link", name=name, exact=True))


def go(page, address):
    page.evaluate("hash => { location.hash = hash; }", address)
