"""Which detectors a benchmark runs, and with which settings."""

import pytest

from auscult.benchmark.detector_choices import DetectorChoice, choose_detectors
from auscult.detectors import DETECTORS, detector_type
from auscult.detectors.reconstruction.autoencoder import Autoencoder
from auscult.detectors.reconstruction.gamma_vae import GammaVAE
from auscult.errors import MissingExtraError, OptionError


def names(choices):
    return [choice.name for choice in choices]


@pytest.fixture
def required_option(monkeypatch):
    """Makes ``latent`` an option of the gamma VAE that the user must set."""
    monkeypatch.setattr(GammaVAE, "required_options", ("latent",))


def test_a_name_selects_every_preset():
    choices, notes = choose_detectors(["autoencoder", "gamma_vae"], {})
    assert names(choices) == ["autoencoder", "gamma_vae", "gamma_vae@report", "gamma_vae@public_code"]
    assert notes == []
    assert names(choose_detectors(["gamma_vae@report"], {})[0]) == ["gamma_vae@report"]
    with pytest.raises(OptionError, match="no preset 'sed'"):
        choose_detectors(["gamma_vae@sed"], {})


def test_a_preset_equal_to_the_default_configuration_is_left_out(monkeypatch):
    monkeypatch.setattr(Autoencoder, "presets", {"same": {"hidden": 128}, "small": {"hidden": 16}})
    assert names(choose_detectors(["autoencoder"], {})[0]) == ["autoencoder", "autoencoder@small"]


def test_all_selects_every_detector_that_can_be_fitted():
    choices, notes = choose_detectors(["all"], {})
    available = [name for name in DETECTORS if not detector_type(name).required_options]
    assert list(dict.fromkeys(choice.detector for choice in choices)) == available
    assert len(notes) == len(DETECTORS) - len(available)
    assert len({choice.detector for choice in choices}) == len(choices), "only the default presets"
    assert "gamma_vae@report" not in names(choices)
    more, _ = choose_detectors(["all", "gamma_vae", "gamma_vae@report"], {})
    presets = ["gamma_vae@report", "gamma_vae@public_code"]
    assert names(more) == [*names(choices), *presets], "without duplicates"


def test_a_missing_required_option_is_reported(required_option):
    choices, notes = choose_detectors(["all"], {})
    assert "gamma_vae" not in names(choices)
    assert "gamma_vae is left out: it requires the option 'latent' (--set latent=…)." in notes
    with pytest.raises(OptionError, match="gamma_vae requires the option 'latent'"):
        choose_detectors(["gamma_vae"], {})
    assert names(choose_detectors(["gamma_vae@exact"], {"latent": "shape_rate"})[0]) == ["gamma_vae"]


def test_a_missing_extra_leaves_a_detector_out_of_all_unless_it_is_named(monkeypatch):
    def missing(cls):
        raise MissingExtraError(f"Fitting {cls.name}", "train")

    monkeypatch.setattr(GammaVAE, "check_can_fit", classmethod(missing))
    choices, notes = choose_detectors(["all"], {})
    assert "gamma_vae" not in names(choices)
    assert any("gamma_vae is left out" in note and "auscult[train]" in note for note in notes)
    assert "gamma_vae" in names(choose_detectors(["gamma_vae"], {})[0])


def test_settings_apply_to_the_detectors_that_have_them():
    settings = {"latent": "shape_rate", "epochs": "3", "n_mels": "64", "score": "latent"}
    assert DetectorChoice("autoencoder").applicable_settings(settings) == {"epochs": "3", "n_mels": "64"}
    assert DetectorChoice("gamma_vae").applicable_settings(settings) == settings
    choose_detectors(["autoencoder", "gamma_vae"], settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"colour": "red"}, "has the option 'colour': autoencoder, gamma_vae"),
        ({"score": "loudness"}, "has the score 'loudness'"),
        ({"latent": "x"}, "latent"),
        ({"epochs": "many"}, "epochs='many' is not a valid int"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(OptionError, match=message):
        choose_detectors(["autoencoder", "gamma_vae"], settings)


def test_needs_lists_extras_options_and_other_machines(required_option, monkeypatch):
    monkeypatch.setattr(GammaVAE, "uses_other_machines", classmethod(lambda cls, config: True))
    assert DetectorChoice("gamma_vae").needs({}) == ["auscult[train]", "latent=…", "other machines, if any"]
    assert DetectorChoice("autoencoder").needs({}) == ["auscult[train]"]


def test_auto_needs_other_machines_if_a_member_uses_them():
    other_machines = "other machines, if any"
    assert other_machines not in DetectorChoice("auto").needs({})
    assert other_machines in DetectorChoice("auto").needs({"members": "levels,classes"})
    assert other_machines in DetectorChoice("discriminative").needs({})
