"""Standard streams that were closed by the caller, and names with invalid bytes."""

from __future__ import annotations

import sys

import click

from auscult.cli import text
from auscult.cli.streams import use_plain_characters


def test_closed_streams_discard_what_is_printed(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    use_plain_characters()
    click.echo("a – b")
    text.warn("a – b")
    assert not sys.stderr.isatty()


def test_invalid_bytes_of_a_name_are_escaped():
    name = b"a\xff\x1b[31m.wav".decode(errors="surrogateescape")
    assert text.printable(name) == r"a\xff\x1b[31m.wav"
