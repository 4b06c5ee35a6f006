"""bench.speed: the plain reference is correct, sides alternate, and the tables show the measurements."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from bench import plain, speed, speed_child, speed_clock, speed_page, speed_peak
from bench.markdown import DOCS
from bench.speed_clips import Clips
from bench.speed_clock import Child, command_seconds, interleaved, spread
from bench.speed_parts import CORES, PARTS, QUICK, SpeedSize
from bench.speed_plot import curves, draw

from auscult.corpus import AudioClip, open_corpus
from auscult.sound import read_audio
from auscult.spectrum import FrontEnd, context_windows, log_mel


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Clips:
    return Clips(tmp_path_factory.mktemp("clips"), 2.0, originals=4)


def test_the_plain_features_equal_those_of_auscult(clips):
    paths = sorted(map(str, clips.machine(4).glob("*.wav")))
    ours = [log_mel(read_audio(path).samples, FrontEnd()) for path in paths]
    expected = np.concatenate([context_windows(frames, 5) for frames in ours])
    vectors = plain.vectors_of(paths)
    assert vectors.dtype == np.float64
    assert vectors.shape == expected.shape
    assert np.median(np.abs(vectors - expected)) < 1e-4
    assert np.abs(vectors - expected).max() < 1.0, "dB; librosa transforms in float32"


def test_the_plain_networks_have_the_published_numbers_of_parameters():
    counts = {name: sum(p.numel() for p in kind().parameters()) for name, kind in plain.NETWORKS.items()}
    assert counts == {"autoencoder": 267_928, "gamma_vae": 268_944}
    norms = [m for m in plain.Autoencoder().modules() if isinstance(m, torch.nn.BatchNorm1d)]
    assert len(norms) == 9
    assert {(m.momentum, m.eps) for m in norms} == {(0.01, 1e-3)}


@pytest.mark.parametrize("name", plain.NETWORKS)
def test_training_reduces_the_loss_of_the_plain_reference(name):
    torch.manual_seed(0)
    vectors = torch.randn(600, 1).double() * torch.randn(1, plain.WIDTH).double()
    losses = list(plain.train(plain.NETWORKS[name](), vectors, epochs=12))
    assert len(losses) == 12
    assert losses[-1] < 0.7 * losses[0]


def test_the_plain_divergence_equals_that_of_torch_distributions():
    network = plain.GammaVAE().eval()
    x = torch.randn(50, plain.WIDTH)
    shape, scale = network.posterior(x)
    torch.manual_seed(0)
    rebuilt = network.rebuild(network.decoder((torch._standard_gamma(shape) * scale).clamp_min(1e-6)))
    gamma = torch.distributions.Gamma
    expected = torch.distributions.kl_divergence(gamma(shape, 1 / scale), gamma(2.0, 1.0)).sum(1).mean()
    torch.manual_seed(0)
    assert network.loss(x).item() == pytest.approx(
        (expected + (rebuilt - x).square().mean()).item(), rel=1e-4
    )


def test_a_plain_score_is_the_mean_squared_error_in_evaluation_mode(clips):
    (path, *_) = sorted(map(str, clips.machine(4).glob("*.wav")))
    network = plain.Autoencoder().eval()
    x = torch.from_numpy(plain.vectors_of([path])).float()
    (score,) = plain.scores(network, [path])
    assert score == pytest.approx((network(x) - x).square().mean().item(), rel=1e-4)


def test_all_clips_of_a_machine_differ_and_existing_files_are_reused(clips):
    folder = clips.machine(11)
    files = sorted(folder.glob("*.wav"))
    assert len(files) == 11
    assert len({path.read_bytes() for path in files}) == 11
    lengths = {len(read_audio(path).samples) for path in files}
    assert lengths == {32000}
    before = [path.stat().st_mtime_ns for path in files]
    assert clips.machine(11) == folder
    assert [path.stat().st_mtime_ns for path in files] == before


def test_sides_alternate():
    order: list[str] = []

    def side(name: str):
        return lambda: order.append(name) or {"seconds": float(len(order))}

    runs = interleaved({"a": side("a"), "b": side("b")}, 3)
    assert order == ["a", "b"] * 3
    assert runs["b"] == [{"seconds": 2.0}, {"seconds": 4.0}, {"seconds": 6.0}]
    assert spread(runs["a"], "seconds") == speed_clock.Spread(3.0, 1.0, 5.0, 3)


def test_a_child_uses_the_default_number_of_threads(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert "OMP_NUM_THREADS" not in speed_clock.environment()
    assert speed_clock.environment(threads=3)["OMP_NUM_THREADS"] == "3"
    assert speed_clock.environment()["AUSCULT_CACHE"] == "off"


def test_a_failing_child_or_command_is_an_error_with_the_process_output(tmp_path):
    with pytest.raises(RuntimeError, match=r"(?s)plain_features: .*list index"):
        Child("plain_features", folder=str(tmp_path)).result()
    with pytest.raises(RuntimeError, match="no such thing"):
        command_seconds([sys.executable, "-c", "raise SystemExit('no such thing')"])()


def test_steps_per_epoch_equal_those_of_the_baseline(clips):
    assert speed_child.steps_per_epoch(1000, 10.0) == 1208  # 309,000 vectors
    frames = [len(AudioClip.from_file(c).log_mel(FrontEnd())) for c in open_corpus(clips.machine(4))]
    assert speed_child.steps_per_epoch(4, 2.0) == -(-sum(n - 4 for n in frames) // 256)


@pytest.mark.parametrize(("name", "weights"), [("autoencoder", 264_192), ("gamma_vae", 265_216)])
def test_operations_of_a_training_step(name, weights):
    """Three products per weight and vector, except for the gradient of the input data."""
    assert sum(a * b for a, b in speed_peak.LAYERS[name]) == weights
    assert speed_peak.operations(name) == 2 * 256 * (3 * weights - 640 * 128)


def test_all_libraries_give_the_same_product():
    for library, prepare in speed_peak.libraries().items():
        product = prepare((4, 3, 5))()
        assert np.asarray(product).tolist() == [[3.0] * 5] * 4, library


def times_of(**sides: list[float]) -> dict:
    return {side.replace("_", " "): [{"milliseconds": v, "steps": 9, "megabytes": 1} for v in values]
            for side, values in sides.items()}  # fmt: skip


def test_factors_compare_medians_and_shares_refer_to_the_peak_with_equal_threads():
    runs = {"ours, one machine": times_of(x=[2.0, 9.0, 1.0])["x"], "plain": times_of(x=[8.0, 6.0, 5.0])["x"]}
    operations = speed_peak.operations("autoencoder")
    rate = operations / 2e6  # GFLOP/s of ours: a step in 2 ms
    step_times = {"A autoencoder": 1.0, "A gamma_vae": 1.0}
    peak = {"products": {f"{n} threads": [{"A 1024": n * 2 * rate, **step_times}] for n in (1, CORES)}}
    parts = {"peak": peak, "training": {"autoencoder": runs}}
    size = {"fleet": 7, "trained": 42}
    text = speed_page.sections(parts, size, 10.0)["training"]
    ours, reference = [row.split(" | ") for row in text.splitlines() if row.startswith("| `autoencoder` | ")][
        :2
    ]
    assert ours[3:6] == ["2.00 [1.00, 9.00]", "3.0", "50 %"]
    assert reference[4] == "1"
    assert "extrapolated: 120,800 steps" in text
    assert "| 4.0 | 28 |" in text, "120,800 steps of 2 ms in minutes, and seven times that"


def test_missing_values_of_plain_are_extrapolated_from_the_last_two():
    def record(seconds: float, megabytes: float) -> list[dict]:
        return [{"process_seconds": seconds, "megabytes": megabytes, "loss": 1.0}]

    groups = {
        "200": {"ours": record(1, 100), "plain": record(4, 600)},
        "1000": {"ours": record(3, 200), "plain": record(12, 2200)},
        "5000": {"ours": record(9, 800)},
    }
    assert speed_page.extrapolated_clips(groups, 5000) == (52.0, 10200.0)
    text = speed_page.sections({"epoch": groups}, {}, 10.0)["epoch"]
    assert "| 5,000 | plain, extrapolated from fewer clips | 52 | – | 10,200 |" in text
    title, (_, pair) = next(iter(curves({"epoch": groups}).items()))
    assert title == "features and first epoch, s"
    assert pair["plain"] == ([(200.0, 4.0), (1000.0, 12.0)], [(5000.0, 52.0)])


def test_the_page_has_a_section_for_every_part():
    text = (DOCS / "results/performance.md").read_text()
    for name in ["about", *PARTS]:
        assert text.count(f"<!-- bench.speed {name} -->") == text.count(f"<!-- /bench.speed {name} -->") == 1
    assert set(PARTS) == set(speed_page.TABLES)


def test_stored_parts_are_reused_unless_asked_or_the_size_differs(tmp_path, monkeypatch, clips):
    calls = []
    monkeypatch.setitem(PARTS, "peak", lambda clips, size: calls.append(size) or {})
    output = tmp_path / "speed.json"
    first = speed.measure(["peak"], QUICK, clips, output)
    assert speed.measure(["peak"], QUICK, clips, output) == first
    assert len(calls) == 1
    speed.measure(["peak"], QUICK, clips, output, again=True)
    assert len(calls) == 2
    assert speed.measure([], SpeedSize(), clips, output) == {}, "values of another size are not comparable"
    speed.measure(["peak"], SpeedSize(), clips, output)
    assert calls == [QUICK, QUICK, SpeedSize()]


@pytest.mark.slow
def test_the_quick_command_measures_both_sides_and_does_not_write_the_page(tmp_path):
    page = (DOCS / "results/performance.md").read_bytes()
    output = tmp_path / "speed.json"
    only = "peak,features,epoch"
    command = [sys.executable, "-m", "bench.speed", "--quick", "--only", only, "--folder", str(tmp_path)]
    process = subprocess.run(
        [*command, "-o", str(output)], cwd=DOCS.parent, capture_output=True, text=True, check=True
    )
    parts = {name: entry["groups"] for name, entry in json.loads(output.read_text()).items()}
    assert list(parts) == only.split(",")
    (runs,) = parts["features"].values()
    assert runs["plain"][0]["frames"] == runs["ours, computed"][0]["frames"] == 6 * 63
    assert parts["epoch"]["4"]["ours"][0]["loss"] == pytest.approx(
        parts["epoch"]["4"]["plain"][0]["loss"], rel=0.1
    )
    assert "× plain" in process.stdout
    assert (DOCS / "results/performance.md").read_bytes() == page
    draw(parts, tmp_path / "growth.png")
    assert (tmp_path / "growth.png").read_bytes()[:4] == b"\x89PNG"
