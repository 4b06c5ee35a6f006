"""Passwords in addresses of streams are shown nowhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auscult.errors import OptionError
from auscult.sound.live.address import address_of

SECRET = "sEcr-t9"


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("rtsp://camera:8554/mic", "rtsp://camera:8554/mic"),
        (f"rtsp://root:{SECRET}@camera/mic", "rtsp://***@camera/mic"),
        (f"rtsp://{SECRET}@camera/mic", "rtsp://***@camera/mic"),
        (f"http://h/a?channel=2&subtype=1&token={SECRET}", "http://h/a?channel=2&subtype=1&token=***"),
        (f"rtsp://h/user=admin_password={SECRET}_channel=1.sdp", "rtsp://h/user=***"),
        (f"http://h/a;key={SECRET}#b={SECRET}", "http://h/a;key=***#b=***"),
        (f"rtsp://root:a%40{SECRET}@camera/mic", "rtsp://***@camera/mic"),
    ],
)
def test_secrets_are_not_shown(url, text):
    address = address_of(url)
    assert address.text == text
    assert address.url == url
    assert SECRET not in repr(address)
    message = address.masked(f"{url}: Connection refused")
    assert message == f"{text}: Connection refused"
    if SECRET in url and "%" not in url:
        assert address.masked(f"wrong password {SECRET}") == "wrong password ***"


@given(st.text(st.characters(codec="ascii", exclude_characters="*"), min_size=4, max_size=12))
def test_a_password_of_any_characters_is_not_shown(password):
    try:
        address = address_of(f"rtsp://root:{password}@camera/mic")
    except OptionError as error:
        shown = str(error)
        assert f"root:{password}" not in shown
        assert shown.startswith("rtsp://***: ")
    else:
        assert address.text == "rtsp://***@camera/mic"
        assert f":{password}@" not in address.masked(f"x {address.url} y")


def test_a_password_from_the_environment_or_a_file_is_inserted(monkeypatch, tmp_path):
    monkeypatch.setenv("CAMERA_AUTH", f"root:@/{SECRET}")
    file = tmp_path / "auth"
    file.write_text(f"root:@/{SECRET}\nmore\n")
    for where in ({"auth_env": "CAMERA_AUTH"}, {"auth_file": str(file)}):
        address = address_of("rtsp://camera/mic", **where)
        assert address.url == f"rtsp://root:%40%2F{SECRET}@camera/mic"
        assert address.text == "rtsp://***@camera/mic"
        for form in (f"root:@/{SECRET}", f"%40%2F{SECRET}", f"@/{SECRET}"):
            assert SECRET not in address.masked(f"wrong password: {form}")


@pytest.mark.parametrize(
    ("url", "content"),
    [
        ("rtsp://camera/mic", None),
        ("rtsp://camera/mic", SECRET),
        ("rtsp://camera/mic", f":{SECRET}"),
        (f"rtsp://root:{SECRET}@camera/mic", f"root:{SECRET}"),
        (f"rtsp://root:{SECRET}/x", f"root:{SECRET}"),
        (f"rtsp:///{SECRET}=@", None),
    ],
)
def test_wrong_passwords_and_addresses_are_refused_without_showing_them(monkeypatch, url, content):
    if content is not None:
        monkeypatch.setenv("CAMERA_AUTH", content)
    with pytest.raises(OptionError) as error:
        address_of(url, auth_env="CAMERA_AUTH")
    assert SECRET not in str(error.value)


def test_files_of_passwords_that_cannot_be_read_are_refused(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe:x")
    for path in (tmp_path / "absent", tmp_path / "binary", tmp_path):
        with pytest.raises(OptionError, match="cannot be read"):
            address_of("rtsp://camera/mic", auth_file=str(path))
    with pytest.raises(OptionError, match="combined"):
        address_of("rtsp://camera/mic", auth_env="A", auth_file="b")
