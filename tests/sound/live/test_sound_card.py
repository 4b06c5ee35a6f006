"""Recording from a virtual sound card: what is played into it arrives, and it can be unplugged."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from itertools import pairwise

import numpy as np
import pytest
from tests.virtual_card import RATE, VirtualCard, missing

from auscult.errors import SourceError
from auscult.sound.live import Block, Reconnecting, microphones, open_source
from auscult.sound.live.sound_card import SoundCard
from auscult.sound.live.source import WrongLayout

_MISSING = missing()
pytestmark = pytest.mark.skipif(_MISSING is not None, reason=str(_MISSING))


@pytest.fixture
def card(tmp_path, monkeypatch):
    card = VirtualCard(tmp_path)
    monkeypatch.setenv("ALSA_CONFIG_PATH", card.alsa)
    card.plug_in()
    yield card
    card.unplug()


def blocks_of(items):
    return [item for item in items if isinstance(item, Block)]


def test_what_is_played_is_recorded(card, noise):
    played = noise[:, 0]
    with open_source("mic:machine", sample_rate=RATE, reconnect=False) as source:
        assert (source.description, source.channels) == ("mic:machine", 1)
        items = iter(source)
        blocks = [next(items)]
        assert abs(blocks[0].time - time.time()) < 20
        player = card.play(played)
        blocks += [next(items) for _ in range(12)]
        player.kill()
        player.wait()
    assert [block.first for block in blocks] == [4000 * i for i in range(13)]
    recorded = np.concatenate([block.samples[:, 0] for block in blocks])
    part = played[RATE // 2 : RATE]  # the beginning is lost in the player
    position = int(np.argmax(np.correlate(recorded, part, "valid")))
    assert np.corrcoef(recorded[position : position + len(part)], part)[0, 1] > 0.99
    times = [block.time - blocks[0].time for block in blocks]
    assert times == pytest.approx([0.25 * i for i in range(13)], abs=0.2)


def test_doctor_lists_it(card):
    command = [sys.executable, "-m", "auscult", "doctor", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    listed = json.loads(done.stdout)["microphones"]
    assert next(one["text"] for one in listed if one["source"] == "mic:machine").startswith("machine (ALSA)")


def test_the_rate_of_the_device_is_the_default(card, collect):
    (microphone,) = [one for one in microphones() if one.name == "machine"]
    source = open_source("mic:machine", reconnect=False)
    assert source.sample_rate == microphone.sample_rate
    (block,) = collect(source, lambda items: True)
    assert block.samples.shape == (round(microphone.sample_rate / 4), 1)
    assert block.samples.dtype == np.float32


def test_a_device_that_is_unplugged_and_plugged_in_again_returns(card, collect):
    def record(closed):
        return SoundCard("machine", sample_rate=RATE)

    source = Reconnecting(record, "machine", first_pause=0.2)

    def control(items):
        blocks = blocks_of(items)
        if len(blocks) == 3 and card.process:
            card.unplug()
        if len(items) - len(blocks) == 2 and not card.process:
            card.plug_in()
        return len(blocks_of(items[-3:])) == 3 and len(blocks) < len(items)

    items = collect(source, control)
    lost = [item for item in items if not isinstance(item, Block)]
    assert {item.kind for item in lost} == {"gone"}
    assert "removed" in lost[0].reason
    first = items.index(lost[0])
    before, after = items[first - 1], items[-3]
    assert after.first - before.end == pytest.approx((after.time - before.time - 0.25) * RATE, abs=2)
    assert after.time - before.time > 0.4


def test_blocks_that_are_not_processed_in_time_are_a_gap_of_their_length(card):
    with SoundCard("machine", sample_rate=RATE, block_seconds=0.1, queue_seconds=0.5) as source:
        items = iter(source)
        blocks = [next(items)]
        time.sleep(1.5)
        blocks += [next(items) for _ in range(8)]
    gaps = [after.first - before.end for before, after in pairwise(blocks)]
    assert gaps[:5] == [0] * 5, "what waited in the queue"
    (gap,) = [gap for gap in gaps if gap]
    assert gap % 1600 == 0
    assert 0.6 * RATE <= gap <= 1.3 * RATE
    index = gaps.index(gap)
    assert blocks[index + 1].time - blocks[index].time == pytest.approx(0.1 + gap / RATE, abs=0.2)


def test_closing_ends_the_recording_and_releases_the_device(card, collect):
    source = open_source("mic:machine", sample_rate=RATE, reconnect=False)
    threading.Timer(2.5, source.close).start()
    assert blocks_of(collect(source))
    with open_source("mic:machine", sample_rate=RATE, reconnect=False) as again:
        assert isinstance(next(iter(again)), Block)


def test_unknown_microphones_and_unusable_settings_are_errors(card, collect):
    with pytest.raises(SourceError, match="machine"):
        open_source("mic:absent", reconnect=False)
    with pytest.raises(WrongLayout):
        SoundCard("machine", sample_rate=RATE, channels=99)
    (item,) = collect(open_source("mic:absent"), lambda items: True)
    assert item.kind == "gone"
    assert "no such microphone" in item.reason
