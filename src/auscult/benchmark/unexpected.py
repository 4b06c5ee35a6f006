"""Description of an error that auscult does not raise itself, such as a programming error in a detector."""

from __future__ import annotations

import traceback


def describe_unexpected(error: Exception, package: str) -> str:
    """Return type and message of an error, and where in the code it was raised.

    The place is the last call in auscult or in ``package``: a line of a library that they call says little.

    Args:
        error: an error that was raised and caught.
        package: name of the top-level package or module of the detector.

    Returns:
        Text such as ``KeyError: 'mean' (at /src/my_detectors/pca.py:41 in score)``.
    """
    frames = list(traceback.walk_tb(error.__traceback__))
    own = [
        (frame, line)
        for frame, line in frames
        if frame.f_globals.get("__name__", "").partition(".")[0] in ("auscult", package)
    ]
    message = f"{type(error).__name__}: {error}".removesuffix(": ")
    if not frames:
        return message
    frame, line = (own or frames)[-1]
    return f"{message} (at {frame.f_code.co_filename}:{line} in {frame.f_code.co_name})"
