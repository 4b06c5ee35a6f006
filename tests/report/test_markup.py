import base64

import pytest

from auscult.report.markup import Markup, data_uri, join, tag


def test_text_and_attributes_are_escaped_and_markup_is_not():
    markup = tag("p", "a < b & c", tag("b", "<i>"), title="\"x' <y>")
    assert markup == '<p title="&quot;x&#x27; &lt;y&gt;">a &lt; b &amp; c<b>&lt;i&gt;</b></p>'
    assert isinstance(markup, Markup)


def test_attribute_names_and_values():
    markup = tag("td", class_="a", data_order=2, hidden=True, colspan=None, disabled=False, viewBox="0 0 1 1")
    assert markup == '<td class="a" data-order="2" hidden viewBox="0 0 1 1"></td>'


def test_an_attribute_may_be_called_name():
    assert tag("meta", name="viewport") == '<meta name="viewport">'


@pytest.mark.parametrize("name", ["img", "meta", "link", "br"])
def test_void_elements_have_no_end_tag(name):
    assert tag(name) == f"<{name}>"


def test_join_leaves_out_none():
    assert join("<", None, Markup("<br>")) == "&lt;<br>"


def test_a_data_uri_contains_the_bytes():
    uri = data_uri(b"\x00\xff", "audio/wav")
    assert base64.b64decode(uri.removeprefix("data:audio/wav;base64,")) == b"\x00\xff"
