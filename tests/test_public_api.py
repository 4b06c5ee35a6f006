"""The public names, and the errors as their docstring draws them."""

from __future__ import annotations

import ast
import inspect
import re
from importlib.metadata import version
from pathlib import Path

import pytest

import auscult
from auscult import errors

NAMES = {
    *("AuscultError", "Clip", "Corpus", "Fitted", "Model", "Score"),
    *("adapt", "evaluate", "export", "fit", "fit_machines", "load", "open_corpus"),
    *("read_audio", "select", "__version__"),
}


def test_the_namespace_is_this_and_no_more():
    assert set(auscult.__all__) == NAMES
    assert set(dir(auscult)) == NAMES


@pytest.mark.parametrize("name", sorted(NAMES - {"__version__"}))
def test_every_name_is_there_and_documented(name):
    thing = getattr(auscult, name)
    assert inspect.getdoc(thing)
    assert getattr(auscult, name) is thing


def test_what_type_checkers_see_is_what_there_is():
    tree = ast.parse(Path(auscult.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        *(alias.asname for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names),
        *(node.targets[0].id for node in block.body if isinstance(node, ast.Assign)),
    }
    assert seen - {None} == NAMES - {"__version__"}


def test_other_names_are_not_there():
    with pytest.raises(AttributeError, match=r"'auscult' has no attribute 'listen'"):
        auscult.listen  # noqa: B018


def test_the_version_is_the_installed_one():
    assert auscult.__version__ == version("auscult")


@pytest.mark.parametrize(
    "name", ["adapt", "fit", "fit_machines", "evaluate", "export", "open_corpus", "read_audio", "load"]
)
def test_options_are_named_by_keyword(name):
    """One or two things by place, all else by name."""
    parameters = inspect.signature(getattr(auscult, name)).parameters.values()
    by_place = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert 1 <= len(by_place) <= 2
    assert all(p.default is p.empty for p in by_place[:1])


def test_the_errors_are_the_tree_that_is_drawn():
    drawn, line = {}, []
    for match in re.finditer(r"^ {4}([│├└─ ]*)(\w+)", inspect.getdoc(errors), re.MULTILINE):
        depth, name = len(match[1]) // 4, match[2]
        line = [*line[:depth], name]
        drawn[name] = line[-2] if depth else "Exception"
    public = {
        name: kind
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and issubclass(kind, Exception) and not name.startswith("_")
    }
    assert drawn.keys() == public.keys()
    for name, parent in drawn.items():
        if parent != "Exception":
            assert issubclass(public[name], public[parent])
            assert public[name].__doc__


def test_errors_tell_path_and_reason_apart():
    error = errors.TruncatedAudio("a.wav", "cut short")
    assert (error.path, error.reason, str(error)) == ("a.wav", "cut short", "a.wav: cut short")
    assert isinstance(errors.OptionError("x"), ValueError)
    assert isinstance(errors.MissingExtraError("Fitting", "train"), ImportError)
    assert "pip install 'auscult[train]'" in str(errors.MissingExtraError("Fitting", "train"))
