"""The process tree of `up`: it keeps its children running, stops them in order, and leaves none behind."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from flexprint_server.settings import SettingsError, read_settings
from flexprint_server.supervise import (
    LONGEST_WAIT,
    CannotStart,
    Child,
    Tree,
    address,
    alone_in,
    collector,
    wait_before_start,
)
from services.process import free_port, wait_until


@pytest.mark.parametrize(
    ("ends", "wait"), [(0, 0), (1, 0.5), (2, 1), (3, 2), (6, 16), (7, LONGEST_WAIT), (10_000, LONGEST_WAIT)]
)
def test_a_child_that_keeps_ending_is_started_less_and_less_often(ends, wait):
    assert wait_before_start(ends) == wait


def child(name, program, *arguments, **more):
    command = [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)]
    return Child(name, command, dict(os.environ), **more)


LIVES = """
    import pathlib, signal, sys, time
    def stop(*_):
        with open(sys.argv[1], "a") as log: log.write(sys.argv[2] + " stopped\\n")
        sys.exit(0)
    signal.signal(signal.SIGTERM, stop)
    with open(sys.argv[1], "a") as log: log.write(sys.argv[2] + " started\\n")
    while True: time.sleep(60)
"""


def run_until(tree, condition):
    """The tree, run in the main thread as it wants to be, and stopped once `condition` holds."""

    def watch():
        try:
            wait_until(condition, "what the tree should do")
        finally:
            tree.stop()

    watcher = threading.Thread(target=watch)
    watcher.start()
    tree.run()
    watcher.join()


def test_children_stop_in_the_opposite_order(tmp_path):
    log = tmp_path / "log"
    said = []
    tree = Tree([child("queue", LIVES, log, "queue"), child("worker", LIVES, log, "worker")], said.append)
    run_until(tree, lambda: log.exists() and log.read_text().count("started") == 2)
    assert log.read_text().splitlines()[2:] == ["worker stopped", "queue stopped"]
    assert said == []


def test_a_child_that_ends_is_started_again_and_people_are_told(tmp_path):
    log = tmp_path / "log"
    ends = "import sys; open(sys.argv[1], 'a').write('x'); sys.exit(3)"
    said = []
    run_until(Tree([child("worker", ends, log)], said.append), lambda: log.exists() and len(log.read_text()) >= 2)
    assert said[0] == "The worker ended with status 3; it starts again in 0.5 s."


def test_a_child_that_refuses_its_settings_ends_the_tree(tmp_path):
    log = tmp_path / "log"
    refuses = "import sys; sys.exit(2)"
    tree = Tree([child("queue", LIVES, log, "queue"), child("worker", refuses, log)], print)
    with pytest.raises(SettingsError, match="worker"):
        tree.run()
    assert all(one.running is None or one.running.poll() is not None for one in tree._children)


def test_children_wait_for_what_they_lean_on(tmp_path):
    """The worker starts once the queue listens."""
    port, log = free_port(), tmp_path / "log"
    listens = """
        import socket, sys, time
        time.sleep(0.3)
        with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
            open(sys.argv[2], "a").write("listening\\n")
            while True: server.accept()
    """
    tree = Tree([child("queue", listens, port, log, listens_on=port), child("worker", LIVES, log, "worker")], print)
    run_until(tree, lambda: log.exists() and log.read_text().count("\n") == 2)
    assert log.read_text().splitlines()[:2] == ["listening", "worker started"]


def test_secrets_are_fed_and_stand_in_no_list_of_processes(tmp_path):
    settings = read_settings({}, data=tmp_path)
    queue, *others = collector(settings, {}, "127.0.0.1", 8000)
    password = next(line.split()[1] for line in queue.feed.splitlines() if line.startswith("requirepass"))
    assert all(password not in word for one in (queue, *others) for word in one.command)
    assert all(password in one.environment["FLEXPRINT_REDIS_URL"] for one in others)
    assert all(one.environment["FLEXPRINT_PUBLIC_URL"] == "http://127.0.0.1:8000" for one in others)


def test_a_named_queue_is_used_and_none_started(tmp_path):
    environment = {"FLEXPRINT_REDIS_URL": "redis://elsewhere:6379/0", "FLEXPRINT_PUBLIC_URL": "https://fp.example"}
    children = collector(read_settings(environment, data=tmp_path), environment, "127.0.0.1", 8000)
    assert [one.name for one in children] == ["web application", "worker", "scheduler"]
    assert children[0].environment["FLEXPRINT_PUBLIC_URL"] == "https://fp.example"


def test_a_public_address_in_the_settings_file_reaches_every_part(tmp_path):
    file = tmp_path / "collector.env"
    file.write_text("FLEXPRINT_PUBLIC_URL=https://fp.example\n")
    environment = {"FLEXPRINT_SETTINGS_FILE": str(file)}
    for one in collector(read_settings(environment, data=tmp_path), environment, "127.0.0.1", 8000)[1:]:
        assert read_settings(one.environment).public_url == "https://fp.example"


def test_two_trees_do_not_share_a_folder(tmp_path):
    hold = "import sys; from flexprint_server.supervise import alone_in; from pathlib import Path\n"
    hold += "with alone_in(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(CannotStart, match="--data"), alone_in(tmp_path):
            pass
        other.stdin.close()
    with alone_in(tmp_path):
        pass


@pytest.mark.parametrize(
    ("host", "called"),
    [
        ("127.0.0.1", "127.0.0.1:80"),
        ("0.0.0.0", "127.0.0.1:80"),
        ("::", "[::1]:80"),
        ("::1", "[::1]:80"),
        ("fp", "fp:80"),
    ],
)
def test_the_address_people_are_given_can_be_called(host, called):
    assert address(host, 80) == called


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_nothing_is_left_when_the_tree_is_killed(tmp_path):
    """kill -9 of the parent: the kernel tells the children."""
    log = tmp_path / "log"
    program = f"""
        import os, sys
        from flexprint_server.supervise import Child, Tree
        sleeper = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
        Tree([Child("one", [sys.executable, "-c", sleeper, {str(log)!r}], os.environ)], print).run()
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)])
    wait_until(lambda: log.exists() and log.read_text() != "", "the start of the child")
    pid = int(log.read_text())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    wait_until(lambda: not lives(pid), "the end of the child")


def lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
