"""Run the ``auscult`` command with ``python -m auscult``."""

from auscult.cli import main

if __name__ == "__main__":
    main()
