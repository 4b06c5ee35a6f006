"""``auscult doctor``: check the installation, and report what is missing and how to install it."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import click

from auscult.cli import text
from auscult.cli.options import json_option
from auscult.errors import AuscultError, OptionError, PluginError

#: What the optional dependencies of each extra are for.
PURPOSES = {
    "train": "fitting networks",
    "report": "pictures and reports",
    "cluster": "work on a Dask cluster",
    "export": "exporting models to ONNX",
    "sensors": "tables of signals in HDF5, Parquet, TDMS and UFF",
    "monitor": "microphones and the page of auscult monitor",
}
FORMATS = ("WAV", "FLAC", "OGG", "MP3", "AIFF")


@click.command("doctor", short_help="Check the installation and report what is missing.")
@json_option
def command(as_json: bool) -> None:
    """Check the installation and report what is missing and how to install it."""
    report = _examine()
    if as_json:
        text.print_json(report)
    else:
        click.echo(_as_text(report))


def _examine() -> dict[str, Any]:
    required, optional = dependencies()
    packages = {name: _version(name) for name in required}
    extras = {
        name: {"version": _version(name), "for": PURPOSES[extra], "extra": extra}
        for name, extra in optional.items()
    }
    sound = _sound()
    advice = [
        f"{name} is missing: reinstall auscult (pip install --force-reinstall auscult)"
        for name, installed in packages.items()
        if installed is None
    ]
    missing: dict[str, list[str]] = {}
    for name, extra in optional.items():
        if extras[name]["version"] is None:
            missing.setdefault(extra, []).append(name)
    advice += [
        f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} required for {PURPOSES[extra]}: "
        f"pip install 'auscult[{extra}]'"
        for extra, names in missing.items()
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
    if cache and (reason := _write_problem(cache["folder"])):
        problem = (
            f"the cache folder {cache['folder']} is not writable: {reason}; set AUSCULT_CACHE to another"
        )
    advice += [problem] if problem else []
    plugins = _plugins()
    advice += [plugin["problem"] for plugin in plugins if plugin["problem"]]
    microphones, missing_library = _microphones() if _version("sounddevice") else ([], None)
    advice += [missing_library] if missing_library else []
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
        "microphones": microphones,
        "plugins": plugins,
        "cache": cache,
        "cache_problem": problem,
        "advice": advice,
    }


def dependencies() -> tuple[list[str], dict[str, str]]:
    """Return the packages that auscult requires, and the optional ones with the first extra that lists them.

    Extras for developers are left out. Without metadata, as in a source folder that is not installed, there
    are none.
    """
    try:
        requirements = requires("auscult") or []
    except PackageNotFoundError:
        return [], {}
    required: list[str] = []
    optional: dict[str, str] = {}
    for requirement in requirements:
        name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
        extra = re.search(r"extra\s*==\s*[\"'](\w+)", requirement)
        if extra is None:
            required.append(name)
        elif extra[1] in PURPOSES:
            optional.setdefault(name, extra[1])
    return required, optional


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _memory() -> int | None:
    """Bytes of main memory; ``None`` if the system does not report it."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def _training_devices() -> list[str]:
    """The devices that PyTorch can train on."""
    try:
        torch = import_module("torch")
        devices = ["cpu"]
        if torch.cuda.is_available():
            devices += [f"cuda: {torch.cuda.get_device_name(i)}" for i in range(torch.cuda.device_count())]
        if torch.backends.mps.is_available():
            devices.append("mps")
    except Exception as error:  # a broken installation may raise anything
        return [f"torch cannot be imported: {error}"]
    return devices


def _sound() -> dict[str, Any]:
    """The version of libsndfile, and which audio formats it reads."""
    try:
        soundfile = import_module("soundfile")
        readable = soundfile.available_formats()
        library = soundfile.__libsndfile_version__
    except (ImportError, OSError) as error:
        return {"libsndfile": f"cannot be loaded: {error}", "formats": dict.fromkeys(FORMATS, False)}
    return {"libsndfile": library, "formats": {form: form in readable for form in FORMATS}}


def _sound_devices() -> list[str]:
    """The recording devices that ALSA lists; empty on other systems."""
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


def _microphones() -> tuple[list[dict[str, Any]], str | None]:
    """The sources for ``auscult monitor``, and why they cannot be listed; nothing is recorded."""
    live = import_module("auscult.sound.live")
    try:
        known = live.microphones()
    except (AuscultError, OSError) as error:
        return [], str(error)
    return [{"source": f"mic:{one.name}", "names": list(one.names), "text": str(one)} for one in known], None


def _cache() -> dict[str, Any] | None:
    """Folder and size of the feature cache; ``None`` if it is disabled."""
    try:
        cache = import_module("auscult.corpus.feature_cache").feature_cache()
    except (ImportError, OSError):  # the missing package is reported already
        return None
    if cache is None:
        return None
    entries, size = cache.contents()
    folder = str(cache.folder)
    return {"folder": folder, "entries": entries, "bytes": size, "max_bytes": cache.max_bytes}


def _plugins() -> list[dict[str, str | None]]:
    """The detectors of other packages, and why one of them cannot be used."""
    try:
        plugins = import_module("auscult.detectors").find_plugins()
    except (ImportError, OSError):  # the missing package is reported already
        return []
    described = []
    for plugin in plugins.values():
        problem = None
        try:
            plugin.load()
        except PluginError as error:
            problem = str(error)
        described.append({"detector": plugin.name, "package": plugin.distribution, "problem": problem})
    return described


def _write_problem(folder: str) -> str | None:
    """Why a folder, which need not exist yet, cannot be written to; ``None`` if it can."""
    existing = next(path for path in (Path(folder), *Path(folder).parents) if path.exists())
    if not existing.is_dir():
        return f"{existing} is not a folder"
    return None if os.access(existing, os.W_OK) else f"no write permission for {existing}"


def _as_text(report: dict[str, Any]) -> str:
    memory = report["memory_bytes"]
    lines = [
        ("auscult", f"{report['auscult'] or 'not installed as a package'}"),
        ("python", f"{report['python']}, {report['executable']}"),
        ("system", report["system"]),
        ("CPU cores", f"{report['cores']}" + (f", memory {memory / 2**30:.1f} GiB" if memory else "")),
    ]
    lines += [(name, version or "MISSING") for name, version in report["packages"].items()]
    lines += [
        (name, f"{package['version'] or 'not installed'} (optional, for {package['for']})")
        for name, package in report["optional"].items()
    ]
    sound = report["sound"]
    formats = ", ".join(f"{name} {'yes' if ok else 'NO'}" for name, ok in sound["formats"].items())
    lines += [
        ("training devices", ", ".join(report["devices"]) or text.NONE),
        ("libsndfile", f"{sound['libsndfile']}: {formats}"),
        ("cache", report["cache_problem"] or _cache_as_text(report["cache"])),
        ("plugins", "; ".join(f"{p['detector']} of {p['package']}" for p in report["plugins"]) or "none"),
        # Without the packages of the monitor only the system knows them.
        (
            "microphones",
            "; ".join([one["text"] for one in report["microphones"]] or report["sound_devices"]) or "none",
        ),
    ]
    advice = report["advice"] or ["Nothing is missing."]
    return text.facts(lines) + "\n\n" + "\n".join(advice)


def _cache_as_text(cache: dict[str, Any] | None) -> str:
    if cache is None:
        return "off (unset AUSCULT_CACHE, or set it to a folder, to enable it)"
    used, limit = cache["bytes"] / 1e9, cache["max_bytes"] / 1e9
    return (
        f"{cache['entries']} {'entry' if cache['entries'] == 1 else 'entries'}, "
        f"{used:.2f} of {limit:.3g} GB, in {cache['folder']} "
        "(delete the folder to clear it; disable with AUSCULT_CACHE=off)"
    )
