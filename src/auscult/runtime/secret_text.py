"""Secrets from the environment or from files, so that no address, command or settings file has them."""

from __future__ import annotations

import os

from auscult.errors import OptionError


def secret_text(variable: str | None, file: str | None, name: str) -> tuple[str, str] | None:
    """Return a secret, and where it is from for messages; ``None`` if neither place is named.

    Args:
        variable: environment variable that contains it.
        file: file that contains it in its first line.
        name: beginning of the names of both settings: ``auth`` for ``auth_env`` and ``auth_file``.

    Raises:
        OptionError: both are named, or the secret is empty or cannot be read.
    """
    if variable is None and file is None:
        return None
    if variable is not None and file is not None:
        raise OptionError(f"{name}_env and {name}_file cannot be combined")
    if variable is not None:
        where, text = f"the environment variable {variable}", os.environ.get(variable, "")
    else:
        where = f"the first line of {file}"
        try:
            with open(file or "", encoding="utf-8") as lines:
                text = lines.readline().rstrip("\r\n")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8 text"
            raise OptionError(f"{name}_file: {file} cannot be read: {reason}") from None
    if not text:
        raise OptionError(f"{where} is empty")
    return text, where
