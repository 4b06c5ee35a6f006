"""Unpacking untrusted archives."""

from __future__ import annotations

import os
import stat
import struct
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from auscult.dcase.unpack import unpack_zip
from auscult.errors import DownloadError


def archive(folder: Path, members: dict[str, bytes], *, packing: int = zipfile.ZIP_DEFLATED) -> Path:
    path = folder / "a.zip"
    with zipfile.ZipFile(path, "w", packing) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def assert_refused(path: Path, folder: Path, message: str) -> None:
    """Unpacking fails with this message and leaves no files behind, inside or outside the folder."""
    before = tree(folder)
    with pytest.raises(DownloadError, match=message) as caught:
        unpack_zip(path, folder / "out")
    assert caught.value.path == str(path)
    assert tree(folder) == before
    assert [p.name for p in folder.iterdir()] == [path.name]


def test_unpacks_all_but_macos_metadata(tmp_path: Path) -> None:
    members = {"fan/train/a.wav": b"1" * 5000, "fan/attributes_00.csv": b"x", "fan/empty.wav": b""}
    macos_files = {"__MACOSX/fan/._a.wav": b"", "fan/._b.wav": b"", "fan/.DS_Store": b"", "fan/test/": b""}
    unpack_zip(archive(tmp_path, members | macos_files), tmp_path / "out")
    assert tree(tmp_path / "out") == members
    assert sorted(os.listdir(tmp_path)) == ["a.zip", "out"]


def test_files_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".out.unpacking").mkdir()
    (tmp_path / ".out.unpacking" / "old.wav").touch()
    unpack_zip(archive(tmp_path, {"new.wav": b"1"}), tmp_path / "out")
    assert tree(tmp_path / "out") == {"new.wav": b"1"}


@pytest.mark.parametrize(
    "name",
    [
        "../evil.wav",
        "fan/../../evil.wav",
        "/etc/evil.wav",
        "C:/evil.wav",
        "c:evil.wav",
        "..\\evil.wav",
        "\\evil.wav",
    ],
)
def test_paths_that_lead_outside_are_refused(tmp_path: Path, name: str) -> None:
    assert_refused(archive(tmp_path, {"good.wav": b"1", name: b"2"}), tmp_path, "outside the target folder")


def test_backslashes_are_path_separators(tmp_path: Path) -> None:
    unpack_zip(archive(tmp_path, {"fan\\train\\a.wav": b"1"}), tmp_path / "out")
    assert tree(tmp_path / "out") == {"fan/train/a.wav": b"1"}


@pytest.mark.parametrize("file_type", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_special_files_are_refused(tmp_path: Path, file_type: int) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        link = zipfile.ZipInfo("link")
        link.external_attr = (file_type | 0o777) << 16
        file.writestr(link, "/etc")
        file.writestr("link/passwd", "x")
    assert_refused(tmp_path / "a.zip", tmp_path, "link or a special file")


def test_a_repeated_name_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("a.wav", "1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            file.writestr("a.wav", "2")
    assert_refused(tmp_path / "a.zip", tmp_path, "occurs twice")


def test_a_file_that_is_also_a_folder_is_refused(tmp_path: Path) -> None:
    assert_refused(archive(tmp_path, {"a": b"1", "a/b": b"2"}), tmp_path, "cannot be unpacked")


def test_a_zip_bomb_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path, {f"{i}.wav": bytes(4_000_000) for i in range(3)})
    assert path.stat().st_size < 20_000
    assert_refused(path, tmp_path, "ZIP bomb")


def test_highly_compressible_small_files_are_accepted(tmp_path: Path) -> None:
    unpack_zip(archive(tmp_path, {"a.wav": bytes(4_000_000)}), tmp_path / "out")
    assert (tmp_path / "out" / "a.wav").stat().st_size == 4_000_000


def set_declared_size(path: Path, size: int) -> None:
    """Write an unpacked size into the first entry of the central directory."""
    data = bytearray(path.read_bytes())
    offset = data.index(b"PK\x01\x02")
    data[offset + 24 : offset + 28] = struct.pack("<I", size)
    path.write_bytes(data)


@pytest.mark.parametrize("declared", [10, 6000])
def test_a_wrong_declared_size_is_refused(tmp_path: Path, declared: int) -> None:
    path = archive(tmp_path, {"a.wav": os.urandom(5000)})
    set_declared_size(path, declared)
    assert_refused(path, tmp_path, r"not a complete ZIP|does not have the declared size")


def test_not_enough_disk_space_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = archive(tmp_path, {"a.wav": os.urandom(5000)})
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=4000))
    assert_refused(path, tmp_path, "0.0 GB are free")


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unsupported_compression_methods_are_refused(tmp_path: Path, packing: int) -> None:
    assert_refused(
        archive(tmp_path, {"a.wav": b"1"}, packing=packing), tmp_path, "unsupported compression method"
    )


def test_encrypted_members_are_refused(tmp_path: Path) -> None:
    path = archive(tmp_path, {"a.wav": b"1"})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    assert_refused(path, tmp_path, "encrypted")


@pytest.mark.parametrize("damage", ["truncated", "flipped", "foreign", "empty"])
def test_damaged_archives_are_refused(tmp_path: Path, damage: str) -> None:
    path = archive(tmp_path, {"a.wav": os.urandom(5000)}, packing=zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[1000] ^= 255
    damaged = {
        "truncated": bytes(data[:3000]),
        "flipped": bytes(data),
        "foreign": b"<html>" * 9,
        "empty": b"",
    }
    path.write_bytes(damaged[damage])
    assert_refused(path, tmp_path, "not a complete ZIP archive")


def test_an_existing_folder_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.wav").write_bytes(b"1")
    with pytest.raises(DownloadError, match="cannot be unpacked"):
        unpack_zip(archive(tmp_path, {"a.wav": b"2"}), tmp_path / "out")
    assert tree(tmp_path / "out") == {"mine.wav": b"1"}
