"""What the operator chose: taken as meant, or refused with a word that helps."""

import os
import sys
from pathlib import Path

import pytest

from flexprint_server.settings import SettingsError, read_settings

KEY = "ab" * 32


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FLEXPRINT_PUBLIC_URL", "http://[x"),
        ("FLEXPRINT_PUBLIC_URL", "meters.example.com"),
        ("FLEXPRINT_PUBLIC_URL", "https:///path"),
        ("FLEXPRINT_REDIS_URL", "redis://host:99999/0"),
        ("FLEXPRINT_REDIS_URL", "unix:///run/valkey.sock"),
        ("FLEXPRINT_SMTP_URL", "smtp://host:x"),
        ("FLEXPRINT_SECRET_KEY", "abc"),
        ("FLEXPRINT_LARGEST_ATTACHMENT", "20 MB"),
        ("FLEXPRINT_LARGEST_ATTACHMENT", "-1"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_by_name(tmp_path, name, value):
    with pytest.raises(SettingsError, match=f"{name}: should"):
        read_settings({name: value}, data=tmp_path)


@pytest.mark.parametrize(("value", "octets"), [("", 20_000_000), ("0", 0), ("7", 7_000_000)])
def test_the_largest_attachment_is_given_in_megabytes(tmp_path, value, octets):
    assert read_settings({"FLEXPRINT_LARGEST_ATTACHMENT": value}, data=tmp_path).largest_attachment == octets


def test_the_secret_key_is_made_once_and_is_nobody_elses_business(tmp_path):
    first = read_settings({}, data=tmp_path / "data").secret_key
    assert read_settings({}, data=tmp_path / "data").secret_key == first
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secret.key"]
    if sys.platform != "win32":
        assert (tmp_path / "data" / "secret.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"abc", b"\xff" * 64, KEY.encode() * 2])
def test_a_damaged_key_file_is_named_and_left_alone(tmp_path, content):
    """A new key in its place would lock the stored keys for good."""
    path = tmp_path / "secret.key"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"secret\.key: should hold 64 hexadecimal digits"):
        read_settings({}, data=tmp_path)
    assert path.read_bytes() == content


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_leaves_no_key_file(tmp_path, monkeypatch):
    opened = os.open
    monkeypatch.setattr(
        os, "open", lambda path, flags, *mode: (opened(path, flags, *mode), opened("/dev/full", os.O_WRONLY))[1]
    )
    with pytest.raises(SettingsError, match="No space left"):
        read_settings({}, data=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_data_folder_that_cannot_be_used_is_named_with_a_way_out(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"secret\.key: .*account that owns the folder"):
        read_settings({}, data=tmp_path / "file" / "data")


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="nothing is forbidden to this account")
def test_a_key_of_another_account_is_refused_with_a_way_out(tmp_path):
    (tmp_path / "secret.key").write_text(KEY)
    (tmp_path / "secret.key").chmod(0)
    with pytest.raises(SettingsError, match=r"secret\.key: .*account that owns the folder"):
        read_settings({}, data=tmp_path)
