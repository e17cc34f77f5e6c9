"""Wakes that are killed -9 at their n-th step on disk, for n = 1, 2, 3 ... until one gets through.

A step is a statement that writes by itself, or the begin or the commit of a transaction: between those the disk
stays as it is.

    python kill_wake.py HOMES_FOLDER COLLECTOR_URL TARGET...

Run as a process of its own: it forks, so that every killed wake starts from a warm interpreter. For each n a fresh
home is enrolled, one wake in it is killed, and a second one runs undisturbed. Prints one JSON line for each n.
"""

import io
import json
import os
import signal
import ssl
import sys
from datetime import UTC, datetime
from pathlib import Path

from flexprint_agent import settings
from flexprint_agent.cli import main
from flexprint_agent.keep import Keep
from flexprint_agent.wake import wake


def in_a_child(work):
    """Runs `work` in a forked child; True when it came to its end."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:
            print(f"child: {error!r}", file=sys.stderr)
            os._exit(3)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL), status
    return status == 0


def woken(home, steps=None):
    """One wake; killed before its step number `steps`."""
    with Keep(home) as keep, keep.alone():
        count = 0

        def count_down(statement):
            nonlocal count
            inside = keep.database.connection.in_transaction and not statement.startswith("COMMIT")
            count += not inside and not statement.startswith("SELECT")
            if count == steps:
                os.kill(os.getpid(), signal.SIGKILL)

        keep.database.connection.set_trace_callback(count_down)
        done = wake(keep, settings.in_force(keep.choices.settings()), lambda: datetime.now(UTC))
        assert done.failure is None, done.failure


def say(*words):
    assert main(words) == 0, words


def prepare(home, url, targets):
    sys.stdout = sys.stderr = io.StringIO()
    at_home = ("--home", str(home))
    say(*at_home, "enroll", "--server", url, "--insecure-loopback", "--key", "KEY")
    say(*at_home, "add", *targets)
    say(*at_home, "recipients", "add", "office@example.com")
    # Nothing leaves the loopback.
    quiet = (("broadcast", "off"), ("multicast", "off"), ("mdns", "off"), ("spooler", "off"))
    for name, value in (("search_timeout", "0.3"), ("snmp_timeout", "0.5"), *quiet):
        say(*at_home, "settings", name, value)


def tell(n, home, through):
    with Keep(home) as keep:
        enrolment = keep.enrolments.get()
        kept = keep.spool.pending() + keep.database.value("SELECT coalesce(sum(reads), 0) FROM batches")
        left = keep.spool.pending() + keep.spool.count("waiting") + keep.spool.count("refused")
        print(
            json.dumps({"n": n, "agent": str(enrolment.agent), "kept": kept, "left": left, "through": through}),
            flush=True,
        )


def run(homes, url, targets):
    # Imported and parsed once, before the forks.
    import httpx
    import truststore

    import flexprint_shared.sealing  # noqa: F401
    from flexprint_agent.read import printers, tables

    httpx.Client(verify=truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)).close()
    assert printers
    assert tables.vendors()
    n = 1
    while not killed_at(n, homes / str(n), url, targets):
        n += 1


def killed_at(n, home, url, targets):
    """True when the wake came through before its step number `n`."""
    assert in_a_child(lambda: prepare(home, url, targets))
    through = in_a_child(lambda: woken(home, n))
    assert in_a_child(lambda: woken(home))
    assert in_a_child(lambda: tell(n, home, through))
    return through


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
