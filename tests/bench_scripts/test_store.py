"""The costs of the event store are measured on what was written."""

from __future__ import annotations

from bench.store import bytes_by_detail, queries, write, write_events

from auscult.monitor.store import Retention, StoreReader


def test_costs_of_a_short_time(tmp_path):
    cost = write(tmp_path / "store", machines=20, seconds=130, levels=4, retention=Retention())
    assert (cost.rows, cost.seconds) == (2600, 130)
    assert 0 < cost.slowest < cost.wall
    assert all(seconds > 0 for seconds in queries(tmp_path / "store", 130).values())
    event, sound, size = write_events(tmp_path / "store")
    assert event > 0
    assert sound > 0
    assert size > 500_000, "half a megabyte of noise"
    with StoreReader(tmp_path / "store") as reader:
        (day,) = reader.alarms_per_day(0.0, 4e9).values()
        assert day == len(reader.events())
        assert reader.scores("machine 2", 0.0, 4e9).levels.shape[1] == 4
    samples, minutes = bytes_by_detail(tmp_path / "store", 130)
    assert samples > minutes >= 0
