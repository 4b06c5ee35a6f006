"""The examples in the docstrings of public functions, methods and classes."""

from __future__ import annotations

import doctest
import inspect
import time
from collections.abc import Iterator
from typing import Any

import pytest

import auscult
import auscult.sklearn
from auscult.runtime.option_fields import option
from auscult.runtime.suggestions import did_you_mean
from auscult.testing import check_detector

#: What is documented with an example, although it is no name of `auscult`.
FURTHER = {
    "check_detector": check_detector,
    "option": option,
    "did_you_mean": did_you_mean,
    "AnomalyDetector": auscult.sklearn.AnomalyDetector,
}
SECONDS = 10.0  # far more than any takes on an idle computer


def public_functions() -> Iterator[tuple[str, Any]]:
    """Every function of `auscult`, and every public method that its classes define."""
    for name in auscult.__all__:
        value = getattr(auscult, name)
        if inspect.isfunction(value):
            yield name, value
        elif inspect.isclass(value) and not issubclass(value, Exception):
            for attribute, member in vars(value).items():
                function = member.__func__ if isinstance(member, classmethod | staticmethod) else member
                if inspect.isfunction(function) and not attribute.startswith("_"):
                    yield f"{name}.{attribute}", function


PUBLIC = dict(public_functions())


def test_functions_and_methods_are_collected():
    assert {"fit", "load", "Model.score", "Score.plot", "Clip.from_json"} <= set(PUBLIC)


@pytest.mark.parametrize("name", [*PUBLIC, *FURTHER])
def test_there_is_an_example_that_runs(name, tmp_path, monkeypatch):
    """Examples may write files: each runs in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    value = {**PUBLIC, **FURTHER}[name]
    examples = doctest.DocTestFinder(recurse=False).find(value, name, module=inspect.getmodule(value))
    assert len(examples) == 1, "no docstring"
    assert examples[0].examples, "no example"
    started = time.process_time()
    assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(examples[0]).failed == 0
    assert time.process_time() - started < SECONDS
