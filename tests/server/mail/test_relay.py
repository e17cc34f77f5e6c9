"""Handing a mail over, to mail servers of every kind."""

import contextlib
import ssl

import pytest
import trustme

from flexprint_server.mail.message import Mail
from flexprint_server.mail.relay import Deferred, FolderPost, MailError, Patience, Refused, RelayUnusable, SmtpPost
from flexprint_server.mail.relay_url import Relay, relay_of
from services.process import free_port
from services.rude_smtp import HANG, HANG_UP, Rude
from services.smtp import Sink

OCTETS = b"Subject: report\r\n\r\nfirst\r\n.second\r\n..third\r\n"
IMPATIENT = Patience(connect=0.2, command=0.2, block=0.2, last_answer=0.2)


def a_mail(octets=OCTETS, recipient="office@example.com"):
    return Mail("flexprint@example.com", recipient, "<0123abcd@example.com>", octets, b"PK\3\4")


STANDING = Patience(connect=5, command=5, block=5, last_answer=5)


def post_to(rude, patience=STANDING):
    return SmtpPost(Relay("127.0.0.1", rude.port, "none"), "collector.test", patience)


@contextlib.contextmanager
def line_to(rude, **given):
    line = post_to(rude, **given).open()
    try:
        yield line
    finally:
        line.close()


def test_a_mail_goes_over_starttls_with_the_password(smtp: Sink):
    post = SmtpPost(relay_of(f"{smtp.url}&ca={smtp.ca_file}"), "collector.test")
    line = post.open()
    assert line.hand_over(a_mail()) == "250 OK"
    line.close()
    assert smtp.wait_for(1)[0]["Subject"] == "report"
    assert smtp.recipients == [["office@example.com"]]


def test_every_octet_arrives_also_lines_that_begin_with_a_dot():
    with Rude() as rude, line_to(rude) as line:
        assert line.hand_over(a_mail()) == "250 2.0.0 queued as 7"
        assert line.hand_over(a_mail(b"Subject: no end of line")) == "250 2.0.0 queued as 7"
    assert rude.mails == [OCTETS, b"Subject: no end of line\r\n"]
    assert rude.heard[:3] == [
        "ehlo collector.test",
        f"mail FROM:<flexprint@example.com> SIZE={len(OCTETS)}",
        "rcpt TO:<office@example.com>",
    ]


def test_a_mail_of_megabytes_arrives_whole():
    with Rude() as rude, line_to(rude) as line:
        octets = b"Subject: long\r\n\r\n" + b"0123456789abcdef\r\n" * 200_000
        line.hand_over(a_mail(octets))
    assert rude.mails == [octets]


@pytest.mark.parametrize(
    ("answers", "kind", "says"),
    [
        ({"RCPT": "550 5.1.1 no such user"}, Refused, "550 5.1.1 no such user"),
        ({"RCPT": "450 4.2.1 come back later"}, Deferred, "450 4.2.1 come back later"),
        ({"RCPT": "421 going down"}, Deferred, "421 going down"),
        ({"RCPT": "999 what"}, Deferred, "999 what"),
        ({"RCPT": HANG_UP}, Deferred, "lost"),
        ({"MAIL": "552 5.3.4 too large"}, Refused, "too large"),
        ({"MAIL": "451 4.3.0 later"}, Deferred, "later"),
        ({"MAIL": "550 5.7.1 who are you"}, RelayUnusable, "sender flexprint@example.com is not accepted: 550"),
        ({"DATA": "554 5.6.0 no"}, Refused, "554 5.6.0 no"),
        ({"DATA": "451 4.3.0 not now"}, Deferred, "not now"),
        ({"content": "554 5.7.1 a virus"}, Refused, "a virus"),
        ({"content": "451 4.7.1 greylisted"}, Deferred, "greylisted"),
        ({"content": HANG_UP}, Deferred, "lost"),
        ({"content": "550-first line\r\n550 second\tline"}, Refused, "550 first line second line"),
    ],
)
def test_the_answer_decides_what_becomes_of_a_mail(answers, kind, says):
    """5xx is for good, 4xx for now, and the words are kept for whoever looks into it."""
    with Rude(answers) as rude, line_to(rude) as line, pytest.raises(kind, match=says):
        line.hand_over(a_mail())


def test_after_a_refusal_the_next_mail_goes_over_the_same_line():
    with Rude({"RCPT": ["550 no", "250 ok"]}) as rude, line_to(rude) as line:
        with pytest.raises(Refused):
            line.hand_over(a_mail(recipient="nobody@example.com"))
        assert line.is_open
        line.hand_over(a_mail())
    assert len(rude.mails) == 1
    assert "rset" in rude.heard


def test_a_server_that_hangs_up_on_refusal_has_refused_all_the_same():
    """The refusal counts, and the line says that the next mail needs another."""
    with Rude({"RCPT": "550 no", "RSET": HANG_UP}) as rude, line_to(rude) as line:
        with pytest.raises(Refused):
            line.hand_over(a_mail())
        assert not line.is_open


@pytest.mark.parametrize("silent_at", ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "content"])
def test_a_server_that_falls_silent_holds_us_for_so_long_and_no_longer(silent_at):
    """At every step; before the first mail nothing was handed over, later the one mail is tried again."""
    with Rude({silent_at: HANG}) as rude, pytest.raises(MailError, match=r"timed out|lost"):
        post_to(rude, IMPATIENT).open().hand_over(a_mail())


def test_a_long_think_over_the_mail_is_waited_for():
    """Scanning for viruses takes longer than a greeting; giving up there would send the mail twice."""
    standing = Patience()
    assert standing.connect <= 60
    assert standing.last_answer >= 600
    with Rude() as rude:
        patience = Patience(connect=5, command=5, block=5, last_answer=60)
        line = post_to(rude, patience).open()
        assert line.hand_over(a_mail()).startswith("250")
        line.close()


def test_starttls_that_is_not_offered_is_not_done_without():
    """Nothing is said to such a server beyond the greeting."""
    with Rude() as rude:
        post = SmtpPost(Relay("127.0.0.1", rude.port, "starttls", "u", "p"), "collector.test")
        with pytest.raises(RelayUnusable, match="does not offer STARTTLS"):
            post.open()
        assert [line.split()[0].lower() for line in rude.heard] == ["ehlo"]


def test_an_unknown_certificate_ends_it(smtp: Sink):
    """With STARTTLS as with TLS, and before user and password are said."""
    with pytest.raises(RelayUnusable, match=r"not trusted.*ca=FILE"):
        SmtpPost(relay_of(smtp.url), "collector.test").open()
    assert smtp.mails == []


def test_a_certificate_for_another_host_ends_it(tmp_path):
    """Trusted, but not theirs."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("elsewhere.example").configure_cert(context)
    with tls_server(context) as port:
        post = SmtpPost(Relay("127.0.0.1", port, "tls", ca=str(tmp_path / "ca.pem")), "collector.test")
        with pytest.raises(RelayUnusable, match="not trusted"):
            post.open()


def test_tls_from_the_first_octet(tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with tls_server(context) as port:
        line = SmtpPost(Relay("127.0.0.1", port, "tls", ca=str(tmp_path / "ca.pem")), "collector.test").open()
        assert line.hand_over(a_mail()).startswith("250")
        line.close()


@contextlib.contextmanager
def tls_server(context):
    with Rude() as rude:
        rude._server.socket = context.wrap_socket(rude._server.socket, server_side=True)
        yield rude.port


def test_a_wrong_password_is_said_with_the_servers_words(smtp: Sink):
    relay = relay_of(f"smtp://mailer:wrong@127.0.0.1:{smtp.port}?starttls=required&ca={smtp.ca_file}")
    with pytest.raises(RelayUnusable, match="user and password of FLEXPRINT_SMTP_URL: 535") as refusal:
        SmtpPost(relay, "collector.test").open()
    assert "wrong" not in str(refusal.value)


@pytest.mark.parametrize(
    ("relay", "says"),
    [
        (Relay("127.0.0.1", free_port(), "none"), "no mail server answers at 127.0.0.1"),
        (Relay("mail.invalid", 25, "none"), "mail.invalid cannot be resolved"),
        (Relay("127.0.0.1", free_port(), "tls", ca="/no/such/file.pem"), "no readable file of certificates"),
        (Relay("127.0.0.1", free_port(), "tls", ca=__file__), "no readable file of certificates"),
    ],
)
def test_a_server_that_cannot_be_reached_is_named(relay, says):
    with pytest.raises(RelayUnusable, match=says):
        SmtpPost(relay, "collector.test", IMPATIENT).open()


def test_a_server_that_says_no_at_the_door_is_quoted():
    with Rude({"greeting": "554 no service today"}) as rude, pytest.raises(RelayUnusable, match="554 no service today"):
        post_to(rude).open()


def test_signing_in_where_there_is_no_way_to_is_said():
    with Rude() as rude:
        post = SmtpPost(Relay("127.0.0.1", rude.port, "none", "u", "p"), "collector.test")
        with pytest.raises(RelayUnusable, match="does not offer a way to sign in"):
            post.open()


def test_without_a_mail_server_the_mail_is_kept_as_files(tmp_path):
    """The mail, and the workbook beside it; the answer says that nothing was sent."""
    line = FolderPost(tmp_path / "mail").open()
    answer = line.hand_over(a_mail())
    line.hand_over(a_mail())
    assert "0123abcd.eml" in answer
    assert "FLEXPRINT_SMTP_URL" in answer
    assert sorted(path.name for path in (tmp_path / "mail").iterdir()) == ["0123abcd.eml", "0123abcd.xlsx"]
    assert (tmp_path / "mail" / "0123abcd.eml").read_bytes() == OCTETS
    assert (tmp_path / "mail" / "0123abcd.xlsx").read_bytes() == b"PK\3\4"


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    """A file in its place, a full disk: said, and tried again."""
    (tmp_path / "mail").write_text("in the way")
    with pytest.raises(RelayUnusable, match="mail cannot be made"):
        FolderPost(tmp_path / "mail").open()
