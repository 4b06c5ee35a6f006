"""Unpacking an archive from the network: nothing leaves its folder, nothing is larger than it says."""

from __future__ import annotations

import os
import re
import shutil
import stat
import zipfile
import zlib
from os import PathLike

from auscult.errors import DownloadError

MAX_RATIO = 100  # unpacked to packed; recordings hardly reach 10, a bomb starts at 1000
_SMALL = 10_000_000  # bytes that any archive may unpack to
_CHUNK = 1 << 20
_JUNK = re.compile(r"(^|/)(__MACOSX/|\._|\.DS_Store$)")


def unpack_zip(archive: str | PathLike[str], folder: str | PathLike[str]) -> None:
    """Unpacks a ZIP archive into a new folder, which appears when it is complete and not before.

    Raises:
        DownloadError: no ZIP archive, damaged, encrypted, unsafe (a path that leads outside, a link, a
            name that occurs twice, far more bytes than an honest archive has), or no room for it.
            Nothing is left behind.
    """
    archive, folder = os.fspath(archive), os.fspath(folder)
    parent, name = os.path.split(os.path.abspath(folder))
    unfinished = os.path.join(parent, f".{name.lstrip('.')}.unpacking")
    shutil.rmtree(unfinished, ignore_errors=True)
    os.makedirs(unfinished)
    try:
        with zipfile.ZipFile(archive) as file:
            members = _checked_members(archive, file, room=shutil.disk_usage(parent).free)
            for path, member in members.items():
                _write(archive, file, member, os.path.join(unfinished, *path.split("/")))
        os.rename(unfinished, folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise DownloadError(
            archive, f"not a whole ZIP archive ({error}); delete it and fetch it anew"
        ) from error
    except OSError as error:
        raise DownloadError(archive, f"cannot be unpacked to {folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _checked_members(archive: str, file: zipfile.ZipFile, *, room: int) -> dict[str, zipfile.ZipInfo]:
    """Safe relative path to member, folders and the litter of macOS left out."""
    members: dict[str, zipfile.ZipInfo] = {}
    for member in file.infolist():
        path = member.filename.replace("\\", "/")
        if path.startswith("/") or re.match(r"[A-Za-z]:", path) or ".." in path.split("/"):
            raise DownloadError(archive, f"unsafe: {member.filename!r} leads outside its folder")
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise DownloadError(archive, f"unsafe: {member.filename!r} is a link or a special file")
        if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            # Other methods are refused because zipfile unpacks them without a limit on memory.
            raise DownloadError(archive, f"{member.filename!r} is encrypted or packed in an unusual way")
        path = "/".join(piece for piece in path.split("/") if piece not in ("", "."))
        if member.filename.endswith(("/", "\\")) or not path or _JUNK.search(path):
            continue
        if path in members:
            raise DownloadError(archive, f"unsafe: {path!r} occurs twice")
        members[path] = member
    declared = sum(member.file_size for member in members.values())
    if declared > max(_SMALL, MAX_RATIO * os.path.getsize(archive)):
        raise DownloadError(archive, f"unsafe: claims to unpack to {declared} bytes, as only a ZIP bomb does")
    if declared > room:
        raise DownloadError(archive, f"unpacks to {declared / 1e9:.1f} GB, and {room / 1e9:.1f} GB are free")
    return members


def _write(archive: str, file: zipfile.ZipFile, member: zipfile.ZipInfo, path: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    written = 0
    with file.open(member) as packed, open(path, "xb") as out:
        while chunk := packed.read(_CHUNK):
            written += out.write(chunk)  # zipfile gives no more than is declared
    if written != member.file_size:
        raise DownloadError(archive, f"unsafe: {member.filename!r} is not of the size that it declares")
