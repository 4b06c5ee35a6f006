"""What parts of a monitor know after a restart."""

from __future__ import annotations

import math

import pytest

from auscult.errors import OptionError


def test_a_state_is_kept_for_each_machine_and_key(open_store):
    store = open_store()
    assert store.read.state("fan", "files") is None
    store.put_state("fan", "files", {"read": {"a.wav": [100, 7]}})
    store.put_state("pump", "files", {"read": {}})
    store.put_state("fan", "policy", {"seconds": 1.5, "limit": math.inf})
    store.put_state("fan", "files", {"read": {"b.wav": [200, 8]}})
    store.close()
    store = open_store()
    assert store.read.state("fan", "files") == {"read": {"b.wav": [200, 8]}}
    assert store.read.state("pump", "files") == {"read": {}}
    assert store.read.state("fan", "policy") == {"seconds": 1.5, "limit": None}


@pytest.mark.parametrize(
    ("machine", "key", "data"),
    [("mixer", "a", {}), ("fan", "", {}), ("fan", "a" * 201, {}), ("fan", "a", {"b": object()})],
)
def test_what_cannot_be_kept_is_refused(store, machine, key, data):
    with pytest.raises(OptionError):
        store.put_state(machine, key, data)
    with pytest.raises(OptionError):
        store.read.state("mixer", "a")
