"""The command line interface: one module per command, imported only when it is called."""

from auscult.cli.commands import commands, main

__all__ = ["commands", "main"]
