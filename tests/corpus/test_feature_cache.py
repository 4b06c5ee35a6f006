"""The log-mel cache on disk: hits, misses, damaged entries, size limit and concurrent processes."""

from __future__ import annotations

import logging
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

import auscult
from auscult.corpus import AudioClip, Clip, feature_cache
from auscult.corpus.feature_cache import MAX_MAPPED, FeatureCache
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
    """The folder of the cache that audio clips use in this test."""
    monkeypatch.setenv("AUSCULT_CACHE", str(tmp_path / "caches"))
    return tmp_path / "caches" / "log_mels"


@pytest.fixture
def sound(tmp_path: Path) -> str:
    return write_noise(tmp_path / "noise.wav", 1)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were decoded, in order, with repetitions."""
    names: list[str] = []

    def counted(path: str, *, channel: int = 0, **options: object):
        names.append(os.path.basename(path))
        return read_audio(path, channel=channel, **options)

    monkeypatch.setattr("auscult.corpus.audio_clip.read_audio", counted)
    return names


def write_noise(path: Path, seed: int, *, channels: int = 1, count: int = 8000) -> str:
    noise = np.random.default_rng(seed).normal(0, 0.1, (count, channels))
    soundfile.write(path, noise, 8000, subtype="PCM_16")
    return str(path)


def recording(path: str, **options) -> AudioClip:
    return AudioClip.from_file(Clip(path), cached=True, **options)


def entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


class TestEntries:
    def test_get_returns_the_stored_bits(self, cache: FeatureCache) -> None:
        cache.put("a", FRAMES)
        cached = cache.get("a")
        assert cached.dtype == np.float32
        np.testing.assert_array_equal(cached.view(np.uint32), FRAMES.view(np.uint32))
        assert not cached.flags.writeable
        assert cache.contents() == (1, ENTRY)

    def test_a_missing_entry_is_none(self, cache: FeatureCache) -> None:
        assert cache.get("a") is None
        assert cache.contents() == (0, 0)
        cache.put("a", FRAMES)
        assert cache.get("b") is None

    def test_a_strided_view_is_stored_by_value(self, cache: FeatureCache) -> None:
        cache.put("a", FRAMES[::2, 10:20])
        np.testing.assert_array_equal(cache.get("a"), FRAMES[::2, 10:20])

    @pytest.mark.parametrize("length", [0, 3, 15, 16, 17, ENTRY - 1])
    def test_a_truncated_entry_is_none_and_is_replaced(self, cache: FeatureCache, length: int) -> None:
        cache.put("a", FRAMES)
        (path,) = entries(cache.folder)
        path.write_bytes(path.read_bytes()[:length])
        assert cache.get("a") is None
        cache.put("a", FRAMES)
        np.testing.assert_array_equal(cache.get("a"), FRAMES)

    @pytest.mark.parametrize("offset", [0, 4, 8, 16, ENTRY // 2, ENTRY - 1])
    def test_an_entry_with_a_changed_byte_is_none(self, cache: FeatureCache, offset: int) -> None:
        cache.put("a", FRAMES)
        (path,) = entries(cache.folder)
        contents = bytearray(path.read_bytes())
        contents[offset] ^= 0x10
        path.write_bytes(contents)
        assert cache.get("a") is None

    def test_an_entry_of_zeros_is_none(self, cache: FeatureCache) -> None:
        cache.put("a", FRAMES)
        (path,) = entries(cache.folder)
        path.write_bytes(bytes(ENTRY))
        assert cache.get("a") is None

    def test_a_renamed_entry_is_none(self, cache: FeatureCache) -> None:
        cache.put("a", FRAMES)
        entries(cache.folder)[0].rename(cache.folder / "b.log_mel")
        assert cache.get("b") is None

    def test_entries_beyond_the_mapping_limit_are_read(self, cache: FeatureCache) -> None:
        count = MAX_MAPPED + 20
        for i in range(count):
            cache.put(str(i), FRAMES + i)
        open_before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
        held = [cache.get(str(i)) for i in range(count)]
        if open_before:
            assert len(os.listdir("/proc/self/fd")) <= open_before + MAX_MAPPED
        for i, frames in enumerate(held):
            np.testing.assert_array_equal(frames, FRAMES + i)

    def test_a_returned_array_survives_removal_of_the_entry(self, cache: FeatureCache) -> None:
        cache.put("a", FRAMES)
        cached = cache.get("a")
        entries(cache.folder)[0].unlink()
        np.testing.assert_array_equal(cached, FRAMES)


class TestSizeLimit:
    def test_least_recently_used_entries_are_removed_first(self, tmp_path: Path) -> None:
        cache = FeatureCache(tmp_path, 10 * ENTRY)
        for i in range(8):
            cache.put(str(i), FRAMES)
            os.utime(tmp_path / f"{i}.log_mel", (1000 + i, 1000 + i))
        cache.get("0")  # now the most recently used
        for i in range(8, 12):
            cache.put(str(i), FRAMES)
        remaining = {path.stem for path in entries(tmp_path)}
        assert {"0", "8", "9", "10", "11"} <= remaining
        assert "1" not in remaining
        assert cache.contents()[1] <= 10 * ENTRY

    def test_size_never_exceeds_the_limit(self, tmp_path: Path) -> None:
        cache = FeatureCache(tmp_path, 20 * ENTRY)
        for i in range(100):
            cache.put(str(i), FRAMES)
            assert cache.contents()[1] <= 20 * ENTRY
        assert cache.contents()[0] >= 17  # removing entries does not empty the cache

    def test_an_entry_larger_than_the_limit_is_not_stored(self, tmp_path: Path) -> None:
        FeatureCache(tmp_path, ENTRY - 1).put("a", FRAMES)
        assert not entries(tmp_path)

    def test_other_files_are_not_touched(self, tmp_path: Path) -> None:
        (tmp_path / "mine.txt").write_bytes(bytes(100 * ENTRY))
        cache = FeatureCache(tmp_path, 3 * ENTRY)
        for i in range(6):
            cache.put(str(i), FRAMES)
        assert (tmp_path / "mine.txt").exists()
        assert cache.contents()[0] == 3

    def test_files_of_killed_processes_are_removed_after_an_hour(self, tmp_path: Path) -> None:
        for name, age in (("old", 7200), ("new", 60)):
            (tmp_path / f".{name}.log_mel.x.part").write_bytes(b"incomplete")
            os.utime(tmp_path / f".{name}.log_mel.x.part", (time.time() - age,) * 2)
        FeatureCache(tmp_path).put("a", FRAMES)
        assert [path.name for path in entries(tmp_path)] == [".new.log_mel.x.part", "a.log_mel"]


class TestWriteErrors:
    def test_an_unwritable_folder_is_logged_once(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").write_text("no folder")
        cache = FeatureCache(tmp_path / "file" / "log_mels")
        with caplog.at_level(logging.WARNING, "auscult"):
            for key in "abc":
                cache.put(key, FRAMES)
                assert cache.get(key) is None
        (message,) = caplog.messages
        assert str(cache.folder) in message
        assert "AUSCULT_CACHE" in message

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
        np.testing.assert_array_equal(cache.get("a"), FRAMES)  # existing entries are still used

    @pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write to it")
    def test_a_read_only_folder(self, cache: FeatureCache) -> None:
        cache.put("a", FRAMES)
        cache.folder.chmod(0o555)
        other = FeatureCache(cache.folder)
        other.put("b", FRAMES)
        assert other.get("b") is None
        np.testing.assert_array_equal(other.get("a"), FRAMES)


class TestAudioClips:
    def test_a_second_read_decodes_nothing(self, folder: Path, sound: str, decoded: list) -> None:
        first = recording(sound).log_mel(FRONT)
        second = recording(sound).log_mel(FRONT)
        assert len(decoded) == 1
        np.testing.assert_array_equal(second.view(np.uint32), first.view(np.uint32))
        np.testing.assert_array_equal(second, log_mel(read_audio(sound).samples, FRONT))
        assert not first.flags.writeable
        assert not second.flags.writeable

    def test_caching_is_opt_in(self, folder: Path, sound: str) -> None:
        AudioClip.from_file(Clip(sound)).log_mel(FRONT)
        assert not folder.exists()

    def test_each_setting_has_a_separate_entry(self, folder: Path, tmp_path: Path) -> None:
        path = write_noise(tmp_path / "stereo.wav", 2, channels=2)
        settings = [
            ({}, FRONT),
            ({"channel": 1}, FRONT),
            ({"sample_rate": 16000}, FrontEnd()),
            ({}, FrontEnd(sample_rate=8000, n_mels=64)),
            ({}, FrontEnd(sample_rate=8000, floor=1e-10)),
        ]
        for options, front_end in settings:
            recording(path, **options).log_mel(front_end)
        assert len(entries(folder)) == len(settings)
        for options, front_end in settings:
            plain = AudioClip.from_file(Clip(path), **options).log_mel(front_end)
            np.testing.assert_array_equal(recording(path, **options).log_mel(front_end), plain)

    def test_a_copy_under_another_name_is_a_hit(self, folder: Path, sound: str, decoded: list) -> None:
        recording(sound).log_mel(FRONT)
        copy = Path(sound).with_name("copy.wav")
        copy.write_bytes(Path(sound).read_bytes())
        recording(str(copy)).log_mel(FRONT)
        assert decoded == ["noise.wav"]

    def test_changed_bytes_of_the_same_size_and_time_are_a_miss(self, folder: Path, sound: str) -> None:
        first = recording(sound).log_mel(FRONT)
        status = os.stat(sound)
        write_noise(Path(sound), 2)
        os.utime(sound, ns=(status.st_atime_ns, status.st_mtime_ns))
        second = recording(sound).log_mel(FRONT)
        assert not np.array_equal(first, second)
        np.testing.assert_array_equal(second, log_mel(read_audio(sound).samples, FRONT))

    def test_a_file_that_changes_while_it_is_read_is_not_cached(
        self, folder: Path, sound: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def changed(path: str, *, channel: int = 0, **options: object):
            write_noise(Path(path), 3, count=9000)
            return read_audio(path, channel=channel, **options)

        monkeypatch.setattr("auscult.corpus.audio_clip.read_audio", changed)
        recording(sound).log_mel(FRONT)
        assert not folder.exists()

    def test_a_waveform_read_before_a_change_is_not_cached_under_the_new_bytes(
        self, folder: Path, sound: str
    ) -> None:
        clip = recording(sound)
        waveform = clip.waveform()
        write_noise(Path(sound), 3)
        clip.log_mel(FRONT)
        np.testing.assert_array_equal(
            recording(sound).log_mel(FRONT), log_mel(read_audio(sound).samples, FRONT)
        )
        assert not np.array_equal(waveform.samples, read_audio(sound).samples)

    def test_loaded_libraries_without_a_processor_name_are_ignored(self) -> None:
        feature_cache.computation_environment.cache_clear()
        environment = feature_cache.computation_environment()
        assert "" not in environment
        assert len(environment) > 5  # includes the processor, reported by a library that is always loaded

    def test_another_library_version_is_a_miss(
        self, folder: Path, sound: str, decoded: list, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recording(sound).log_mel(FRONT)
        monkeypatch.setattr(feature_cache, "computation_environment", lambda: ("another",))
        recording(sound).log_mel(FRONT)
        assert len(decoded) == 2

    def test_reading_errors_are_raised(self, folder: Path, tmp_path: Path) -> None:
        with pytest.raises(UnreadableAudio, match="no such file"):
            recording(str(tmp_path / "missing.wav")).log_mel(FRONT)
        with pytest.raises(UnreadableAudio, match="a folder"):
            recording(str(tmp_path)).log_mel(FRONT)
        pipe = tmp_path / "pipe.wav"
        os.mkfifo(pipe)
        with pytest.raises(UnreadableAudio, match="pipe"):
            recording(str(pipe)).log_mel(FRONT)

    def test_a_pickled_clip_uses_the_cache(self, folder: Path, sound: str, decoded: list) -> None:
        clip = recording(sound)
        frames = clip.log_mel(FRONT)
        copy = pickle.loads(pickle.dumps(clip))
        np.testing.assert_array_equal(copy.log_mel(FRONT), frames)
        assert len(decoded) == 1


class TestLocation:
    def test_environment_variables(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AUSCULT_CACHE", str(tmp_path))
        monkeypatch.setenv("AUSCULT_CACHE_BYTES", "12345")
        cache = feature_cache.feature_cache()
        assert cache.folder == tmp_path / "log_mels"
        assert cache.max_bytes == 12345
        monkeypatch.setenv("AUSCULT_CACHE", "OFF")
        assert feature_cache.feature_cache() is None

    @pytest.mark.parametrize("wrong", ["much", "-1", "2e9"])
    def test_an_invalid_size_is_an_error(self, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AUSCULT_CACHE_BYTES", wrong)
        with pytest.raises(OptionError, match="AUSCULT_CACHE_BYTES"):
            feature_cache.feature_cache()


LOG_MEL = """
import sys
from auscult.corpus import AudioClip, Clip
from auscult.spectrum import FrontEnd

recording = AudioClip.from_file(Clip(path=sys.argv[1]), cached=True)
print(recording.log_mel(FrontEnd(sample_rate=8000)).mean())
"""


class TestChangedCode:
    @pytest.fixture
    def mean(self, tmp_path: Path, sound: str) -> Callable[..., float]:
        """``mean(cache)``: of the log-mel, by a copy of the source files in ``tmp_path / "auscult"``."""
        shutil.copytree(Path(auscult.__file__).parent, tmp_path / "auscult")

        def run(cache: str = str(tmp_path / "caches")) -> float:
            environment = {**os.environ, "PYTHONPATH": str(tmp_path), "AUSCULT_CACHE": cache}
            output = subprocess.check_output([sys.executable, "-c", LOG_MEL, sound], env=environment)
            return float(output)

        return run

    def test_changed_features_are_not_read_from_the_cache(
        self, mean: Callable[..., float], tmp_path: Path
    ) -> None:
        before = mean()
        (changed,) = (tmp_path / "auscult" / "spectrum").glob("logmel.py")
        text = changed.read_text()
        assert "np.multiply(mel, 10.0," in text
        changed.write_text(text.replace("np.multiply(mel, 10.0,", "np.multiply(mel, 20.0,"))
        assert mean() == mean("off") == pytest.approx(2 * before, rel=1e-5)

    def test_comments_and_other_code_leave_entries_in_use(
        self, mean: Callable[..., float], tmp_path: Path
    ) -> None:
        before = mean()
        for name in ("spectrum/logmel.py", "decision/threshold.py"):
            file = tmp_path / "auscult" / name
            file.write_text(file.read_text() + "# a comment\n")
        with open(tmp_path / "auscult" / "spectrum" / "texture.py", "a") as file:
            file.write("OTHER = 1\n")
        assert mean() == before
        assert len(list((tmp_path / "caches" / "log_mels").iterdir())) == 1


HAMMER = """
import sys
import numpy as np
from pathlib import Path
from auscult.corpus.feature_cache import FeatureCache

cache = FeatureCache(Path(sys.argv[1]), int(sys.argv[2]))
print("started", flush=True)
random = np.random.default_rng(int(sys.argv[3]))
hits = 0
for _ in range(int(sys.argv[4])):
    i = int(random.integers(40))
    frames = np.full((50, 128), i, np.float32)
    got = cache.get(str(i))
    if got is None:
        cache.put(str(i), frames)
    else:
        assert np.array_equal(got, frames), i
        hits += 1
print(hits)
"""


def hammer(folder: Path, seed: int, rounds: int) -> subprocess.Popen:
    arguments = [str(folder), str(20 * ENTRY), str(seed), str(rounds)]
    return subprocess.Popen(
        [sys.executable, "-c", HAMMER, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


class TestSeveralProcesses:
    def test_concurrent_reads_writes_and_removals(self, tmp_path: Path) -> None:
        processes = [hammer(tmp_path, seed, 1500) for seed in range(3)]
        for process in processes:
            out, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors
            assert not errors  # no warning either: no process hindered another
            assert int(out.split()[-1]) > 100
        n_entries, size = FeatureCache(tmp_path).contents()
        assert 15 <= n_entries <= 23
        assert size <= (20 + 3 * 20 / 16) * ENTRY
        assert not list(tmp_path.glob(".*"))

    def test_a_killed_process_leaves_only_valid_entries(self, tmp_path: Path) -> None:
        for seed in range(8):
            process = hammer(tmp_path, seed, 10**6)
            assert process.stdout.readline() == "started\n"
            time.sleep(0.01 + 0.02 * seed)
            process.send_signal(signal.SIGKILL)
            process.communicate()
        cache = FeatureCache(tmp_path, 20 * ENTRY)
        complete = [path for path in entries(tmp_path) if path.suffix == ".log_mel"]
        assert complete
        for path in complete:
            np.testing.assert_array_equal(cache.get(path.stem), np.full((50, 128), int(path.stem)))
