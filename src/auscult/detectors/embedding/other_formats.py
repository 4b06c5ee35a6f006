"""Files of other kinds that are given as an encoder: how to convert each to ONNX.

A file is recognised by its first bytes, or by its extension if these are not distinctive.
"""

from __future__ import annotations

from pathlib import Path

_TENSORFLOW = (
    "convert it to ONNX (pip install tensorflow tf2onnx; python -m tf2onnx.convert {source} --output "
    "encoder.onnx)"
)
_KERAS = (
    "a Keras model: load it with Keras and convert it to ONNX (in Keras 3 by model.export('encoder.onnx', "
    "format='onnx'), else by tf2onnx.convert.from_keras)"
)
_TORCH = (
    "a PyTorch file: load it in the network's own code and convert that to ONNX (by torch.onnx.export, as in "
    "the recipes of docs/how-to/export-an-encoder.md)"
)
#: Format to the kind of file and how to convert it.
_HINTS = {
    "tflite": f"a TensorFlow Lite model: {_TENSORFLOW.format(source='--tflite FILE')}",
    "saved_model": f"a TensorFlow model: {_TENSORFLOW.format(source='--saved-model FOLDER')}",
    "keras": _KERAS,
    "torch": _TORCH,
    "safetensors": (
        "a file of weights without the network: load them in the network's own code and convert that to ONNX "
        "(by torch.onnx.export, as in the recipes of docs/how-to/export-an-encoder.md)"
    ),
    "lfs": "a pointer of Git LFS, without the content of the file: run git lfs pull in its repository",
}
_EXTENSIONS = {
    ".tflite": "tflite",
    ".pb": "saved_model",
    ".h5": "keras",
    ".hdf5": "keras",
    ".keras": "keras",
    ".pt": "torch",
    ".pth": "torch",
    ".ckpt": "torch",
    ".safetensors": "safetensors",
}


def conversion_hint(path: str, content: bytes) -> str | None:
    """Return what kind of file this is and how to convert it to ONNX, or ``None`` if it is not recognised.

    Args:
        path: of the file or folder.
        content: of the file; empty for a folder.
    """
    if Path(path).is_dir():
        file_format = "saved_model" if (Path(path) / "saved_model.pb").exists() else None
    else:
        file_format = _by_content(content) or _EXTENSIONS.get(Path(path).suffix.lower())
    return _HINTS[file_format] if file_format else None


def _by_content(content: bytes) -> str | None:
    """The format by the first bytes."""
    if content[4:8] == b"TFL3":
        return "tflite"
    if content.startswith(b"version https://git-lfs"):
        return "lfs"
    if content[:8] == b"\x89HDF\r\n\x1a\n":
        return "keras"
    if content[:4] == b"PK\x03\x04":  # both are ZIP archives; the names of their members are not compressed
        head = content[:65_536]
        return "keras" if b"config.json" in head or b"model.weights.h5" in head else "torch"
    if content[8:10] == b'{"' and int.from_bytes(content[:8], "little") < len(content):
        return "safetensors"
    return None
