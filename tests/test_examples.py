"""The examples in the docstrings of public functions and classes."""

from __future__ import annotations

import doctest
import inspect

import pytest

import auscult
import auscult.sklearn
from auscult.runtime.option_fields import option
from auscult.runtime.suggestions import did_you_mean
from auscult.testing import check_detector

#: What the documentation shows with an example.
WITH_EXAMPLE = {
    "fit": auscult.fit,
    "Model.score": auscult.Model.score,
    "check_detector": check_detector,
    "option": option,
    "did_you_mean": did_you_mean,
    "AnomalyDetector": auscult.sklearn.AnomalyDetector,
}


@pytest.mark.parametrize("name", WITH_EXAMPLE)
def test_the_example_of_a_docstring_runs(name):
    value = WITH_EXAMPLE[name]
    (example,) = doctest.DocTestFinder(recurse=False).find(value, name, module=inspect.getmodule(value))
    assert example.examples
    assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example).failed == 0
