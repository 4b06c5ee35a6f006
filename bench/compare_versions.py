"""Compare two versions of auscult bit for bit: models, scores, and whether old model files still load.

    python -m bench.compare_versions --old CHECKOUT -o results/compare [--machine FOLDER] [--only NAME ...]

CHECKOUT is a working tree of the other version, for instance one made by ``git worktree add``. Both versions
run as command-line programs in this environment, each from its own ``src`` folder. For every detector setting
the other version fits a model on the training clips of the machine and scores the test clips. This version
then scores the same clips with that model, fits its own model and scores the clips with it. All scores,
thresholds, verdicts, nearest clips and errors, and all arrays of the model files must be equal to the last
bit. The machine folder defaults to the motor in ``AUSCULT_REAL_DATA``. Exits with 1 if anything differs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent.parent
#: Name of a setting to its ``auscult fit`` arguments. Networks are trained briefly: good ones are not needed.
SETTINGS: Mapping[str, Sequence[str]] = {
    "auto": ("--detector", "auto"),
    "pooled_gaussian": ("--detector", "pooled_gaussian"),
    "spectral_memory": ("--detector", "spectral_memory"),
    "subspace_residual": ("--detector", "subspace_residual"),
    "embedding_memory": ("--detector", "embedding_memory"),
    "autoencoder": ("--detector", "autoencoder", "--epochs", "2"),
    "gamma_vae": ("--detector", "gamma_vae", "--epochs", "2"),
    "gamma_vae@report": ("--detector", "gamma_vae", "--preset", "report", "--epochs", "2"),
    "gamma_observation": ("--detector", "gamma_observation", "--epochs", "2"),
    "gamma_observation@gaussian": (
        *("--detector", "gamma_observation", "--preset", "gaussian", "--epochs", "2"),
    ),
    "discriminative": ("--detector", "discriminative", "--epochs", "1"),
}
#: Presets that were renamed: name in this version to name in version 0.1.0.
OLD_PRESETS = {"report": "seed"}
#: Fields of a result that must be equal.
COMPARED = ("path", "score", "threshold", "anomalous", "nearest", "error")


def run(source: Path, *arguments: str) -> str:
    """Run ``auscult`` from a source folder and return its standard output."""
    environment = {**os.environ, "PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
    process = subprocess.run(
        [sys.executable, "-m", "auscult", *arguments], env=environment, capture_output=True, text=True
    )
    if process.returncode not in (0, 4):
        raise SystemExit(f"auscult {' '.join(arguments)} (from {source}) failed:\n{process.stderr}")
    return process.stdout


def fit(source: Path, model: Path, machine: Path, arguments: Sequence[str]) -> None:
    run(source, "fit", str(machine), "-o", str(model), "--quiet", *arguments)


def score(source: Path, model: Path, clips: Path) -> list[dict[str, Any]]:
    """Return the results, one dict per clip, in order."""
    lines = run(source, "score", str(model), str(clips), "--json").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def arrays(model: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(model)


def differences(name: str, old: Path, new: Path, rows: Sequence[Sequence[Mapping[str, Any]]]) -> list[str]:
    """Descriptions of the differences between two models and their results; empty if there are none.

    Args:
        name: of the setting.
        old, new: model files.
        rows: results of the old model in the other version, of the old model in this version, and of the
            new model in this version.
    """
    messages = []
    first = [[row.get(key) for key in COMPARED] for row in rows[0]]
    for title, other in (
        ("old model scored by this version", rows[1]),
        ("model fitted by this version", rows[2]),
    ):
        second = [[row.get(key) for key in COMPARED] for row in other]
        count = sum(a != b for a, b in zip(first, second, strict=False)) + abs(len(first) - len(second))
        if count or not first:
            messages.append(f"{name}: {title}: {count} of {len(first)} results differ")
    before, after = arrays(old), arrays(new)
    if set(before) != set(after):
        messages.append(f"{name}: names of arrays differ: {sorted(set(before) ^ set(after))}")
    unequal = [key for key in sorted(set(before) & set(after)) if not np.array_equal(before[key], after[key])]
    if unequal:
        messages.append(f"{name}: arrays differ: {', '.join(unequal)}")
    return messages


def write_encoder(path: Path) -> None:
    """Write an encoder: magnitudes of a fixed random filter bank, (1, N) waveform to (1, T, 32) frames."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    kernel = np.random.default_rng(0).normal(size=(32, 1, 400)).astype(np.float32) / 20
    nodes = [
        helper.make_node("Unsqueeze", ["waveform", "axis"], ["signal"]),
        helper.make_node("Conv", ["signal", "kernel"], ["filtered"], strides=[160]),
        helper.make_node("Abs", ["filtered"], ["magnitude"]),
        helper.make_node("Transpose", ["magnitude"], ["frames"], perm=[0, 2, 1]),
    ]
    graph = helper.make_graph(
        nodes,
        "encoder",
        [helper.make_tensor_value_info("waveform", TensorProto.FLOAT, [1, "samples"])],
        [helper.make_tensor_value_info("frames", TensorProto.FLOAT, [1, "time", 32])],
        [numpy_helper.from_array(kernel, "kernel"), numpy_helper.from_array(np.array([1]), "axis")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--old", type=Path, required=True, help="working tree of the other version")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for models and scores")
    parser.add_argument("--machine", type=Path, help="machine folder with train/ and test/")
    parser.add_argument("--only", nargs="*", choices=list(SETTINGS), help="settings to compare; default: all")
    parser.add_argument("--release", action="store_true", help="the other version is 0.1.0, with other names")
    parser.add_argument("--old-part-only", action="store_true", help="run only the other version")
    options = parser.parse_args()
    if options.machine is None:
        if "AUSCULT_REAL_DATA" not in os.environ:
            parser.error("give --machine or set AUSCULT_REAL_DATA")
        options.machine = Path(os.environ["AUSCULT_REAL_DATA"]) / "bldc" / "BrushlessMotor"
    options.output.mkdir(parents=True, exist_ok=True)
    encoder = options.output / "encoder.onnx"
    if not encoder.exists():
        write_encoder(encoder)
    messages: list[str] = []
    clips = options.machine / "test"
    for name in options.only or SETTINGS:
        arguments = list(SETTINGS[name])
        if name == "embedding_memory":
            arguments += ["--set", f"encoder={encoder}"]
        old, new, stored = (options.output / f"{name}{end}" for end in (".old", ".new", ".old.json"))
        if not stored.exists():
            renamed = OLD_PRESETS if options.release else {}
            before = [renamed.get(argument, argument) for argument in arguments]
            fit(options.old / "src", old, options.machine, before)
            stored.write_text(json.dumps(score(options.old / "src", old, clips)))
        if options.old_part_only:
            continue
        fit(HERE / "src", new, options.machine, arguments)
        rows = [json.loads(stored.read_text()), *(score(HERE / "src", model, clips) for model in (old, new))]
        unequal = differences(name, old, new, rows)
        verdict = "DIFFERS" if unequal else "equal"
        print(f"{name}: {verdict} ({len(rows[0])} clips, {len(arrays(new))} arrays)", flush=True)
        messages += unequal
    print("\n".join(messages))
    raise SystemExit(1 if messages else 0)


if __name__ == "__main__":
    main()
