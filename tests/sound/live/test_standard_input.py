"""Raw samples on standard input: formats, pieces of any lengths, pauses and the end."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from auscult.errors import OptionError
from auscult.sound.live import Block, open_source
from auscult.sound.live.standard_input import StandardInput

RATE = 16_000
TYPES = {"s16le": ("<i2", 2**15), "s32le": ("<i4", 2**31), "f32le": ("<f4", 1)}


@pytest.fixture
def pipe():
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb"), os.fdopen(writer, "wb", buffering=0) as file:
        yield reader, file


def blocks_of(items):
    return [item for item in items if isinstance(item, Block)]


def samples_of(items):
    return np.concatenate([block.samples for block in blocks_of(items)])


def as_bytes(samples, sample_format):
    name, scale = TYPES[sample_format]
    return (samples.astype(float) * scale).astype(name).tobytes()


@pytest.mark.parametrize("sample_format", TYPES)
def test_samples_arrive_in_pieces_that_end_anywhere(pipe, collect, noise, sample_format):
    reader, file = pipe
    data = as_bytes(noise, sample_format)
    cuts = np.sort(np.random.default_rng(0).integers(0, len(data), 300))

    def send():
        for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
            file.write(data[start:end])
        file.close()

    sender = threading.Thread(target=send)
    source = StandardInput(sample_rate=RATE, channels=2, sample_format=sample_format, descriptor=reader)
    sender.start()
    items = collect(source)
    sender.join()
    np.testing.assert_array_equal(samples_of(items), noise)
    blocks = blocks_of(items)
    assert [block.first for block in blocks] == list(range(0, len(noise), RATE // 4))
    assert items[-1].kind == "ended"
    assert np.all(np.diff([block.time for block in blocks]) >= 0)


@pytest.mark.parametrize("rest", [1, 2, 3])
def test_bytes_that_are_no_complete_sample_are_left_out_and_reported(pipe, collect, noise, rest):
    reader, file = pipe
    file.write(as_bytes(noise[:100], "s16le") + bytes(rest))
    file.close()
    items = collect(StandardInput(sample_rate=RATE, channels=2, descriptor=reader))
    np.testing.assert_array_equal(samples_of(items), noise[:100])
    assert items[-1].kind == "ended"
    assert f"{rest} byte" in items[-1].reason


def test_a_pause_is_reported_again_and_again_and_may_end(pipe, collect, noise):
    reader, file = pipe
    file.write(as_bytes(noise[:1000], "s16le"))
    source = StandardInput(sample_rate=RATE, channels=2, stall_seconds=0.4, descriptor=reader)

    def stalled(items):
        if sum(not isinstance(item, Block) for item in items) == 3 and not file.closed:
            file.write(as_bytes(noise[1000:2000], "s16le"))
            file.close()
        return False

    items = collect(source, stalled)
    assert [getattr(item, "kind", "block") for item in items] == [
        *("block", "stalled", "stalled", "stalled", "block", "ended"),
    ]
    np.testing.assert_array_equal(samples_of(items), noise[:2000])
    early, late = blocks_of(items)
    assert late.first == early.end == 1000
    assert late.time - early.time > 1.1  # the pause is in the times


def test_times_are_those_of_the_clock_at_which_samples_arrive(pipe, collect, noise):
    reader, file = pipe
    source = StandardInput(sample_rate=RATE, channels=2, block_seconds=0.1, descriptor=reader)
    start = time.time()

    def send():
        for i in range(8):
            time.sleep(max(0.0, start + 0.1 * (i + 1) - time.time()))
            file.write(as_bytes(noise[1600 * i : 1600 * (i + 1)], "s16le"))
        file.close()

    threading.Thread(target=send).start()
    blocks = blocks_of(collect(source))
    times = np.array([block.time - start for block in blocks])
    assert (times >= 0.1 * np.arange(8) - 0.01).all(), "not before they were sent"
    assert (np.diff(times) >= 0).all()


def test_the_standard_input_of_a_process_is_read_and_it_exits_while_more_could_come(noise):
    code = (
        "from auscult.sound.live import open_source\n"
        "source = open_source('-', sample_rate=16000, channels=2, sample_format='f32le')\n"
        "print(next(iter(source)).samples.sum(dtype=float))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    process.stdin.write(as_bytes(noise[:6000], "f32le"))  # more than a block, less than a pipe holds
    process.stdin.flush()
    try:  # its standard input remains open
        assert process.wait(timeout=20) == 0
        assert float(process.stdout.read()) == pytest.approx(noise[:4000].sum(dtype=float))
        assert process.stderr.read() == b""
    finally:
        process.kill()
        process.communicate()


def test_a_rate_and_a_known_format_are_required():
    with pytest.raises(OptionError, match="sample_rate"):
        open_source("-")
    with pytest.raises(OptionError, match="s16le"):
        open_source("-", sample_rate=RATE, sample_format="u8")
