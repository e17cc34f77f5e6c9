"""What agents meet at the collector's door, over real HTTP."""

import socket
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import func, select

from flexprint_server.fleet.models import Read as StoredRead
from flexprint_server.reports.models import Report
from flexprint_shared import checkin
from flexprint_shared.batch import LARGEST_SEALED
from flexprint_shared.sealing import MEDIA_TYPE, NO_BATCH, batch_hash
from services import agents
from services.process import wait_until
from services.reads import NOON, a_read, fleet
from services.web import collector, settings_for

BATCHES = "/agent/v1/batches"


@pytest.fixture
def client(database, database_url, tmp_path, valkey):
    with collector(settings_for(database_url, tmp_path, valkey.url), database) as opened:
        yield opened


def post(client, sealed):
    return client.post(BATCHES, content=sealed, headers={"Content-Type": MEDIA_TYPE})


def metric(client, name):
    lines = client.get("/metrics").text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


def refused(answer, status, slug):
    """The answer is the problem document of that name."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    document = answer.json()
    assert document["type"] == f"urn:flexprint:problem:{slug}"
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]
    return document


def test_a_batch_is_acknowledged_with_its_hash_and_the_same_way_again(client, agent):
    sealed = agent.batch(*fleet(3))
    first, again = post(client, sealed), post(client, sealed)
    assert first.status_code == 200
    assert first.json() == {"batch": batch_hash(sealed).hex(), "sequence": 1, "reads": 3}
    assert again.content == first.content
    assert metric(client, "flexprint_batches_stored_total") == 1
    assert metric(client, "flexprint_reads_stored_total") == 3
    assert metric(client, "flexprint_batches_repeated_total") == 1


def test_every_refusal_is_a_problem_document_and_counted(client, agent, database):
    stranger = agents.Agent(agents.uuid.uuid4(), agent.key, agent.sealing_key)
    good = agent.batch(a_read())
    refused(post(client, b"hello"), 400, "not-a-batch")
    refused(post(client, stranger.batch(a_read())), 401, "unknown-agent")
    refused(post(client, good[:-1] + bytes([good[-1] ^ 1])), 403, "wrong-signature")
    refused(post(client, agent.seal(b"not deflated", 1, NO_BATCH)), 422, "unreadable-document")
    damaged = bytearray(good[:-64])
    damaged[110] ^= 1
    refused(post(client, bytes(damaged) + agent.key.sign(bytes(damaged))), 422, "broken-seal")
    assert post(client, good).status_code == 200
    stale = refused(post(client, agent.seal(b"", 1, NO_BATCH)), 409, "stale-sequence")
    assert (stale["last_sequence"], stale["last_hash"]) == (1, batch_hash(good).hex())
    assert metric(client, "flexprint_refusals_total") == 6
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(StoredRead)) == 1


def test_a_body_too_large_is_refused_as_declared(client):
    """Before a single octet of it is read."""
    refused(post(client, bytes(LARGEST_SEALED + 1)), 413, "too-large")


def test_a_body_too_large_is_refused_in_chunks(client):
    """One that does not tell its size is cut off where the limit lies."""
    chunks = (bytes(64 << 10) for _ in range(64))
    try:
        answer = client.post(BATCHES, content=chunks)
    except httpx.TransportError:
        return  # cut while still sending, which is as good
    refused(answer, 413, "too-large")


def test_a_body_of_nonsense_length_is_refused(client):
    port = httpx.URL(client.base_url).port
    with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
        raw.sendall(f"POST {BATCHES} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n".encode())
        assert raw.recv(100).split()[1] in (b"400", b"413")


def test_an_agent_that_hangs_up_halfway_leaves_no_trace(client, agent):
    """Half a body and silence: the collector goes on."""
    port = httpx.URL(client.base_url).port
    with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
        raw.sendall(f"POST {BATCHES} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n".encode() + bytes(500))
    assert post(client, agent.batch(a_read())).status_code == 200


def test_a_report_is_stored_and_the_queue_is_told(client, agent, database, valkey):
    import redis

    valkey.flush()
    assert post(client, agent.batch(report_requested_at=NOON, recipients=["a@example.com"])).status_code == 200
    with redis.Redis.from_url(valkey.url) as queue:
        wait_until(lambda: queue.llen("reports") == 1, "the wake-up call")
    assert metric(client, 'flexprint_reports{state="due"}') == 1


def test_a_queue_that_is_down_neither_fails_nor_delays_an_upload(client, agent, database, valkey):
    """The database row is the truth; the failure is counted."""
    if not valkey.is_ours:
        pytest.skip("the queue belongs to somebody else")
    valkey.stop()
    try:
        assert client.get("/readyz").status_code == 503
        assert client.get("/readyz").json() == {"database": "ready", "queue": "not ready"}
        assert post(client, agent.batch(report_requested_at=NOON, recipients=["a@example.com"])).status_code == 200
        wait_until(lambda: metric(client, "flexprint_queue_wake_failures_total") == 1, "the count of the failure")
    finally:
        valkey.start()
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Report)) == 1


def test_programs_get_documents_and_people_pages(client):
    refused(client.get("/agent/v1/nothing"), 404, "not-found")
    refused(client.get(BATCHES), 405, "method-not-allowed")
    page = client.get("/nothing")
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")


def test_every_answer_carries_the_headers_that_keep_browsers_in_check(client):
    for path in ("/healthz", "/nothing", "/agent/v1/nothing", "/sign-in"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "server" not in headers


def test_the_descriptions_of_the_framework_are_switched_off(client):
    assert {client.get(path).status_code for path in ("/docs", "/redoc", "/openapi.json")} == {404}


def test_probes_tell_alive_and_ready(client):
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").json() == {"database": "ready", "queue": "ready"}


def test_a_database_that_dies_and_comes_back_costs_nothing_but_time(postgres, tmp_path, valkey):
    """Killed under the collector: agents are told to wait, and everything works again without a restart."""
    if not postgres.is_ours:
        pytest.skip("the database belongs to somebody else")
    from flexprint_server.database import Database
    from flexprint_server.migrations import upgrade

    url = postgres.create(template=postgres.template("flexprint_template", upgrade))
    database = Database(url)
    agent = agents.an_agent(database)
    with collector(settings_for(url, tmp_path, valkey.url), database) as client:
        before, during = agent.batch(*fleet(5)), agent.batch(*fleet(5, grown=1))
        assert post(client, before).status_code == 200
        postgres.kill()
        try:
            answer = post(client, during)
            refused(answer, 503, "busy")
            assert int(answer.headers["retry-after"]) > 0
            refused(client.post("/agent/v1/enroll", json=request("FPK-0")), 503, "busy")
            assert client.get("/readyz").json()["database"] == "not ready"
            assert client.get("/metrics").status_code == 200
        finally:
            postgres.start()
        assert post(client, during).status_code == 200
        assert post(client, before).json()["sequence"] == 1
        assert metric(client, 'flexprint_refusals_total{problem="busy"}') == 2
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(StoredRead)) == 10
    database.close()


def request(key, public_key="A" * 43 + "=", **more):
    return {"key": key, "public_key": public_key, "host": "H", "platform": "Linux", "version": "0.1.0", **more}


def test_a_batch_of_the_future_is_stored_as_it_came(client, agent, database):
    """A clock that is wrong is the agent's trouble; its reads are kept."""
    assert post(client, agent.batch(a_read(at=NOON + timedelta(days=3000)))).status_code == 200


def test_a_check_in_is_answered_under_the_collectors_signature(client, agent, database):
    sealed = agent.check_in()
    answer = client.post("/agent/v1/checkin", content=sealed)
    assert (answer.status_code, answer.headers["content-type"]) == (200, checkin.MEDIA_TYPE)
    identity = agents.keyring(database).identity.public_key()
    assert checkin.answer_to(sealed, answer.content, identity)["commands"] == []
    again = refused(client.post("/agent/v1/checkin", content=sealed), 409, "stale-check-in")
    assert again["last_counter"] == 1
    refused(client.post("/agent/v1/checkin", content=b"x" * (checkin.LARGEST_SEALED + 1)), 413, "too-large")
    refused(client.post("/agent/v1/checkin", content=agent.batch()), 400, "not-a-check-in")
