"""Unpacking an untrusted archive: no file outside its folder, none larger than declared."""

from __future__ import annotations

import os
import re
import shutil
import stat
import zipfile
import zlib
from os import PathLike

from auscult.errors import DownloadError

MAX_RATIO = 100  # unpacked to packed size; below 10 for most recordings, above 1000 for ZIP bombs
_SMALL = 10_000_000  # bytes that any archive may unpack to, regardless of the ratio
_CHUNK = 1 << 20
_MACOS_FILES = re.compile(r"(^|/)(__MACOSX/|\._|\.DS_Store$)")


def unpack_zip(archive: str | PathLike[str], folder: str | PathLike[str]) -> None:
    """Unpack a ZIP archive into a new folder, which is created only when all files are complete.

    Raises:
        DownloadError: not a ZIP archive, damaged, encrypted, unsafe (a path outside the folder, a link, a
            repeated name, an implausible compression ratio), or not enough disk space. No files are left
            behind.
    """
    archive, folder = os.fspath(archive), os.fspath(folder)
    parent, name = os.path.split(os.path.abspath(folder))
    unfinished = os.path.join(parent, f".{name.lstrip('.')}.unpacking")
    shutil.rmtree(unfinished, ignore_errors=True)
    os.makedirs(unfinished)
    try:
        with zipfile.ZipFile(archive) as file:
            members = _checked_members(archive, file, free_space=shutil.disk_usage(parent).free)
            for path, member in members.items():
                _write(archive, file, member, os.path.join(unfinished, *path.split("/")))
        os.rename(unfinished, folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise DownloadError(
            archive, f"not a complete ZIP archive ({error}); delete it and download it again"
        ) from error
    except OSError as error:
        raise DownloadError(archive, f"cannot be unpacked to {folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _checked_members(archive: str, file: zipfile.ZipFile, *, free_space: int) -> dict[str, zipfile.ZipInfo]:
    """Return safe relative path to member; folders and metadata files of macOS are left out."""
    members: dict[str, zipfile.ZipInfo] = {}
    for member in file.infolist():
        path = member.filename.replace("\\", "/")
        if path.startswith("/") or re.match(r"[A-Za-z]:", path) or ".." in path.split("/"):
            raise DownloadError(archive, f"unsafe: {member.filename!r} is outside the target folder")
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise DownloadError(archive, f"unsafe: {member.filename!r} is a link or a special file")
        if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            # zipfile unpacks other compression methods without a limit on memory.
            raise DownloadError(
                archive, f"{member.filename!r} is encrypted or uses an unsupported compression method"
            )
        path = "/".join(piece for piece in path.split("/") if piece not in ("", "."))
        if member.filename.endswith(("/", "\\")) or not path or _MACOS_FILES.search(path):
            continue
        if path in members:
            raise DownloadError(archive, f"unsafe: {path!r} occurs twice")
        members[path] = member
    declared = sum(member.file_size for member in members.values())
    if declared > max(_SMALL, MAX_RATIO * os.path.getsize(archive)):
        raise DownloadError(
            archive, f"unsafe: unpacked size of {declared} bytes is implausible, may be a ZIP bomb"
        )
    if declared > free_space:
        raise DownloadError(
            archive,
            f"not enough disk space: unpacks to {declared / 1e9:.1f} GB, {free_space / 1e9:.1f} GB are free",
        )
    return members


def _write(archive: str, file: zipfile.ZipFile, member: zipfile.ZipInfo, path: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    written = 0
    with file.open(member) as packed, open(path, "xb") as out:
        while chunk := packed.read(_CHUNK):
            written += out.write(chunk)  # zipfile returns at most the declared size
    if written != member.file_size:
        raise DownloadError(archive, f"unsafe: {member.filename!r} does not have the declared size")
