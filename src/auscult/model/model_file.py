"""Reads and writes model files: safetensors with a JSON header, written atomically and checked when read.

The arrays are those of the detector under ``detector/…`` (a network as its ONNX bytes), the calibration
scores under ``calibration/…``, the statistics of normal maps under ``profile/…``, and ``normals/vectors`` of
the normal recordings; of a model of several channels, those of each of its models under ``axes/0/…`` and so
on. The header holds the schema version, the detector's name, configuration and facts, the
paths of the normal recordings, the channel, the provenance, and a digest of header and arrays.
``docs/reference/model-file.md`` describes the format.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from auscult.detectors import Detector, detector_type
from auscult.detectors.maps.map_profile import MapProfile
from auscult.detectors.options import config_from_json, config_to_json
from auscult.errors import FitError, ModelFileError, OptionError, PluginError
from auscult.findings import findings_from_json, findings_to_json
from auscult.model.axes import ALL, AxesModel
from auscult.model.model import Calibration, Model
from auscult.model.normal_index import NormalIndex
from auscult.runtime.files import write_atomically

SCHEMA = 2  # schema 1 had different network arrays, and neither profiles nor the normal recordings
#: Renamed presets, old name to new, for reading old model files.
_RENAMED_PRESETS = {"seed": "report"}
_KEY = "auscult"  # entry of the header in the safetensors metadata; other programs' files lack it


def save_model(model: Model, path: str | os.PathLike[str]) -> None:
    """Write a model file atomically: to a temporary file in the same folder, synced, then renamed.

    Raises:
        ModelFileError: the folder does not exist or cannot be written.
    """
    from safetensors.numpy import save

    header, arrays = _contents(model)
    try:
        write_atomically(path, save(arrays, metadata={_KEY: json.dumps(header)}))
    except OSError as error:
        raise ModelFileError(path, f"cannot be written: {error.strerror or error}") from error


def model_digest(model: Model) -> str:
    """Return the digest of the file that the model would be saved to."""
    return _contents(model)[0]["digest"]


def _contents(model: Model) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The header and the arrays of the model file."""
    if model.axes:
        return _contents_of_axes(model)
    arrays = {f"detector/{k}": np.ascontiguousarray(v) for k, v in model.detector.arrays.items()}
    arrays |= {f"calibration/{k}": np.asarray(v, np.float64) for k, v in model.calibration.scores.items()}
    arrays |= {f"profile/{name}": profile.to_arrays() for name, profile in model.profiles.items()}
    arrays["normals/vectors"] = np.ascontiguousarray(model.normals.vectors)
    header = {
        "schema": SCHEMA,
        "detector": model.detector.name,
        "config": config_to_json(model.detector.config),
        "facts": model.detector.facts,
        "calibration": {"how": model.calibration.method, "domains": list(model.calibration.domains)},
        "normals": list(model.normals.paths),
        **({"normal_windows": list(model.normals.windows)} if model.normals.windows else {}),
        "channel": model.channel,
        "provenance": model.provenance,
    }
    header["digest"] = _digest(header, arrays)
    return header, arrays


def _contents_of_axes(model: Model) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The same of a model of several channels: the contents of each of their models, without the digest."""
    contents = [_contents(axis) for axis in model.axes]
    arrays = {f"axes/{i}/{name}": a for i, (_, of_axis) in enumerate(contents) for name, a in of_axis.items()}
    axes = [{key: value for key, value in header.items() if key != "digest"} for header, _ in contents]
    header = {"schema": SCHEMA, "axes": axes, "channel": ALL, "provenance": model.provenance}
    header["digest"] = _digest(header, arrays)
    return header, arrays


def load_model(path: str | os.PathLike[str]) -> Model:
    """Read a model file and check all of its contents.

    Raises:
        ModelFileError: the file is missing, truncated, corrupt, of another program, or of an incompatible
            older or newer version of auscult.

    Example:
        >>> import auscult, numpy as np
        >>> noise = np.random.default_rng(0).normal(0, 0.1, (20, 8000))
        >>> model = auscult.fit(noise, "spectral_memory", sample_rate=8000)
        >>> model.save("fan.auscult")
        >>> auscult.load("fan.auscult")
        Model(spectral_memory, score ..., 8000 Hz, 20 calibration clips by crossfit)
    """
    header, arrays = read_header_and_arrays(path)
    if "axes" not in header:
        return _model(path, header, arrays)
    try:
        headers, provenance = list(header["axes"]), _with_findings(header["provenance"])
        names = [str(name) for name in provenance["channel_names"]]
        axes = [
            _model(path, of_axis, _with_prefix(arrays, f"axes/{i}/")) for i, of_axis in enumerate(headers)
        ]
        if len(axes) != len(names) or sum(
            len(_with_prefix(arrays, f"axes/{i}/")) for i in range(len(axes))
        ) != len(arrays):
            raise ModelFileError(path, "corrupt model file: not every channel has a name and its arrays")
        return AxesModel(axes, names, provenance=provenance)
    except (KeyError, TypeError, ValueError, IndexError, FitError) as error:
        raise ModelFileError(path, f"corrupt model file: a header field is invalid ({error})") from error


def _model(path: str | os.PathLike[str], header: dict[str, Any], arrays: dict[str, np.ndarray]) -> Model:
    """The model of one channel."""
    kind = _detector_class(path, header)
    try:
        detector = kind(config_from_json(header["detector"], header["config"]))
        detector.facts = _with_findings(header["facts"])
        detector.arrays = _with_prefix(arrays, "detector/")
        domains = list(header["calibration"]["domains"])
        calibration = Calibration(header["calibration"]["how"], _with_prefix(arrays, "calibration/"), domains)
        profiles = _with_prefix(arrays, "profile/")
        bands = detector.config.front_end.n_mels
        normal_paths = tuple(header["normals"])
        normal_windows = tuple(w and (float(w[0]), float(w[1])) for w in header.get("normal_windows", ()))
        channel, provenance = header["channel"], _with_findings(header["provenance"])
        if provenance.get("preset") in _RENAMED_PRESETS:
            provenance = {**provenance, "preset": _RENAMED_PRESETS[provenance["preset"]]}
        shapes: dict[str, Any] = dict(detector.expected_shapes())
    except OptionError as error:
        raise ModelFileError(path, f"settings are not valid in this version of auscult: {error}") from error
    except KeyError as error:
        raise ModelFileError(path, f"corrupt model file: header field {error} is missing") from error
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        raise ModelFileError(path, f"corrupt model file: a header field is invalid ({error})") from error
    shapes = {f"detector/{name}": shape for name, shape in shapes.items()}
    shapes |= {f"calibration/{name}": (len(domains),) for name in calibration.scores}
    shapes |= {f"profile/{name}": (2, bands) for name in profiles}
    shapes["normals/vectors"] = (len(normal_paths), 2 * bands)
    if normal_windows and len(normal_windows) != len(normal_paths):
        raise ModelFileError(path, "corrupt model file: not every normal recording has a window")
    if set(shapes) != set(arrays):
        mismatch = f"expected arrays {sorted(shapes)}, found {sorted(arrays)}"
        raise ModelFileError(path, f"corrupt model file: {mismatch}")
    for name, array in arrays.items():
        shape_matches = len(array.shape) == len(shapes[name]) and all(
            expected in (None, actual) for expected, actual in zip(shapes[name], array.shape, strict=True)
        )
        if not shape_matches:
            mismatch = f"expected shape {shapes[name]} for array {name}, found {array.shape}"
            raise ModelFileError(path, f"corrupt model file: {mismatch}")
        if not np.all(np.isfinite(array)):
            raise ModelFileError(path, f"corrupt model file: array {name} has values that are not finite")
    return Model(
        detector,
        calibration,
        profiles={name: MapProfile.from_arrays(array) for name, array in profiles.items()},
        normals=NormalIndex(normal_paths, arrays["normals/vectors"], normal_windows),
        channel=channel,
        provenance=provenance,
    )


def _detector_class(path: str | os.PathLike[str], header: dict[str, Any]) -> type[Detector]:
    """The class of a model's detector, which may be in another package.

    Raises:
        ModelFileError: it is not named, or cannot be used here.
    """
    try:
        return detector_type(header["detector"])
    except (KeyError, TypeError) as error:
        raise ModelFileError(path, "corrupt model file: header field 'detector' is invalid") from error
    except PluginError as error:
        raise ModelFileError(path, str(error)) from error
    except OptionError as error:
        package = header.get("provenance", {}).get("detector_package")
        advice = f"install {package}" if package else "install the package that it is from"
        raise ModelFileError(
            path, f"its detector {header['detector']!r} is not installed here: {advice}"
        ) from error


def read_header_and_arrays(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read the JSON header and all arrays of a model file, and check schema and digest.

    Raises:
        ModelFileError: as for `load_model`.
    """
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise ModelFileError(path, "no such model file" if not Path(path).exists() else "not a file")
    try:
        with safe_open(path, framework="numpy") as stored:
            metadata = stored.metadata() or {}
            arrays = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
        raise ModelFileError(path, f"not an auscult model file, or truncated or corrupt ({error})") from error
    if _KEY not in metadata:
        raise ModelFileError(path, "a safetensors file, but not an auscult model")
    try:
        header = json.loads(metadata[_KEY])
        schema, digest = header["schema"], header["digest"]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ModelFileError(path, "corrupt model file: the header cannot be read") from error
    if schema != SCHEMA:
        older = isinstance(schema, int) and schema < SCHEMA
        raise ModelFileError(
            path,
            f"written by {'an older' if older else 'a newer'} auscult: the file has schema {schema}, this "
            f"version reads schema {SCHEMA}; "
            f"{'fit the model again' if older else 'install that version, or fit the model again'}",
        )
    if digest != _digest(header, arrays):
        raise ModelFileError(
            path, "corrupt model file: digest mismatch; restore a copy or fit the model again"
        )
    return header, arrays


def is_model_file(path: str | os.PathLike[str]) -> bool:
    """Whether the file begins like a model file; whether it is intact is not checked."""
    try:
        with open(path, "rb") as file:
            return file.read(256).startswith(f'{{"__metadata__":{{"{_KEY}":'.encode(), 8)
    except (OSError, ValueError):
        return False


def _with_findings(data: dict[str, Any]) -> dict[str, Any]:
    """Facts or a provenance with findings, where version 0.1.0 stored strings under ``warnings``."""
    data = dict(data)
    if "warnings" in data:
        data["findings"] = findings_to_json(findings_from_json(data.pop("warnings")))
    if "members" in data:
        data["members"] = {
            name: {**member, "facts": _with_findings(member["facts"])}
            for name, member in data["members"].items()
        }
    return data


def _with_prefix(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """The arrays whose name has a prefix, by the rest of the name."""
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def _digest(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> str:
    """SHA-256 of the header (without the digest itself) and of every array with its name, type and shape."""
    content = {k: v for k, v in header.items() if k != "digest"}
    sha256 = hashlib.sha256(json.dumps(content, sort_keys=True).encode())
    for name in sorted(arrays):
        sha256.update(f"{name} {arrays[name].dtype.str} {arrays[name].shape}".encode())
        sha256.update(arrays[name].tobytes())
    return sha256.hexdigest()
