import os
import shlex
import subprocess
import sys
from itertools import pairwise

import pytest

from flexprint_agent.keep import Keep
from flexprint_agent.keep.errors import KeyMissing
from flexprint_agent.keep.protect import Dpapi, Keychain, NotProtected, protector
from flexprint_agent.keep.vault import FILE, Vault

posix = pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX'")


class MacOS:
    """What `security` does with a keychain, as far as it is asked here. Apple's own cannot be run by these tests."""

    def __init__(self):
        self.items, self.commands, self.status = {}, [], 0

    def __call__(self, command, typed):
        self.commands.append((command, typed))
        words = shlex.split(typed) if command[1:] == ["-i"] else command[1:]
        at = dict(pairwise(words))
        item = (at["-a"], at["-s"], words[-1] if words[-1].startswith("/Library") else "")
        if words[0] == "add-generic-password" and not self.status:
            self.items[item] = at["-w"]
        found = self.items.get(item, "")
        status = self.status or (0 if found else 44)
        return subprocess.CompletedProcess(command, status, found + "\n", "")


@pytest.fixture
def mac():
    return MacOS()


def keychain(mac, *, is_root=True, account='/Library/Application Support/FlexPrint "Agent"'):
    return Keychain(account, is_root=is_root, run=mac)


def test_a_home_from_before_is_taken_under_the_systems_protection(tmp_path, mac):
    """Whoever copies the folder then has a key file that opens nothing."""
    sealed = Vault(tmp_path).seal("community", b"s3cr3t")
    key = (tmp_path / FILE).read_bytes()
    vault = Vault(tmp_path, keychain(mac))
    assert vault.open("community", sealed) == b"s3cr3t"
    kept = (tmp_path / FILE).read_bytes()
    assert kept.startswith(b"flexprint-agent key, protected by keychain\n")
    assert key not in kept
    assert key.hex().encode() not in kept
    assert Vault(tmp_path, keychain(mac)).open("community", sealed) == b"s3cr3t"
    assert sorted(path.name for path in tmp_path.iterdir()) == [FILE]


def test_a_new_key_is_protected_from_its_first_use_on(tmp_path, mac):
    Vault(tmp_path, keychain(mac)).seal("a", b"b")
    assert b"keychain" in (tmp_path / FILE).read_bytes()


def test_a_system_that_will_not_take_the_key_leaves_it_in_its_file(tmp_path, mac):
    mac.status = 36
    sealed = Vault(tmp_path, keychain(mac)).seal("a", b"b")
    assert Vault(tmp_path, keychain(mac)).open("a", sealed) == b"b"
    assert len((tmp_path / FILE).read_bytes()) == 32


def test_a_system_that_gives_back_something_else_is_not_trusted_with_the_key(tmp_path, mac):
    class Forgetful(MacOS):
        def __call__(self, command, typed):
            done = super().__call__(command, typed)
            return subprocess.CompletedProcess(command, done.returncode, "00" * 32 + "\n", "")

    sealed = Vault(tmp_path, keychain(Forgetful())).seal("a", b"b")
    assert Vault(tmp_path).open("a", sealed) == b"b"


@posix
@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_does_not_keep_secrets_from_being_read(tmp_path, mac):
    sealed = Vault(tmp_path).seal("a", b"b")
    tmp_path.chmod(0o500)
    try:
        assert Vault(tmp_path, keychain(mac)).open("a", sealed) == b"b"
    finally:
        tmp_path.chmod(0o700)


def test_a_key_of_another_computer_says_so(tmp_path, mac):
    sealed = Vault(tmp_path, keychain(mac)).seal("a", b"b")
    Vault(tmp_path, keychain(mac)).open("a", sealed)
    with pytest.raises(
        KeyMissing, match=r"does not open here: the keychain refuses \(44\).*set the secrets and enrol again"
    ):
        Vault(tmp_path, keychain(MacOS())).open("a", sealed)
    if sys.platform == "linux":
        with pytest.raises(KeyMissing, match=r"made on another system \(keychain\)"):
            Vault(tmp_path).open("a", sealed)


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33, b"flexprint-agent key, protected by \n"])
def test_a_file_that_is_no_key_is_said(tmp_path, content):
    sealed = Vault(tmp_path).seal("a", b"b")
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(KeyMissing, match=r"not a key file|made on another system"):
        Vault(tmp_path).open("a", sealed)


@pytest.mark.parametrize(("is_root", "where"), [(True, "/Library/Keychains/System.keychain"), (False, "")])
def test_the_key_is_told_to_the_keychain_where_no_other_program_sees_it(mac, is_root, where):
    """On standard input and never on a command line; the system's keychain for a service, the person's otherwise."""
    key = bytes(range(32))
    one = keychain(mac, is_root=is_root)
    assert one.unwrap(one.wrap(key)) == key
    assert [command[:2] for command, _ in mac.commands] == [
        ["/usr/bin/security", "-i"],
        ["/usr/bin/security", "find-generic-password"],
    ]
    assert not any(key.hex() in word for command, _ in mac.commands for word in command)
    assert list(mac.items) == [('/Library/Application Support/FlexPrint "Agent"', "FlexPrint Agent", where)]


def test_a_keychain_that_is_not_there_is_no_protection():
    def gone(command, typed):
        raise FileNotFoundError(command[0])

    with pytest.raises(NotProtected, match="cannot be run") as refusal:
        Keychain("a", is_root=True, run=gone).wrap(b"k" * 32)
    assert (b"k" * 32).hex() not in str(refusal.value)


def test_each_system_has_its_own_protection(tmp_path):
    assert isinstance(protector(tmp_path, "win32"), Dpapi)
    assert isinstance(protector(tmp_path, "darwin"), Keychain)
    assert protector(tmp_path, "linux") is None


@posix
def test_a_key_that_others_could_read_is_closed_and_said_once(tmp_path):
    with Keep(tmp_path) as keep:
        keep.choices.set({"communities": "s3cr3t"}, {"communities"})
        assert keep.notice is None
    key = tmp_path / FILE
    assert key.stat().st_mode & 0o777 == 0o600
    key.chmod(0o644)
    with Keep(tmp_path) as keep:
        assert "could be read by other accounts; now it cannot" in keep.notice
        assert keep.choices.secrets() == {"communities": "s3cr3t"}
    assert key.stat().st_mode & 0o777 == 0o600
    with Keep(tmp_path) as keep:
        assert keep.notice is None
