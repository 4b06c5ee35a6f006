"""``auscult doctor``: what is installed, what is missing, and how to get it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import click

from auscult.cli import text
from auscult.cli.options import json_option
from auscult.errors import OptionError

REQUIRED = (
    "numpy",
    "scipy",
    "scikit-learn",
    "threadpoolctl",
    "joblib",
    "soundfile",
    "soxr",
    "safetensors",
    "onnxruntime",
    "click",
    "rich",
)
#: Package, what it is for, and the extra that brings it.
OPTIONAL = (
    ("torch", "fitting networks", "train"),
    ("onnx", "fitting networks", "train"),
    ("onnxscript", "fitting networks", "train"),
    ("matplotlib", "pictures and reports", "report"),
    ("distributed", "work on a Dask cluster", "cluster"),
)
FORMATS = ("WAV", "FLAC", "OGG", "MP3", "AIFF")


@click.command("doctor", short_help="Tell what is installed, what is missing and how to get it.")
@json_option
def command(as_json: bool) -> None:
    """Tell what is installed, what is missing and how to get it."""
    found = _examine()
    if as_json:
        text.print_json(found)
    else:
        click.echo(_as_text(found))


def _examine() -> dict[str, Any]:
    packages = {name: _version(name) for name in REQUIRED}
    extras = {
        name: {"version": _version(name), "for": what, "extra": extra} for name, what, extra in OPTIONAL
    }
    sound = _sound()
    advice = [
        f"{name} is missing: install auscult again (pip install --force-reinstall auscult)"
        for name, found in packages.items()
        if found is None
    ]
    lacking: dict[tuple[str, str], list[str]] = {}
    for name, what, extra in OPTIONAL:
        if extras[name]["version"] is None:
            lacking.setdefault((what, extra), []).append(name)
    advice += [
        f"{what} needs {' and '.join(names)}: pip install 'auscult[{extra}]'"
        for (what, extra), names in lacking.items()
    ]
    advice += [
        f"{form} files cannot be read by libsndfile {sound['libsndfile']}: pip install --upgrade soundfile"
        for form, readable in sound["formats"].items()
        if not readable
    ]
    cache, problem = None, None
    try:
        cache = _cache()
    except OptionError as error:
        problem = str(error)
    if cache and (blocking := _blocking(cache["folder"])):
        problem = f"the cache cannot be kept in {cache['folder']}: {blocking}; AUSCULT_CACHE names another"
    advice += [problem] if problem else []
    return {
        "auscult": _version("auscult"),
        "python": platform.python_version(),
        "executable": sys.executable,
        "system": platform.platform(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": _memory(),
        "packages": packages,
        "optional": extras,
        "devices": _training_devices() if extras["torch"]["version"] else [],
        "sound": sound,
        "sound_devices": _sound_devices(),
        "cache": cache,
        "cache_problem": problem,
        "advice": advice,
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _memory() -> int | None:
    """Bytes of main memory, where the system tells."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def _training_devices() -> list[str]:
    """What PyTorch can train on."""
    try:
        torch = import_module("torch")
        devices = ["cpu"]
        if torch.cuda.is_available():
            devices += [f"cuda: {torch.cuda.get_device_name(i)}" for i in range(torch.cuda.device_count())]
        if torch.backends.mps.is_available():
            devices.append("mps")
    except Exception as error:  # a broken installation may raise anything, and is what we look for
        return [f"torch does not start: {error}"]
    return devices


def _sound() -> dict[str, Any]:
    """The decoder library and which of our formats it reads."""
    try:
        soundfile = import_module("soundfile")
        readable = soundfile.available_formats()
        library = soundfile.__libsndfile_version__
    except (ImportError, OSError) as error:
        return {"libsndfile": f"does not load: {error}", "formats": dict.fromkeys(FORMATS, False)}
    return {"libsndfile": library, "formats": {form: form in readable for form in FORMATS}}


def _sound_devices() -> list[str]:
    """Devices that record, by ALSA; other systems are not asked."""
    if tool := shutil.which("arecord"):
        try:
            listed = subprocess.run([tool, "-l"], capture_output=True, text=True, timeout=5, check=False)
            return [line for line in listed.stdout.splitlines() if line.startswith("card ")]
        except (OSError, subprocess.TimeoutExpired):
            pass
    try:
        lines = Path("/proc/asound/pcm").read_text().splitlines()
    except OSError:
        return []
    return [line for line in lines if "capture" in line]


def _cache() -> dict[str, Any] | None:
    """Where log-mels are kept on disk, and how many; ``None`` where that is off."""
    try:
        cache = import_module("auscult.corpus.feature_cache").feature_cache()
    except (ImportError, OSError):  # what is missing for it is told already
        return None
    if cache is None:
        return None
    entries, held = cache.contents()
    folder = str(cache.folder)
    return {"folder": folder, "entries": entries, "bytes": held, "most_bytes": cache.most_bytes}


def _blocking(folder: str) -> str | None:
    """Why a folder that may have to be made cannot be written to; ``None`` where it can."""
    there = next(path for path in (Path(folder), *Path(folder).parents) if path.exists())
    if not there.is_dir():
        return f"{there} is no folder"
    return None if os.access(there, os.W_OK) else f"{there} cannot be written to"


def _as_text(found: dict[str, Any]) -> str:
    memory = found["memory_bytes"]
    lines = [
        ("auscult", f"{found['auscult'] or 'not installed as a package'}"),
        ("python", f"{found['python']}, {found['executable']}"),
        ("system", found["system"]),
        ("cores", f"{found['cores']}" + (f", memory {memory / 2**30:.1f} GiB" if memory else "")),
    ]
    lines += [(name, told or "MISSING") for name, told in found["packages"].items()]
    lines += [
        (name, f"{told['version'] or 'not installed'} (optional, for {told['for']})")
        for name, told in found["optional"].items()
    ]
    formats = ", ".join(f"{form} {'yes' if ok else 'NO'}" for form, ok in found["sound"]["formats"].items())
    lines += [
        ("trains on", ", ".join(found["devices"]) or text.NONE),
        ("libsndfile", f"{found['sound']['libsndfile']}: {formats}"),
        ("cache", found["cache_problem"] or _cache_as_text(found["cache"])),
        ("sound devices", "; ".join(found["sound_devices"]) or "none found"),
    ]
    advice = found["advice"] or ["Nothing is missing."]
    return text.facts(lines) + "\n\n" + "\n".join(advice)


def _cache_as_text(cache: dict[str, Any] | None) -> str:
    if cache is None:
        return "off (AUSCULT_CACHE names its folder)"
    held, most = cache["bytes"] / 1e9, cache["most_bytes"] / 1e9
    return (
        f"{cache['entries']} log-mels, {held:.2f} of {most:.3g} GB, in {cache['folder']} "
        "(delete that folder to clear it; AUSCULT_CACHE=off turns it off)"
    )
