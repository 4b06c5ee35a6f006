"""The cache of log-mels on disk: hits, misses, damage, bounds, and several processes at once."""

from __future__ import annotations

import logging
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult.corpus import AudioClip, Clip, feature_cache
from auscult.corpus.feature_cache import MOST_MAPPED, FeatureCache, users_folder
from auscult.errors import OptionError, UnreadableAudio
from auscult.sound import read_audio
from auscult.spectrum import FrontEnd, log_mel

FRONT = FrontEnd(sample_rate=8000)
FRAMES = np.random.default_rng(0).normal(-40, 10, (50, 128)).astype(np.float32)
ENTRY = 16 + FRAMES.nbytes


@pytest.fixture
def cache(tmp_path: Path) -> FeatureCache:
    return FeatureCache(tmp_path / "cache" / "log_mels")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the cache that recordings use in this test."""
    monkeypatch.setenv("AUSCULT_CACHE", str(tmp_path / "kept"))
    return tmp_path / "kept" / "log_mels"


@pytest.fixture
def sound(tmp_path: Path) -> str:
    return written(tmp_path / "noise.wav", 1)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were decoded, as often as they were."""
    names: list[str] = []

    def counted(path: str, *, channel: int = 0):
        names.append(os.path.basename(path))
        return read_audio(path, channel=channel)

    monkeypatch.setattr("auscult.corpus.audio_clip.read_audio", counted)
    return names


def written(path: Path, seed: int, *, channels: int = 1, count: int = 8000) -> str:
    noise = np.random.default_rng(seed).normal(0, 0.1, (count, channels))
    soundfile.write(path, noise, 8000, subtype="PCM_16")
    return str(path)


def recording(path: str, **heard) -> AudioClip:
    return AudioClip.from_file(Clip(path), cached=True, **heard)


def entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


class TestEntries:
    def test_what_was_put_is_got_bit_for_bit(self, cache: FeatureCache) -> None:
        cache.put("a", FRAMES)
        got = cache.get("a")
        assert got.dtype == np.float32
        np.testing.assert_array_equal(got.view(np.uint32), FRAMES.view(np.uint32))
        assert not got.flags.writeable
        assert cache.contents() == (1, ENTRY)

    def test_what_was_not_put_is_none(self, cache: FeatureCache) -> None:
        assert cache.get("a") is None
        assert cache.contents() == (0, 0)
        cache.put("a", FRAMES)
        assert cache.get("b") is None

    def test_a_part_of_a_larger_array_is_kept_as_it_reads(self, cache: FeatureCache) -> None:
        cache.put("a", FRAMES[::2, 10:20])
        np.testing.assert_array_equal(cache.get("a"), FRAMES[::2, 10:20])

    @pytest.mark.parametrize("kept", [0, 3, 15, 16, 17, ENTRY - 1])
    def test_an_entry_cut_short_is_none_and_is_replaced(self, cache: FeatureCache, kept: int) -> None:
        cache.put("a", FRAMES)
        (path,) = entries(cache.folder)
        path.write_bytes(path.read_bytes()[:kept])
        assert cache.get("a") is None
        cache.put("a", FRAMES)
        np.testing.assert_array_equal(cache.get("a"), FRAMES)

    @pytest.mark.parametrize("place", [0, 4, 8, 16, ENTRY // 2, ENTRY - 1])
    def test_an_entry_with_a_changed_byte_is_none(self, cache: FeatureCache, place: int) -> None:
        cache.put("a", FRAMES)
        (path,) = entries(cache.folder)
        contents = bytearray(path.read_bytes())
        contents[place] ^= 0x10
        path.write_bytes(contents)
        assert cache.get("a") is None

    def test_zeros_are_no_entry(self, cache: FeatureCache) -> None:
        cache.put("a", FRAMES)
        (path,) = entries(cache.folder)
        path.write_bytes(bytes(ENTRY))
        assert cache.get("a") is None

    def test_an_entry_under_another_name_is_none(self, cache: FeatureCache) -> None:
        cache.put("a", FRAMES)
        entries(cache.folder)[0].rename(cache.folder / "b.log_mel")
        assert cache.get("b") is None

    def test_more_than_can_be_mapped_are_read(self, cache: FeatureCache) -> None:
        count = MOST_MAPPED + 20
        for i in range(count):
            cache.put(str(i), FRAMES + i)
        open_before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
        held = [cache.get(str(i)) for i in range(count)]
        if open_before:
            assert len(os.listdir("/proc/self/fd")) <= open_before + MOST_MAPPED
        for i, frames in enumerate(held):
            np.testing.assert_array_equal(frames, FRAMES + i)

    def test_what_is_held_stays_when_the_entry_goes(self, cache: FeatureCache) -> None:
        cache.put("a", FRAMES)
        got = cache.get("a")
        entries(cache.folder)[0].unlink()
        np.testing.assert_array_equal(got, FRAMES)


class TestBound:
    def test_the_oldest_used_go_first(self, tmp_path: Path) -> None:
        cache = FeatureCache(tmp_path, 10 * ENTRY)
        for i in range(8):
            cache.put(str(i), FRAMES)
            os.utime(tmp_path / f"{i}.log_mel", (1000 + i, 1000 + i))
        cache.get("0")  # now the latest used
        for i in range(8, 12):
            cache.put(str(i), FRAMES)
        left = {path.stem for path in entries(tmp_path)}
        assert {"0", "8", "9", "10", "11"} <= left
        assert "1" not in left
        assert cache.contents()[1] <= 10 * ENTRY

    def test_it_never_holds_more_than_its_bound(self, tmp_path: Path) -> None:
        cache = FeatureCache(tmp_path, 20 * ENTRY)
        for i in range(100):
            cache.put(str(i), FRAMES)
            assert cache.contents()[1] <= 20 * ENTRY
        assert cache.contents()[0] >= 17  # and is not emptied for a few

    def test_what_is_larger_than_the_whole_is_not_kept(self, tmp_path: Path) -> None:
        FeatureCache(tmp_path, ENTRY - 1).put("a", FRAMES)
        assert not entries(tmp_path)

    def test_files_of_others_are_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "mine.txt").write_bytes(bytes(100 * ENTRY))
        cache = FeatureCache(tmp_path, 3 * ENTRY)
        for i in range(6):
            cache.put(str(i), FRAMES)
        assert (tmp_path / "mine.txt").exists()
        assert cache.contents()[0] == 3

    def test_what_a_killed_process_left_is_taken_away_after_a_while(self, tmp_path: Path) -> None:
        for name, age in (("old", 7200), ("new", 60)):
            (tmp_path / f".{name}.log_mel.x.part").write_bytes(b"half")
            os.utime(tmp_path / f".{name}.log_mel.x.part", (time.time() - age,) * 2)
        FeatureCache(tmp_path).put("a", FRAMES)
        assert [path.name for path in entries(tmp_path)] == [".new.log_mel.x.part", "a.log_mel"]


class TestWhereNothingCanBeWritten:
    def test_it_goes_on_and_says_so_once(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").write_text("no folder")
        cache = FeatureCache(tmp_path / "file" / "log_mels")
        with caplog.at_level(logging.WARNING, "auscult"):
            for key in "abc":
                cache.put(key, FRAMES)
                assert cache.get(key) is None
        (said,) = caplog.messages
        assert str(cache.folder) in said
        assert "AUSCULT_CACHE" in said

    def test_a_full_disk(
        self, cache: FeatureCache, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cache.put("a", FRAMES)

        def full(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(feature_cache, "write_atomically", full)
        for key in "bcd":
            cache.put(key, FRAMES)
        assert len(caplog.messages) == 1
        assert "No space left" in caplog.messages[0]
        np.testing.assert_array_equal(cache.get("a"), FRAMES)  # what is there is still used

    @pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="the superuser may write")
    def test_a_folder_that_can_only_be_read(self, cache: FeatureCache) -> None:
        cache.put("a", FRAMES)
        cache.folder.chmod(0o555)
        other = FeatureCache(cache.folder)
        other.put("b", FRAMES)
        assert other.get("b") is None
        np.testing.assert_array_equal(other.get("a"), FRAMES)


class TestRecordings:
    def test_the_second_to_hear_it_decodes_nothing(self, folder: Path, sound: str, decoded: list) -> None:
        first = recording(sound).log_mel(FRONT)
        second = recording(sound).log_mel(FRONT)
        assert len(decoded) == 1
        np.testing.assert_array_equal(second.view(np.uint32), first.view(np.uint32))
        np.testing.assert_array_equal(second, log_mel(read_audio(sound).samples, FRONT))
        assert not first.flags.writeable
        assert not second.flags.writeable

    def test_only_recordings_that_ask_for_it_are_kept(self, folder: Path, sound: str) -> None:
        AudioClip.from_file(Clip(sound)).log_mel(FRONT)
        assert not folder.exists()

    def test_what_makes_other_numbers_makes_another_entry(self, folder: Path, tmp_path: Path) -> None:
        path = written(tmp_path / "stereo.wav", 2, channels=2)
        asked = [
            ({}, FRONT),
            ({"channel": 1}, FRONT),
            ({"sample_rate": 16000}, FrontEnd()),
            ({}, FrontEnd(sample_rate=8000, n_mels=64)),
            ({}, FrontEnd(sample_rate=8000, floor=1e-10)),
        ]
        for heard, front_end in asked:
            recording(path, **heard).log_mel(front_end)
        assert len(entries(folder)) == len(asked)
        for heard, front_end in asked:
            plain = AudioClip.from_file(Clip(path), **heard).log_mel(front_end)
            np.testing.assert_array_equal(recording(path, **heard).log_mel(front_end), plain)

    def test_a_copy_under_another_name_is_known(self, folder: Path, sound: str, decoded: list) -> None:
        recording(sound).log_mel(FRONT)
        copy = Path(sound).with_name("copy.wav")
        copy.write_bytes(Path(sound).read_bytes())
        recording(str(copy)).log_mel(FRONT)
        assert decoded == ["noise.wav"]

    def test_other_sound_of_the_same_size_and_time_is_another(self, folder: Path, sound: str) -> None:
        first = recording(sound).log_mel(FRONT)
        status = os.stat(sound)
        written(Path(sound), 2)
        os.utime(sound, ns=(status.st_atime_ns, status.st_mtime_ns))
        second = recording(sound).log_mel(FRONT)
        assert not np.array_equal(first, second)
        np.testing.assert_array_equal(second, log_mel(read_audio(sound).samples, FRONT))

    def test_a_file_that_changes_while_it_is_heard_is_not_kept(
        self, folder: Path, sound: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def changed(path: str, *, channel: int = 0):
            written(Path(path), 3, count=9000)
            return read_audio(path, channel=channel)

        monkeypatch.setattr("auscult.corpus.audio_clip.read_audio", changed)
        recording(sound).log_mel(FRONT)
        assert not folder.exists()

    def test_sound_from_before_a_change_is_not_kept_under_the_new_bytes(
        self, folder: Path, sound: str
    ) -> None:
        old = recording(sound)
        held = old.waveform()
        written(Path(sound), 3)
        old.log_mel(FRONT)
        np.testing.assert_array_equal(
            recording(sound).log_mel(FRONT), log_mel(read_audio(sound).samples, FRONT)
        )
        assert not np.array_equal(held.samples, read_audio(sound).samples)

    def test_libraries_that_happen_to_be_loaded_do_not_count(self) -> None:
        feature_cache.computed_by.cache_clear()
        told = feature_cache.computed_by()
        assert "" not in told
        assert len(told) > 5  # the processor is named by an algebra that always is there

    def test_another_library_makes_another_entry(
        self, folder: Path, sound: str, decoded: list, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recording(sound).log_mel(FRONT)
        monkeypatch.setattr(feature_cache, "computed_by", lambda: ("another",))
        recording(sound).log_mel(FRONT)
        assert len(decoded) == 2

    def test_errors_are_those_of_reading(self, folder: Path, tmp_path: Path) -> None:
        with pytest.raises(UnreadableAudio, match="no such file"):
            recording(str(tmp_path / "gone.wav")).log_mel(FRONT)
        with pytest.raises(UnreadableAudio, match="a folder"):
            recording(str(tmp_path)).log_mel(FRONT)
        pipe = tmp_path / "pipe.wav"
        os.mkfifo(pipe)
        with pytest.raises(UnreadableAudio, match="pipe"):
            recording(str(pipe)).log_mel(FRONT)

    def test_travels_to_another_process_and_finds_the_cache_there(
        self, folder: Path, sound: str, decoded: list
    ) -> None:
        kept = recording(sound)
        frames = kept.log_mel(FRONT)
        again = pickle.loads(pickle.dumps(kept))
        np.testing.assert_array_equal(again.log_mel(FRONT), frames)
        assert len(decoded) == 1


class TestWhere:
    def test_the_environment_names_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AUSCULT_CACHE", str(tmp_path))
        monkeypatch.setenv("AUSCULT_CACHE_BYTES", "12345")
        cache = feature_cache.feature_cache()
        assert cache.folder == tmp_path / "log_mels"
        assert cache.most_bytes == 12345
        monkeypatch.setenv("AUSCULT_CACHE", "OFF")
        assert feature_cache.feature_cache() is None

    @pytest.mark.parametrize("wrong", ["much", "-1", "2e9"])
    def test_a_bound_that_is_no_number(self, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AUSCULT_CACHE_BYTES", wrong)
        with pytest.raises(OptionError, match="AUSCULT_CACHE_BYTES"):
            feature_cache.feature_cache()

    @pytest.mark.parametrize(
        ("system", "environment", "expected"),
        [
            ("linux", {}, "~/.cache/auscult"),
            ("linux", {"XDG_CACHE_HOME": "/disk/caches"}, "/disk/caches/auscult"),
            ("linux", {"XDG_CACHE_HOME": "not/a/full/path"}, "~/.cache/auscult"),
            ("darwin", {}, "~/Library/Caches/auscult"),
            ("win32", {"LOCALAPPDATA": "/local"}, "/local/auscult/Cache"),
            ("win32", {}, "~/AppData/Local/auscult/Cache"),
        ],
    )
    def test_the_users_folder(self, system: str, environment: dict, expected: str) -> None:
        assert users_folder(system, environment) == Path(expected).expanduser()


HAMMER = """
import sys
import numpy as np
from pathlib import Path
from auscult.corpus.feature_cache import FeatureCache

cache = FeatureCache(Path(sys.argv[1]), int(sys.argv[2]))
print("here", flush=True)
random = np.random.default_rng(int(sys.argv[3]))
found = 0
for _ in range(int(sys.argv[4])):
    i = int(random.integers(40))
    frames = np.full((50, 128), i, np.float32)
    got = cache.get(str(i))
    if got is None:
        cache.put(str(i), frames)
    else:
        assert np.array_equal(got, frames), i
        found += 1
print(found)
"""


def hammer(folder: Path, seed: int, rounds: int) -> subprocess.Popen:
    arguments = [str(folder), str(20 * ENTRY), str(seed), str(rounds)]
    return subprocess.Popen(
        [sys.executable, "-c", HAMMER, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


class TestSeveralProcesses:
    def test_they_write_read_and_make_room_at_the_same_time(self, tmp_path: Path) -> None:
        processes = [hammer(tmp_path, seed, 1500) for seed in range(3)]
        for process in processes:
            out, said = process.communicate(timeout=120)
            assert process.returncode == 0, said
            assert not said  # nor was one refused what another did
            assert int(out.split()[-1]) > 100
        entries, held = FeatureCache(tmp_path).contents()
        assert 15 <= entries <= 23
        assert held <= (20 + 3 * 20 / 16) * ENTRY
        assert not list(tmp_path.glob(".*"))

    def test_one_killed_at_any_moment_leaves_nothing_wrong(self, tmp_path: Path) -> None:
        for seed in range(8):
            process = hammer(tmp_path, seed, 10**6)
            assert process.stdout.readline() == "here\n"
            time.sleep(0.01 + 0.02 * seed)
            process.send_signal(signal.SIGKILL)
            process.communicate()
        cache = FeatureCache(tmp_path, 20 * ENTRY)
        whole = [path for path in entries(tmp_path) if path.suffix == ".log_mel"]
        assert whole
        for path in whole:
            np.testing.assert_array_equal(cache.get(path.stem), np.full((50, 128), int(path.stem)))
