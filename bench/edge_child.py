"""One process that scores a recording again and again, for `bench.edge`: by an exported file, or by auscult.

    python -m bench.edge_child onnx|auscult MODEL RECORDING TIMES

Prints JSON: the time at which the first score was there, milliseconds a recording (median; read anew each
time), and megabytes of memory at most. With ``onnx`` it imports what a small computer has and nothing else.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable

from bench.memory import peak_of_this_process


def by_onnx(model: str) -> dict[str, Callable[[str], float]]:
    """Score and map at once, as `docs/edge.md` does it."""
    import wave

    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def score(path: str) -> float:
        with wave.open(path) as file:
            data = file.readframes(file.getnframes())
        samples = np.frombuffer(data, "<i2") / np.float32(32768)
        return float(session.run(["score", "map"], {"samples": samples})[0])

    return {"map": score}


def by_auscult(model: str) -> dict[str, Callable[[str], float]]:
    """The model's own score, and its score with a map."""
    import auscult

    loaded = auscult.load(model)

    def score(path: str, explain: bool = False) -> float:
        return loaded.score_recording(loaded.audio_clip(auscult.Clip(path=path)), explain=explain).score

    return {"score": score, "map": lambda path: score(path, explain=True)}


def main(how: str, model: str, recording: str, times: str) -> None:
    """Scores, and prints what it took."""
    ways = (by_onnx if how == "onnx" else by_auscult)(model)
    next(iter(ways.values()))(recording)
    first, found = time.time(), {}
    for way, score in ways.items():
        score(recording)  # warm: the first map imports more
        taken = []
        for _ in range(int(times)):
            start = time.perf_counter()
            score(recording)
            taken.append(time.perf_counter() - start)
        found[way] = 1000 * statistics.median(taken)
    print(json.dumps({"first": first, "milliseconds": found, "megabytes": peak_of_this_process()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
