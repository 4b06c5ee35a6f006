"""``embed``: codes, embeddings and pooled views as arrays in a file."""

import json

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from auscult import fit, load
from auscult.api.embed import embed
from auscult.corpus import Clip, open_corpus
from auscult.errors import OptionError
from auscult.spectrum import context_windows


@pytest.fixture(scope="module")
def training(machine):
    return open_corpus(machine).where(split="train").for_training()


def fitted(training, detector, **settings):
    return fit(training, detector, calibrate="none", n_mels=16, **settings)


def test_codes_of_an_autoencoder_are_those_of_the_bottleneck(run, model, machine, tmp_path):
    path = tmp_path / "codes.npz"
    result = run("embed", model, machine / "test", "-o", path, "--json", "-q")
    assert result.exit_code == 0, result.output
    arrays = dict(np.load(path))
    assert json.loads(result.stdout)["arrays"] == {name: list(a.shape) for name, a in arrays.items()}
    assert arrays["paths"].shape == (32,)
    assert list(arrays["conditions"]).count("anomaly") == 16
    assert list(arrays["domains"]).count("target") == 16
    assert str(arrays["detector"]) == "autoencoder"
    loaded = load(model)
    recording = loaded.audio_clip(Clip(str(arrays["paths"][3])))
    mine = arrays["window_recording"] == 3
    windows = context_windows(recording.log_mel(loaded.detector.config.front_end), 5)
    np.testing.assert_allclose(arrays["codes"][mine], encoder_outputs(loaded, windows), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(arrays["mean_code"][3], arrays["codes"][mine].mean(axis=0), rtol=1e-5)
    front_end = loaded.detector.config.front_end
    assert arrays["window_seconds"][mine][0] == pytest.approx(2 * front_end.hop / front_end.sample_rate)
    assert len(windows) == mine.sum()


def encoder_outputs(model, windows):
    """The first five layers of the baseline's network in plain NumPy, from the weights in the model."""
    graph = onnx.load_from_string(model.detector.arrays["network"].tobytes()).graph
    weights = {i.name: numpy_helper.to_array(i).astype(np.float64) for i in graph.initializer}
    x = windows.astype(np.float64)
    for layer in [node for node in graph.node if node.op_type == "Gemm"][:5]:
        x = np.maximum(x @ weights[layer.input[1]] + weights[layer.input[2]], 0)
    return x


def test_codes_of_a_vae_and_views_of_a_bank(training):
    vae = fitted(training, "gamma_vae", epochs=1)
    arrays = embed(vae, list(training)[:2]).arrays()
    first = vae.detector.codes(vae.audio_clip(next(iter(training))))
    np.testing.assert_array_equal(arrays["codes"][: len(first)], first)
    bank = fitted(training, "spectral_memory")
    arrays = embed(bank, list(training)[:3]).arrays()
    assert arrays["views"].shape == (3, len(bank.detector.config.view_names), 16)
    assert tuple(arrays["view_names"]) == bank.detector.config.view_names
    np.testing.assert_allclose(arrays["views"], bank.detector.arrays["bank"][:3], rtol=1e-6)
    assert "window_seconds" not in arrays


def test_detectors_without_codes_say_what_to_use(run, training, machine, tmp_path):
    auto = fitted(training, "auto", members="levels")
    with pytest.raises(
        OptionError, match=r"auto has no codes, embeddings or pooled views.*implements the method represent"
    ):
        embed(auto, list(training)[:1])
    path = tmp_path / "auto.auscult"
    auto.save(path)
    result = run("embed", path, machine, "-o", tmp_path / "x.npz", "-q")
    assert result.exit_code == 2
    assert not (tmp_path / "x.npz").exists()


def test_the_name_of_the_file_ends_in_npz(run, model, machine, tmp_path):
    for name in ("codes.txt", "codes"):
        result = run("embed", model, machine, "-o", tmp_path / name, "-q")
        assert result.exit_code == 2
        assert f"{tmp_path / name}: give a name that ends in .npz, which sets the format" in result.stderr
        assert not (tmp_path / name).exists()


def test_unreadable_recordings_are_reported_and_left_out(run, model, machine, tmp_path):
    folder = tmp_path / "recordings"
    folder.mkdir()
    clip = next((machine / "test").iterdir())
    (folder / "good.wav").write_bytes(clip.read_bytes())
    (folder / "bad.wav").write_bytes(b"RIFF")
    result = run("embed", model, folder, "-o", tmp_path / "x.npz", "-q")
    assert result.exit_code == 4
    assert "bad.wav" in result.stderr
    assert [path.rsplit("/", 1)[-1] for path in np.load(tmp_path / "x.npz")["paths"]] == ["good.wav"]
    (folder / "good.wav").unlink()
    result = run("embed", model, folder, "-o", tmp_path / "y.npz", "-q")
    assert result.exit_code == 1
    assert "none of 1 recordings can be used" in result.stderr
