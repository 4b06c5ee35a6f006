"""The model file: safetensors with a JSON header, written whole or not at all, checked when read.

Arrays are the detector's under ``detector/…`` (a network as its ONNX bytes), the calibration scores under
``calibration/…``, what normal maps look like under ``profile/…``, and ``normals/vectors`` of the recordings
that the model was given. The header holds the schema version, the detector's name, configuration and facts,
the paths of those recordings, the channel, where it came from, and a digest of header and arrays.
``docs/model-file.md`` describes it.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from auscult.detectors import detector_type
from auscult.detectors.maps.map_profile import MapProfile
from auscult.detectors.options import config_from_json, config_to_json
from auscult.errors import ModelFileError, OptionError
from auscult.model.model import Calibration, Model
from auscult.model.normal_index import Gallery
from auscult.runtime.files import write_atomically

SCHEMA = 2  # 1 had other arrays of the networks, and neither profiles nor the normal recordings
#: Presets that were renamed since version 0.1.0: model files of that version have the old names.
_RENAMED_PRESETS = {"seed": "report"}
_KEY = "auscult"  # our entry among the safetensors metadata; a file without it is foreign


def save_model(model: Model, path: str | os.PathLike[str]) -> None:
    """Writes a model file: to a temporary file beside it, synced, then renamed.

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
    """The digest that the model's file has."""
    return _contents(model)[0]["digest"]


def _contents(model: Model) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The header and the arrays of a model's file."""
    arrays = {f"detector/{k}": np.ascontiguousarray(v) for k, v in model.detector.arrays.items()}
    arrays |= {f"calibration/{k}": np.asarray(v, np.float64) for k, v in model.calibration.scores.items()}
    arrays |= {f"profile/{name}": profile.to_array() for name, profile in model.profiles.items()}
    arrays["normals/vectors"] = np.ascontiguousarray(model.normals.vectors)
    header = {
        "schema": SCHEMA,
        "detector": model.detector.name,
        "config": config_to_json(model.detector.config),
        "facts": model.detector.facts,
        "calibration": {"how": model.calibration.how, "domains": list(model.calibration.domains)},
        "normals": list(model.normals.paths),
        "channel": model.channel,
        "provenance": model.provenance,
    }
    header["digest"] = _digest(header, arrays)
    return header, arrays


def load_model(path: str | os.PathLike[str]) -> Model:
    """Reads a model file and checks all of it.

    Raises:
        ModelFileError: missing, corrupt, truncated, foreign, of an older or newer auscult, or damaged.
    """
    header, arrays = read_header_and_arrays(path)
    try:
        kind = detector_type(header["detector"])
        detector = kind(config_from_json(header["detector"], header["config"]))
        detector.facts = header["facts"]
        detector.arrays = _part(arrays, "detector/")
        domains = list(header["calibration"]["domains"])
        calibration = Calibration(header["calibration"]["how"], _part(arrays, "calibration/"), domains)
        profiles = _part(arrays, "profile/")
        bands = detector.config.front_end.n_mels
        normals = Gallery(tuple(header["normals"]), arrays["normals/vectors"])
        channel, provenance = header["channel"], header["provenance"]
        if provenance.get("preset") in _RENAMED_PRESETS:
            provenance = {**provenance, "preset": _RENAMED_PRESETS[provenance["preset"]]}
        shapes: dict[str, Any] = dict(detector.expected_shapes())
    except OptionError as error:
        raise ModelFileError(path, f"its settings are not of this version of auscult: {error}") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelFileError(path, f"damaged: its header lacks or garbles {error}") from error
    shapes = {f"detector/{name}": shape for name, shape in shapes.items()}
    shapes |= {f"calibration/{name}": (len(domains),) for name in calibration.scores}
    shapes |= {f"profile/{name}": (2, bands) for name in profiles}
    shapes["normals/vectors"] = (len(normals.paths), 2 * bands)
    if set(shapes) != set(arrays):
        raise ModelFileError(path, f"damaged: holds arrays {sorted(arrays)}, not {sorted(shapes)}")
    for name, array in arrays.items():
        fits = len(array.shape) == len(shapes[name]) and all(
            wanted in (None, got) for wanted, got in zip(shapes[name], array.shape, strict=True)
        )
        if not fits:
            raise ModelFileError(path, f"damaged: array {name} is {array.shape}, not {shapes[name]}")
        if not np.all(np.isfinite(array)):
            raise ModelFileError(path, f"damaged: array {name} holds numbers that are not finite")
    return Model(
        detector,
        calibration,
        profiles={name: MapProfile.from_array(array) for name, array in profiles.items()},
        normals=normals,
        channel=channel,
        provenance=provenance,
    )


def read_header_and_arrays(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The JSON header and every array of a model file, undamaged or not at all.

    Raises:
        ModelFileError: as `load_model`.
    """
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise ModelFileError(path, "no such model file" if not Path(path).exists() else "not a file")
    try:
        with safe_open(path, framework="numpy") as stored:
            metadata = stored.metadata() or {}
            arrays = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
        raise ModelFileError(
            path, f"not a model file of auscult, or truncated or corrupt ({error})"
        ) from error
    if _KEY not in metadata:
        raise ModelFileError(path, "a safetensors file, but not a model of auscult")
    try:
        header = json.loads(metadata[_KEY])
        schema, digest = header["schema"], header["digest"]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ModelFileError(path, "damaged: its header cannot be read") from error
    if schema != SCHEMA:
        older = isinstance(schema, int) and schema < SCHEMA
        raise ModelFileError(
            path,
            f"written by {'an older' if older else 'a newer'} auscult: its schema is {schema}, this version "
            f"reads {SCHEMA}; {'fit the model again' if older else 'install that version, or fit again'}",
        )
    if digest != _digest(header, arrays):
        raise ModelFileError(
            path, "damaged: its digest does not fit its contents; fit again or restore a copy"
        )
    return header, arrays


def _part(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def _digest(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> str:
    """SHA-256 over the header (less the digest itself) and every array with its name, type and shape."""
    told = {k: v for k, v in header.items() if k != "digest"}
    sums = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for name in sorted(arrays):
        sums.update(f"{name} {arrays[name].dtype.str} {arrays[name].shape}".encode())
        sums.update(arrays[name].tobytes())
    return sums.hexdigest()
