"""JSON and pictures as bytes for the page."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

#: Largest value of a picture.
_STEPS = 255


def json_bytes(value: Any) -> bytes:
    """Return compact JSON; NaN and infinity become ``null``."""
    try:
        text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    except ValueError:
        text = json.dumps(finite(value), allow_nan=False, separators=(",", ":"))
    return text.encode()


def finite(value: Any) -> Any:
    """Return JSON-compatible data in which NaN and infinity are ``None``."""
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def picture(rows: np.ndarray) -> dict[str, Any]:
    """Return an array as 8-bit steps between its lowest and its highest value.

    Args:
        rows: (R, C) numbers; values that are not finite count as the lowest.

    Returns:
        ``rows``, ``columns``, ``data`` (base64, one byte a value, row by row), ``low`` and ``high``: the
        values of 0 and of 255.

    Example:
        >>> picture(np.array([[0.0, 1.0]]))
        {'rows': 1, 'columns': 2, 'data': 'AP8=', 'low': 0.0, 'high': 1.0}
    """
    values = np.asarray(rows, np.float64)
    present = values[np.isfinite(values)]
    low, high = (float(present.min()), float(present.max())) if present.size else (0.0, 0.0)
    scale = _STEPS / (high - low) if high > low else 0.0
    steps = np.rint(np.nan_to_num((values - low) * scale, nan=0.0, posinf=0.0, neginf=0.0))
    data = base64.b64encode(steps.astype(np.uint8).tobytes()).decode()
    return {"rows": values.shape[0], "columns": values.shape[1], "data": data, "low": low, "high": high}
