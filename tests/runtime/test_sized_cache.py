"""A cache that is limited by the size of its values."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from auscult.runtime.sized_cache import SizedCache


def filled(*keys: str) -> tuple[SizedCache[bytes], list[str]]:
    computed: list[str] = []
    cache = SizedCache[bytes](10, len)
    for key in keys:
        cache.get(key, lambda key=key: computed.append(key) or bytes(4))
    return cache, computed


def test_what_was_used_last_is_kept():
    cache, computed = filled("a", "b", "a", "c", "a", "b")
    assert computed == ["a", "b", "c", "b"], "c took the place of b, which was used before a"
    assert len(cache) == 2


def test_a_value_above_the_limit_is_kept_alone():
    cache, computed = filled("a", "b")
    assert cache.get("large", lambda: bytes(100)) == bytes(100)
    assert len(cache) == 1
    assert cache.get("large", lambda: computed.append("large") or b"") == bytes(100)
    assert cache.get("a", lambda: bytes(4)) == bytes(4)
    assert len(cache) == 1
    assert computed == ["a", "b"]


def test_threads_share_it():
    cache = SizedCache[bytes](1000, len)
    with ThreadPoolExecutor(8) as pool:
        values = list(pool.map(lambda i: cache.get(i % 7, lambda: bytes([i % 7] * 100)), range(700)))
    assert values == [bytes([i % 7] * 100) for i in range(700)]
    assert len(cache) == 7
