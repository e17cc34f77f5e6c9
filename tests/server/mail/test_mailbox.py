"""Where returned mails are read: an IMAP account, or a Maildir."""

import pytest

from flexprint_server.mail.bounces import LARGEST
from flexprint_server.mail.mailbox import Imap, MailboxAway, Maildir, mailbox_of
from flexprint_server.settings import SettingsError
from services.imap import Imap as Server


def url(server, password="s3cret%20word", folder=""):
    return f"imap://bounces:{password}@127.0.0.1:{server.port}{folder}"


def test_unread_mails_are_taken_once_and_marked_as_read():
    with Server(b"one", b"two\r\n(with) {7}\r\nbraces") as server:
        mailbox, taken = mailbox_of(url(server)), []
        assert mailbox.look(taken.append) == 2
        assert taken == [b"one", b"two\r\n(with) {7}\r\nbraces"]
        assert mailbox.look(taken.append) == 0
        assert server.seen == {1, 2}


def test_only_the_beginning_of_a_mail_is_fetched():
    with Server(b"x" * (3 * LARGEST)) as server:
        taken = []
        mailbox_of(url(server, folder="/INBOX")).look(taken.append)
    assert [len(octets) for octets in taken] == [LARGEST]


def test_a_mail_that_could_not_be_noted_comes_again():
    def refuse(_octets):
        raise LookupError("the database is away")

    with Server(b"one") as server:
        with pytest.raises(LookupError):
            mailbox_of(url(server)).look(refuse)
        assert not server.seen


def test_a_mailbox_that_cannot_be_read_says_why_and_not_its_password():
    with Server() as server:
        with pytest.raises(MailboxAway, match="wrong password") as caught:
            mailbox_of(url(server, password="hunter2")).look(print)
        gone = server.port
    assert "hunter2" not in str(caught.value)
    with pytest.raises(MailboxAway, match=f"127.0.0.1:{gone}"):
        Imap("127.0.0.1", gone, "a", "b", encrypted=False).look(print)


def test_a_maildir_gives_its_new_mails_and_keeps_them_as_read(tmp_path):
    for name in ("new", "cur", "tmp"):
        (tmp_path / name).mkdir()
    (tmp_path / "new" / "1.host").write_bytes(b"one")
    mailbox, taken = mailbox_of(f"maildir://{tmp_path}"), []
    assert (mailbox.look(taken.append), taken) == (1, [b"one"])
    assert (mailbox.look(taken.append), taken) == (0, [b"one"])
    assert [path.name for path in (tmp_path / "cur").iterdir()] == ["1.host:2,S"]
    with pytest.raises(MailboxAway):
        Maildir(tmp_path / "nowhere").look(print)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("imap://a:b@mail.example.com/", "in the clear"),
        ("imaps://mail.example.com/", "imaps://user:password@host"),
        ("imaps://a:b@mail.example.com/IN%22%0d%0aBOX", "plain ASCII"),
    ],
)
def test_an_address_that_would_not_do_is_named(given, says):
    with pytest.raises(SettingsError, match=says):
        mailbox_of(given)


def test_a_password_crosses_a_network_only_encrypted():
    assert mailbox_of("imaps://bounces:p%40ss@mail.example.com/Returned") == Imap(
        "mail.example.com", 993, "bounces", "p@ss", "Returned"
    )
