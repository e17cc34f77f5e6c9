"""The servers that tests lean on are what they claim to be."""

import smtplib
import ssl

import psycopg
import redis

from services.postgres import Postgres
from services.smtp import PASSWORD, USER, Sink
from services.valkey import Valkey


def test_postgres_survives_a_power_cut(postgres: Postgres) -> None:
    """Killed and started again it answers on the same port."""
    url = postgres.create()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (id int)")
    postgres.kill()
    postgres.start()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_valkey_comes_back_empty_on_the_same_port(valkey: Valkey) -> None:
    """A restart without persistence loses the queue: what the scheduler pass is for."""
    with redis.Redis.from_url(valkey.url) as client:
        client.set("a", "b")
        url = valkey.url
        valkey.stop()
        valkey.start()
        assert valkey.url == url
        assert client.get("a") is None


def test_the_sink_takes_mail_only_over_tls_with_the_password(smtp: Sink) -> None:
    """STARTTLS against the sink's own authority, then a mail arrives as a message."""
    with smtplib.SMTP("127.0.0.1", smtp.port, timeout=10) as client:
        client.starttls(context=ssl.create_default_context(cafile=str(smtp.ca_file)))
        client.login(USER, PASSWORD)
        client.sendmail("a@example.com", ["b@example.com"], "Subject: hello\n\nbody\n")
    assert smtp.wait_for(1)[0]["Subject"] == "hello"
