"""TOML files that describe a benchmark, read as the options of the command line."""

import pytest

from auscult.benchmark.experiment import is_experiment, read_experiment, write_copy
from auscult.errors import OptionError

OPTIONS = (
    "detectors",
    "seeds",
    "machines",
    "scores",
    "set",
    "output",
    "group_by",
    "alone",
    "epochs",
    "published",
)
COMPLETE = """
root = "data"
output = "../results"
seeds = [3, 1]
machines = ["fan", "valve"]
group-by = ["motor", "spd"]
alone = true
epochs = 4

[detectors]
autoencoder = {}
"gamma_vae@report" = { kl_weight = 0.5, scoring = "mean" }
spectral_memory = [{ k_source = 1, views = ["mean", "std"] }, { k_source = 5 }]

[set]
n_mels = 64
autoencoder.hidden = 32

[scores]
theirs = "theirs/seed*"
"""


@pytest.fixture
def write(tmp_path):
    def write(content: str):
        path = tmp_path / "experiment.toml"
        path.write_text(content)
        return path

    return write


def test_a_complete_experiment(write, tmp_path):
    values = read_experiment(write(COMPLETE), OPTIONS)
    assert values == {
        "root": str(tmp_path / "data"),
        "output": str(tmp_path.parent / "results"),
        "seeds": "3,1,",
        "machines": "fan,valve",
        "group_by": "motor,spd",
        "alone": True,
        "epochs": 4,
        "detectors": (
            "autoencoder,gamma_vae@report[kl_weight=0.5,scoring=mean],"
            "spectral_memory[k_source=1,views=mean,std],spectral_memory[k_source=5]"
        ),
        "set": ["n_mels=64", "autoencoder.hidden=32"],
        "scores": [f"theirs={tmp_path}/theirs/seed*"],
    }


def test_lists_and_numbers_are_those_of_the_command_line(write, tmp_path):
    values = read_experiment(write('root = "/data"\nseeds = 5\ndetectors = ["auto", "autoencoder"]'), OPTIONS)
    assert values == {"root": "/data", "seeds": "5", "detectors": "auto,autoencoder"}
    for given, expected in (
        ("2024", 2024),
        ('"2024"', "2024"),
        ('"../x.csv"', str(tmp_path.parent / "x.csv")),
    ):
        assert (
            read_experiment(write(f'root = "/data"\npublished = {given}'), OPTIONS)["published"] == expected
        )
    assert read_experiment(write('root = "/data"\nseeds = [7]'), OPTIONS)["seeds"] == "7,"
    scores = write('root = "/data"\nscores = { a = ["/x/seed0", "/x/seed1"] }')
    assert read_experiment(scores, OPTIONS)["scores"] == ["a=/x/seed0", "a=/x/seed1"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('root = "data"\nmachine = ["fan"]', "unknown key 'machine': did you mean 'machines'"),
        ('root = "data"\nzzz = 1', "unknown key 'zzz': the keys are alone, detectors"),
        ("seeds = 1", "the key 'root' is missing"),
        ("root = 1", "root must be a path, got 1"),
        ("root = ", "not a TOML file"),
        ('root = "data"\nset = "n_mels=64"', "set must be a table of options"),
        ('root = "data"\nscores = { a = 1 }', "scores.a must be a path"),
        ('root = "data"\nepochs = 2020-01-01', "epochs must be a text, a number"),
        ('root = "data"\n[detectors]\nauto = 1', "detectors.auto must be a table of settings"),
        ('root = "data"\n[detectors]', "detectors has no entries: name at least one detector"),
        ('root = "data"\ndetectors = []', "detectors has no entries"),
        ('root = "data"\n[detectors]\nauto = []', "detectors.auto is an empty list: write auto = {}"),
        ('root = "data"\nscores = { a = [] }', "scores.a must be a path"),
        ('root = "data"\nmachines = [{}]', "machines must be a text, a number"),
    ],
)
def test_wrong_files_are_refused_with_their_name(write, content, message):
    path = write(content)
    with pytest.raises(OptionError, match=message) as error:
        read_experiment(path, OPTIONS)
    assert str(error.value).startswith(str(path))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(OptionError, match="cannot be read: No such file"):
        read_experiment(tmp_path / "no.toml", OPTIONS)
    assert is_experiment(tmp_path / "no.toml")
    (tmp_path / "folder.toml").mkdir()
    assert not is_experiment(tmp_path / "folder.toml")


def test_the_copy_names_the_original_and_what_was_changed(write, tmp_path):
    path = write('root = "data"  # kept\n')
    write_copy(path, tmp_path / "new" / "results", ["--seeds", "--jobs"])
    copy = tmp_path / "new" / "results" / "experiment.toml"
    lines = copy.read_text().splitlines()
    assert str(path) in lines[0]
    assert lines[1:] == ["# Changed on the command line: --seeds, --jobs", "", 'root = "data"  # kept']
    write_copy(copy, copy.parent)
    assert copy.read_text().splitlines() == lines, "a copy is not copied onto itself"
