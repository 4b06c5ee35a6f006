"""Arrays as compressed bytes: shape, then float32 values by zlib. Nothing in them is executed on reading."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from auscult.errors import OptionError

#: Most values of an array, 256 MB.
_MAX_VALUES = 1 << 26
_LEVEL = 1  # zlib: higher levels gain little on float32


def pack_array(array: np.ndarray) -> bytes:
    """Return an array of up to four axes as bytes, rounded to float32.

    Raises:
        OptionError: it has more axes or values, or is not numeric.

    Example:
        >>> unpack_array(pack_array(np.array([[1.0, 2.0]])))
        array([[1., 2.]], dtype=float32)
    """
    array = np.asarray(array)
    if array.dtype.kind not in "fiub" or not 1 <= array.ndim <= 4 or array.size > _MAX_VALUES:
        raise OptionError(f"an array of shape {array.shape} and type {array.dtype} cannot be stored")
    header = struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)
    with np.errstate(over="ignore"):
        values = array.astype("<f4")
    return header + zlib.compress(values.tobytes(), _LEVEL)


def unpack_array(data: bytes) -> np.ndarray:
    """Invert `pack_array`.

    Raises:
        ValueError: the bytes are damaged.
    """
    try:
        (axes,) = struct.unpack_from("<B", data)
        shape = struct.unpack_from(f"<{axes}I", data, 1)
        size = 4 * int(np.prod(shape, dtype=np.float64))
        if not 1 <= axes <= 4 or size > 4 * _MAX_VALUES:
            raise ValueError("its shape is damaged")
        decompressor = zlib.decompressobj()
        values = decompressor.decompress(data[1 + 4 * axes :], size + 1)
    except (struct.error, zlib.error) as error:
        raise ValueError(str(error)) from None
    if len(values) != size or not decompressor.eof:
        raise ValueError("its length differs from its shape")
    return np.frombuffer(values, "<f4").reshape(shape).astype(np.float32)
