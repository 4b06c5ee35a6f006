"""The public names, and the tree of errors in the docstring of `auscult.errors`."""

from __future__ import annotations

import ast
import inspect
import pickle
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import auscult
from auscult import errors

PUBLIC_ERRORS = {
    name
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, errors.AuscultError) and not name.startswith("_")
}
NAMES = {
    *("Calibration", "Clip", "Corpus", "Evaluation", "Finding", "Fitted", "Model", "Score", "Threshold"),
    *("Waveform", "adapt", "evaluate", "export", "fit", "fit_machines", "load", "open_corpus", "p_value"),
    *("AuscultWarning", "plot", "read_audio", "__version__"),
    *PUBLIC_ERRORS,
}


def test_the_namespace_holds_exactly_the_public_names():
    assert set(auscult.__all__) == NAMES
    assert set(dir(auscult)) == NAMES


@pytest.mark.parametrize("name", sorted(NAMES - {"__version__"}))
def test_every_name_can_be_imported_and_is_documented(name):
    value = getattr(auscult, name)
    assert inspect.getdoc(value)
    assert getattr(auscult, name) is value


def test_type_checkers_see_all_public_names():
    tree = ast.parse(Path(auscult.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    imported = {
        *(alias.asname for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names),
        *(node.targets[0].id for node in block.body if isinstance(node, ast.Assign)),
    }
    assert imported - {None} == NAMES - {"__version__"}


def test_the_folders_that_the_documentation_names_need_no_import_of_their_own():
    code = "import auscult; print('auto' in auscult.detectors.DETECTORS)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "True"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"'auscult' has no attribute 'listen'"):
        auscult.listen  # noqa: B018


def test_the_version_is_that_of_the_installed_package():
    assert auscult.__version__ == version("auscult")


@pytest.mark.parametrize(
    "name",
    ["adapt", "fit", "fit_machines", "evaluate", "export", "open_corpus", "plot", "read_audio", "load"],
)
def test_options_are_keyword_only(name):
    """Functions take one or two positional arguments; everything else is keyword-only."""
    parameters = inspect.signature(getattr(auscult, name)).parameters.values()
    positional = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert 1 <= len(positional) <= 2
    assert all(p.default is p.empty for p in positional[:1])


def test_the_documented_tree_of_errors_is_correct():
    parents, ancestors = {}, []
    for match in re.finditer(r"^ {4}([│├└─ ]*)(\w+)", inspect.getdoc(errors), re.MULTILINE):
        depth, name = len(match[1]) // 4, match[2]
        ancestors = [*ancestors[:depth], name]
        parents[name] = ancestors[-2] if depth else "Exception"
    public = {
        name: kind
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and issubclass(kind, errors.AuscultError) and not name.startswith("_")
    }
    assert parents.keys() == public.keys()
    for name, parent in parents.items():
        if parent != "Exception":
            assert issubclass(public[name], public[parent])
            assert public[name].__doc__


def test_an_error_of_a_detector_that_is_not_fitted_can_be_pickled():
    error = pickle.loads(pickle.dumps(errors.NotFittedError()))
    assert isinstance(error, errors.NotFittedError)
    assert str(error) == str(errors.NotFittedError())


def test_errors_have_a_path_and_a_reason():
    error = errors.TruncatedAudio("a.wav", "cut short")
    assert (error.path, error.reason, str(error)) == ("a.wav", "cut short", "a.wav: cut short")
    assert isinstance(errors.OptionError("x"), ValueError)
    assert isinstance(errors.MissingExtraError("Fitting", "train"), ImportError)
    assert "pip install 'auscult[train]'" in str(errors.MissingExtraError("Fitting", "train"))
