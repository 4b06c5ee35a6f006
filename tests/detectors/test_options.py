"""Settings become a typed configuration, or an error that names the valid options."""

from __future__ import annotations

import contextlib
import json
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auscult.detectors import DETECTORS, detector_type
from auscult.detectors.options import (
    check_nothing_missing,
    config_for_recordings,
    config_from_json,
    config_to_json,
    make_config,
    parse_settings,
)
from auscult.detectors.pooled.pooled_gaussian import PooledGaussian, PooledGaussianConfig
from auscult.errors import OptionError
from auscult.runtime.option_fields import option_fields
from auscult.spectrum import FrontEnd


def test_parse_settings():
    pairs = ["epochs=30", " score = mahalanobis ", "f_max=none", "latent=a=b"]
    assert parse_settings(pairs) == {
        "epochs": "30",
        "score": "mahalanobis",
        "f_max": "none",
        "latent": "a=b",
    }
    assert parse_settings([]) == {}


@pytest.mark.parametrize("pair", ["epochs", "=30", "", " =x"])
def test_parse_settings_rejects_invalid_pairs(pair):
    with pytest.raises(OptionError, match="KEY=VALUE"):
        parse_settings([pair])


def test_a_key_with_two_values_is_refused():
    assert parse_settings(["epochs=30", "epochs = 30"]) == {"epochs": "30"}
    with pytest.raises(OptionError, match="epochs is set to 30 and to 40: choose one value"):
        parse_settings(["epochs=30", "n_mels=64", "epochs=40"])


def test_text_values_are_converted_to_the_declared_type():
    settings = {
        "epochs": "30",
        "learning_rate": "1e-2",
        "score": "mahalanobis",
        "f_max": "3000",
        "hop": "256",
    }
    config = make_config("autoencoder", settings=settings)
    assert (config.epochs, config.learning_rate, config.score) == (30, 0.01, "mahalanobis")
    assert type(config.epochs) is int
    assert config.front_end == FrontEnd(f_max=3000.0, hop=256)


def test_typed_values_are_accepted():
    config = make_config("gamma_vae", settings={"epochs": 3.0, "kl_weight": 2, "f_max": None, "seed": 5})
    assert (config.epochs, config.kl_weight, config.front_end.f_max, config.seed) == (3, 2.0, None, 5)
    assert type(config.epochs) is int


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("epochs", "many", "epochs='many' is not a valid int"),
        ("epochs", "1.5", "is not a valid int"),
        ("epochs", 1.5, "is not a valid int"),
        ("epochs", None, "is not a valid int"),
        ("seed", -1, "seed must be at least 0.*got -1"),
        ("seed", 2**63, r"seed must be .* less than 2\*\*63, got 9223372036854775808"),
        ("learning_rate", "fast", "is not a valid float"),
        ("learning_rate", "nan", "is not a valid float"),
        ("f_max", "high", "is not a valid float"),
        ("f_max", "inf", "is not a valid float"),
        ("colour", "red", "has no option 'colour'; available options: .*epochs"),
        ("front_end", {}, "has no option 'front_end'"),
        ("score", "loudness", "has no score 'loudness'.*mse"),
        ("hop", 0, "hop"),
        ("f_min", 9000, "f_min"),
    ],
)
def test_invalid_settings_are_named(option, value, message):
    with pytest.raises(OptionError, match=message):
        make_config("autoencoder", settings={option: value})


def test_unknown_detectors_and_presets_are_named_with_the_known_ones():
    with pytest.raises(OptionError, match=r"'ear'.*autoencoder.*gamma_vae"):
        make_config("ear")
    with pytest.raises(OptionError, match=r"no preset 'report'; available presets: vibration"):
        make_config("autoencoder", preset="report")
    with pytest.raises(OptionError, match=r"no preset 'best'; available presets: exact, report, public_code"):
        make_config("gamma_vae", preset="best")


@pytest.mark.parametrize(
    ("detector", "preset", "settings", "meant"),
    [
        ("autoencodr", None, {}, "autoencoder"),
        ("Auto", None, {}, "auto"),
        ("autoencoder", None, {"n_mel": 64}, "n_mels"),
        ("gamma_vae", "raport", {}, "report"),
    ],
)
def test_a_wrong_name_is_answered_by_a_similar_one(detector, preset, settings, meant):
    with pytest.raises(OptionError, match=rf"\(did you mean {meant}[ ?]"):
        make_config(detector, preset=preset, settings=settings)


def test_a_missing_required_option_is_named_with_the_documentation():
    with pytest.raises(OptionError, match=r"'encoder'.*`encoder=VALUE`.*docs/how-to/encoders\.md"):
        check_nothing_missing("embedding_memory", {})
    check_nothing_missing("embedding_memory", {"encoder": "beats.onnx"})


def test_settings_override_the_preset():
    config = make_config("gamma_vae", preset="report", settings={"kl_warmup": 3})
    assert (config.head, config.kl, config.kl_warmup) == ("softmax", "eq2_text_labels", 3)


@pytest.mark.parametrize("name", DETECTORS)
def test_configurations_round_trip_through_json(name):
    kind = detector_type(name)
    for preset in (None, *kind.presets):
        settings = {"n_mels": 40, "f_max": 3500.0, "seed": 1, "score": kind.scores[-1]}
        config = make_config(name, preset=preset, settings=settings)
        assert config_from_json(name, json.loads(json.dumps(config_to_json(config)))) == config


@pytest.mark.parametrize("owner", [*map(detector_type, DETECTORS), None])
def test_every_option_has_a_help_text(owner):
    options = owner.config_type if owner else FrontEnd
    described = {f.name: f.metadata["help"] for f in option_fields(options)}
    assert described.keys() == {f.name for f in fields(options)} - {"front_end"}, (
        "define every option by auscult.runtime.option_fields.option"
    )
    for name, text in described.items():
        assert text == text[0].upper() + text[1:].rstrip(".") + ".", (
            f"help of {name} is not a sentence: {text}"
        )


@pytest.mark.parametrize("name", DETECTORS)
def test_only_the_choices_of_an_option_are_accepted(name):
    for f in option_fields(detector_type(name).config_type):
        for choice in f.metadata["choices"]:
            needed = {"sampler": {"kl": "exact"}}.get(f.name, {})
            assert getattr(make_config(name, settings={f.name: choice, **needed}), f.name) == choice
        if f.metadata["choices"]:
            with pytest.raises(OptionError, match=f"{f.name}='none of them': choose one of"):
                make_config(name, settings={f.name: "none of them"})


@given(st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(max_size=5), max_size=3))
def test_any_settings_give_a_configuration_or_an_option_error(settings):
    with contextlib.suppress(OptionError):
        make_config("gamma_vae", settings=settings)


def test_a_detector_takes_options_by_keyword():
    detector = PooledGaussian(components="3", n_mels=64, score="mixture")
    settings = {"components": 3, "n_mels": 64, "score": "mixture"}
    assert detector.config == make_config("pooled_gaussian", settings=settings)
    assert detector.given_options == {"components": "3", "n_mels": 64, "score": "mixture"}
    assert PooledGaussian().config == PooledGaussianConfig()
    assert PooledGaussian(all_scores=False).scores == ("gaussian",)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_mel": 64}, r"pooled_gaussian has no option 'n_mel' \(did you mean n_mels\?\)"),
        ({"components": 0}, "components must be between 1 and 16"),
        ({"components": 1.5}, "not a valid int"),
        ({"score": "mixtur"}, r"has no score 'mixtur' \(did you mean mixture\?\)"),
        ({"config": PooledGaussianConfig(), "n_mels": 64}, "a configuration or options, not both"),
    ],
)
def test_wrong_options_of_a_detector_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        PooledGaussian(**options)


KEEP_BASELINE_FRAMES = ("autoencoder", "gamma_vae", "embedding_memory")


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("rate", [500, 1000, 16000, 44100, 64000])
def test_frames_are_shortened_for_short_recordings_unless_they_are_the_baselines(detector, rate):
    def frames(seconds: float | None, **settings) -> tuple[int, int, int]:
        front_end = config_for_recordings(detector, rate, seconds, settings=settings).front_end
        return front_end.sample_rate, front_end.n_fft, front_end.hop

    assert frames(15 * 512 / rate) == (rate, 1024, 512)
    assert frames(None) == (rate, 1024, 512)
    shorter = (rate, 1024, 512) if detector in KEEP_BASELINE_FRAMES else (rate, 512, 256)
    assert frames(14.9 * 512 / rate) == frames(15 * 256 / rate) == shorter
    assert frames(0.1, n_fft="600") == (rate, 600, 512), "a given frame length is not changed"
    assert frames(0.1, hop=200) == (rate, 1024, 200)
    assert frames(1.0, sample_rate="1000", n_mels=8) == (
        1000,
        *((1024, 512) if detector in KEEP_BASELINE_FRAMES else (128, 64)),
    ), "the given sample rate counts"


@pytest.mark.parametrize(("rate", "n_fft"), [(64000, 1024), (96000, 2048), (192000, 4096)])
def test_frames_are_doubled_until_no_band_is_empty(rate, n_fft):
    def frames(detector: str, seconds: float | None, **settings) -> tuple[int, int]:
        front_end = config_for_recordings(detector, rate, seconds, settings=settings).front_end
        return front_end.n_fft, front_end.hop

    assert frames("spectral_memory", 10.0) == frames("auto", None) == (n_fft, n_fft // 2)
    assert frames("spectral_memory", 14.9 * n_fft / 2 / rate) == (n_fft // 2, n_fft // 4)
    assert frames("spectral_memory", 10.0, n_fft=1024) == (1024, 512)
    assert frames("autoencoder", 10.0) == (1024, 512)


@pytest.mark.parametrize("value", ["none", None])
def test_an_optional_integer_can_be_none(value):
    assert make_config("embedding_memory", settings={"encoder_rate": value}).encoder_rate is None
    typed = make_config("embedding_memory", settings={"encoder_rate": "32000"}).encoder_rate
    assert (typed, type(typed)) == (32000, int)
    with pytest.raises(OptionError, match="encoder_rate='fast' is not a valid int"):
        make_config("embedding_memory", settings={"encoder_rate": "fast"})
