"""Makes the pictures of docs/start/first-model.md by running its examples.

python -m tools.tutorial_pictures
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

from PIL import Image

from tools.doc_snippets import DOCS, run_page

#: What the examples write, and the width in pixels of the picture on the page.
PICTURES = {"why": 900, "scores": 840}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        run_page(DOCS / "start" / "first-model.md", Path(folder))
        for name, width in PICTURES.items():
            with Image.open(f"{name}.png") as picture:
                small = picture.convert("RGB").resize((width, round(picture.height * width / picture.width)))
            small.quantize(48).save(DOCS / "images" / f"first-model-{name}.png", optimize=True)


if __name__ == "__main__":
    main()
