"""Which detectors a benchmark runs, and with which settings."""

import pytest

from auscult.benchmark.detector_choices import DetectorChoice, choose_detectors
from auscult.detectors import DETECTORS, detector_type
from auscult.detectors.names import name_of_folder, split_names
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
    assert "gamma_vae is left out: it requires the option 'latent' (`settings={'latent': VALUE}`)." in notes
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


def test_several_settings_of_one_detector():
    names_given = [
        "spectral_memory[k_source=1]",
        "spectral_memory[k_source=5]",
        "gamma_vae@report[latents=4]",
    ]
    choices, _ = choose_detectors(names_given, {"n_mels": "32", "spectral_memory.k_target": "2"})
    assert names(choices) == names_given
    configs = [choice.config({"n_mels": "32", "spectral_memory.k_target": "2"}) for choice in choices]
    assert [config.front_end.n_mels for config in configs] == [32, 32, 32]
    assert [config.k_source for config in configs[:2]] == [1, 5]
    assert [config.k_target for config in configs[:2]] == [2, 2]
    assert configs[2].latents == 4
    assert configs[2].latent == GammaVAE.presets["report"].get("latent", GammaVAE.config_type().latent)


def test_settings_of_one_choice_come_before_those_of_the_detector_and_of_all():
    settings = {"epochs": "1", "autoencoder.epochs": "2"}
    assert DetectorChoice("autoencoder").config(settings).epochs == 2
    assert DetectorChoice.parse("autoencoder[epochs=3]").config(settings).epochs == 3
    assert DetectorChoice.parse("gamma_vae").config(settings).epochs == 1
    of_preset = {"gamma_vae.epochs": "4", "gamma_vae@report.epochs": "5"}
    assert DetectorChoice.parse("gamma_vae@report").config(of_preset).epochs == 5
    assert DetectorChoice.parse("gamma_vae").config(of_preset).epochs == 4


def test_folders_of_choices_need_no_quotes_and_give_the_name_back():
    choice = DetectorChoice.parse("embedding_memory[encoder=models/a b+1.onnx,metric=cosine]")
    assert choice.own == (("encoder", "models/a b+1.onnx"), ("metric", "cosine"))
    assert choice.folder == "embedding_memory+encoder=models%2Fa%20b%2B1.onnx+metric=cosine"
    assert name_of_folder(choice.folder) == choice.name
    assert DetectorChoice.parse("pooled_gaussian[views=mean,std]").own == (("views", "mean,std"),)
    assert DetectorChoice.parse("gamma_vae@report").folder == "gamma_vae@report"
    with pytest.raises(OptionError, match="too long for the name of a folder"):
        _ = DetectorChoice.parse(f"embedding_memory[encoder={300 * 'x'}]").folder


def test_names_are_split_outside_of_brackets():
    assert split_names("a[x=1,y=2], b@c ,,d") == ["a[x=1,y=2]", "b@c", "d"]


@pytest.mark.parametrize(
    ("detectors", "settings", "message"),
    [
        (["autoencoder[colour=red]"], {}, "autoencoder has no option 'colour'"),
        (["autoencoder[epochs=many]"], {}, "epochs='many' is not a valid int"),
        (["autoencoder[epochs]"], {}, "write KEY=VALUE"),
        (["autoencoder[epochs=1"], {}, "write NAME or NAME"),
        (["embedding_memory[encoder=C:/x.onnx]"], {}, "a colon or a bracket by `settings="),
        (["autoencoder[seed=1]"], {}, "`seeds="),
        ([], {}, "no detectors: name at least one"),
        (
            ["spectral_memory[k_source=2]", "spectral_memory[k_source=02]"],
            {},
            r"k_source=2\] and spectral_memory\[k_source=02\] have the same settings",
        ),
        (
            ["spectral_memory[k_source=2,n_mels=16]", "spectral_memory[n_mels=16,k_source=2]"],
            {},
            "have the same settings: leave one of them out",
        ),
        (["autoencoder", "autoencoder[epochs=5]"], {"epochs": "5"}, "have the same settings"),
        (["autoencoder[epochs=1,epochs=2]"], {}, "epochs is set to 1 and to 2: choose one value"),
        (["pooled_gaussian[views=mean\x1b]"], {}, "it has a control character"),
        (["autoencoder"], {"gamma_vae.epochs": "1"}, "gamma_vae is none of these detectors: autoencoder"),
        (["autoencoder"], {"autoencoder.colour": "red"}, "autoencoder has no option 'colour'"),
    ],
)
def test_wrong_settings_of_one_detector_are_refused(detectors, settings, message):
    with pytest.raises(OptionError, match=message):
        choose_detectors(detectors, settings)
