"""Encoder files of other frameworks: recognised, with a message that says how to convert them."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from auscult.detectors.embedding.encoder import Encoder, read_encoder
from auscult.errors import OptionError


def open_file(path: Path) -> Encoder:
    return Encoder.open(read_encoder(str(path)), str(path))


def torch_file(path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.save({"weight": torch.zeros(3)}, path)


def legacy_torch_file(path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.save({"weight": torch.zeros(3)}, path, _use_new_zipfile_serialization=False)


def safetensors_file(path: Path) -> None:
    header = b'{"weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))


def keras_file(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", bytes(1000))


def h5_file(path: Path) -> None:
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(1000))


def lfs_pointer(path: Path) -> None:
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n")


def tflite_file(path: Path) -> None:
    path.write_bytes(b"\x1c\x00\x00\x00TFL3" + bytes(1000))


@pytest.mark.parametrize(
    ("write", "suffixes", "message"),
    [
        (lfs_pointer, (".onnx", ".pt"), "Git LFS.*git lfs pull"),
        (tflite_file, (".tflite", ".onnx"), r"TensorFlow Lite.*tf2onnx.*--tflite"),
        (h5_file, (".h5", ".hdf5", ".onnx"), "Keras model.*ONNX"),
        (keras_file, (".keras", ".onnx"), "Keras model.*ONNX"),
        (torch_file, (".pt", ".pth", ".ckpt", ".onnx"), r"PyTorch file.*torch\.onnx\.export"),
        (legacy_torch_file, (".pt", ".pth", ".ckpt"), r"PyTorch file.*torch\.onnx\.export"),
        (safetensors_file, (".safetensors", ".onnx"), r"weights without the network.*torch\.onnx\.export"),
    ],
)
def test_files_of_other_frameworks_are_recognised_by_content_or_extension(tmp_path, write, suffixes, message):
    for suffix in suffixes:
        path = tmp_path / f"encoder{suffix}"
        write(path)
        with pytest.raises(
            OptionError, match=rf"encoder{suffix}'.*{message}.*docs/how-to/export-an-encoder\.md"
        ):
            open_file(path)


def test_a_tensorflow_folder_is_recognised(tmp_path):
    with pytest.raises(OptionError, match="Is a directory"):
        read_encoder(str(tmp_path))
    (tmp_path / "saved_model.pb").write_bytes(bytes(10))
    with pytest.raises(OptionError, match=r"TensorFlow model.*--saved-model"):
        read_encoder(str(tmp_path))


def test_a_missing_file_is_not_a_matter_of_format(tmp_path):
    with pytest.raises(OptionError, match="No such file"):
        read_encoder(str(tmp_path / "missing.pt"))


def test_an_onnx_file_with_another_extension_is_used(encoder_file, tmp_path):
    path = tmp_path / "encoder.pt"
    shutil.copy(encoder_file(), path)
    frames, _ = open_file(path).encode(np.zeros(16000, np.float32), 16000, 16000)
    assert frames.shape[1] == 24


def test_the_encoders_of_the_reference_data_are_recognised(real_data):
    for name, message in (("yamnet.tflite", "TensorFlow Lite"), ("mn04_as_mAP_432.pt", "PyTorch")):
        with pytest.raises(OptionError, match=message):
            open_file(real_data / "encoders" / name)
