"""Score one recording repeatedly, with an exported file or with auscult; a child process of `bench.edge`.

    python -m bench.edge_child onnx|auscult MODEL RECORDING TIMES

Prints JSON: the processor time in seconds until the first score, the median milliseconds of processor time
per recording (read from disk each time), and the peak memory in MB. Processor time hardly depends on other
programs. With ``onnx`` it imports only what is available on a small computer.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable

from bench.memory import peak_of_this_process


def by_onnx(model: str) -> dict[str, Callable[[str], float]]:
    """Score and map in one run, as in `docs/how-to/small-computer.md`."""
    import wave

    import numpy as np

    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before the import, as in docs/how-to/small-computer.md
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
    """The score of the model, without and with the map."""
    import auscult

    loaded = auscult.load(model)

    def score(path: str, explain: bool = False) -> float:
        return loaded.score_recording(loaded.audio_clip(auscult.Clip(path=path)), explain=explain).score

    return {"score": score, "map": lambda path: score(path, explain=True)}


def main(runtime: str, model: str, recording: str, times: str) -> None:
    """Score the recording, and print times and memory."""
    functions = (by_onnx if runtime == "onnx" else by_auscult)(model)
    next(iter(functions.values()))(recording)
    first, milliseconds = time.process_time(), {}
    for name, score in functions.items():
        score(recording)  # warm-up: the first map imports more modules
        seconds = []
        for _ in range(int(times)):
            start = time.process_time()
            score(recording)
            seconds.append(time.process_time() - start)
        milliseconds[name] = 1000 * statistics.median(seconds)
    print(json.dumps({"start": first, "milliseconds": milliseconds, "megabytes": peak_of_this_process()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
