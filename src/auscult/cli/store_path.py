"""The event store on the command line: its folder, or the database in it."""

from __future__ import annotations

import os
from typing import Any

import click

DATABASE = "events.sqlite"


class StorePath(click.Path):
    """The folder of an event store; the path of its database stands for the folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = os.fspath(super().convert(value, param, ctx))
        if os.path.basename(path) == DATABASE and os.path.isfile(path):
            return os.path.dirname(path) or os.curdir
        return path
