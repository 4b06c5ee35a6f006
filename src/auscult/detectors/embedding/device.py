"""The device that an encoder runs on: execution providers of ONNX Runtime, chosen by name."""

from __future__ import annotations

import logging
from typing import Any

from auscult.errors import OptionError

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
#: Short names of providers. CUDA multiplies in full float32, as the CPU does, instead of TF32.
_SHORT = {"cpu": CPU, "cuda": CUDA}
_PROVIDER_OPTIONS: dict[str, dict[str, Any]] = {CUDA: {"use_tf32": 0}}


def providers(device: str, *, fallback: bool = False) -> list[str]:
    """Return the execution providers of ONNX Runtime for a device, in the order of preference.

    Args:
        device: ``cpu``, ``cuda``, ``auto`` (CUDA if this ONNX Runtime has it, else the CPU), or names of
            providers joined by ``+``, such as ``TensorrtExecutionProvider+CUDAExecutionProvider``.
        fallback: use the CPU, with a warning, instead of a provider that is not available.

    Raises:
        OptionError: this ONNX Runtime does not have one of the providers.
    """
    import onnxruntime

    available = onnxruntime.get_available_providers()
    if device == "auto":
        device = "cuda" if CUDA in available else "cpu"
    chosen = [_SHORT.get(name, name) for name in device.split("+")]
    missing = [name for name in chosen if name not in available]
    if missing and not fallback:
        raise OptionError(
            f"device={device!r}: this installation of ONNX Runtime has no {missing[0]}, only "
            f"{', '.join(available)}: {_advice(missing[0])}"
        )
    if missing:
        _warn(device)
        return [CPU]
    return list(dict.fromkeys(chosen))


def open_session(blob: bytes, chosen: list[str], options: Any, *, fallback: bool = False) -> Any:
    """Open an ONNX model with these providers; operators that they lack run on the CPU.

    Args:
        blob: of the ONNX file.
        chosen: as returned by `providers`.
        options: of the session.
        fallback: as for `providers`, for a provider whose libraries cannot be loaded.

    Raises:
        OptionError: the libraries of a provider cannot be loaded, which ONNX Runtime does not report.
        Exception: those of ONNX Runtime, which have no base class of their own, for a wrong file.
    """
    import onnxruntime

    names = list(dict.fromkeys([*chosen, CPU]))
    settings = [(name, _PROVIDER_OPTIONS.get(name, {})) for name in names]
    session = onnxruntime.InferenceSession(blob, options, providers=settings)
    unloaded = [name for name in chosen if name not in session.get_providers()]
    if unloaded and not fallback:
        raise OptionError(
            f"ONNX Runtime could not load the libraries of {unloaded[0]}: {_advice(unloaded[0])}"
        )
    if unloaded:
        _warn("+".join(chosen))
    return session


def _advice(provider: str) -> str:
    if provider == CUDA:
        return (
            "install onnxruntime-gpu instead of onnxruntime, with the versions of CUDA and cuDNN that it "
            "requires, or set device=cpu"
        )
    return "install an ONNX Runtime that has it, or set device=cpu"


def _warn(device: str) -> None:
    logging.getLogger("auscult").warning(
        "the model was fitted with device=%s, which is not available here: the encoder runs on the CPU",
        device,
    )
