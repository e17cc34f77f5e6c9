"""The demo notices what went wrong and says so."""

import io
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path

import pytest
from openpyxl import Workbook

from lab import demo, stage
from lab.office import grown, office

OFFICE = office()
PRINTERS = [one for one in OFFICE if one.truth]


def found():
    """What a perfect search prints under `found`."""
    return [{"address": one.address, "printer": one.truth is not None} for one in OFFICE]


def reads():
    """What a perfect read prints, line by line."""
    return [
        {
            "address": one.address,
            "identity": {"serial": one.truth.serial},
            "meters": [{"name": "total", "value": one.truth.total}] if one.truth.total is not None else [],
            "error": None,
        }
        for one in PRINTERS
    ]


def test_a_perfect_search_has_nothing_wrong():
    assert demo.missed(OFFICE, found()) == []


def test_a_printer_that_was_not_found_and_a_decoy_that_was_are_named():
    printer, decoy = PRINTERS[0], next(one for one in OFFICE if one.kind == "Windows server")
    searched = [one for one in found() if one["address"] != printer.address]
    searched = [one | {"printer": one["printer"] or one["address"] == decoy.address} for one in searched]
    assert demo.missed(OFFICE, searched) == [
        f"not found: {printer.truth.maker} {printer.truth.model} at {printer.address}",
        f"taken for a printer: Windows server at {decoy.address}",
    ]


def test_perfect_reads_have_nothing_wrong():
    assert demo.misread(OFFICE, reads()) == []


def test_a_wrong_total_a_silent_printer_and_a_missing_read_are_named():
    wrong, silent, missing, *rest = reads()
    wrong["meters"][0]["value"] += 1
    silent["error"] = "no answer"
    complaints = demo.misread(OFFICE, [wrong, silent, *rest])
    assert len(complaints) == 3
    assert str(PRINTERS[0].truth.total + 1) in complaints[0]
    assert complaints[1:] == [
        f"no read of {silent['address']}: no answer",
        f"no read of {missing['address']}: it is not in the list",
    ]


def workbook(printers):
    book = Workbook()
    for one in printers:
        book.active.append(["Fenwick & Lund", one.truth.serial, one.truth.total])
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def test_a_workbook_that_lacks_a_printer_or_shows_a_wrong_total_is_noticed():
    assert demo.absent(OFFICE, workbook(PRINTERS)) == []
    truth = PRINTERS[0].truth
    complaint = [f"not in the workbook: {truth.serial} with {truth.total}"]
    assert demo.absent(OFFICE, workbook(PRINTERS[1:])) == complaint
    assert demo.absent(OFFICE, workbook([grown(PRINTERS[0], 1), *PRINTERS[1:]])) == complaint


def test_the_workbook_is_taken_out_of_the_mail_under_a_name_without_a_folder():
    mail = EmailMessage()
    mail["Subject"] = "Zählerstände"
    mail.set_content("Attached.")
    assert demo.attached_workbook(mail.as_bytes()) is None
    kind, subtype = demo.XLSX.split("/")
    mail.add_attachment(b"PK workbook", maintype=kind, subtype=subtype, filename="../Meters Büro.xlsx")
    assert demo.attached_workbook(mail.as_bytes()) == ("Meters Büro.xlsx", b"PK workbook")


def test_a_taken_port_is_not_taken_again():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert demo.tcp_port(port) != port


def test_the_office_opens_on_another_port_where_its_own_is_taken(monkeypatch):
    first = demo.open_lab([])
    try:
        monkeypatch.setattr(demo, "DEFAULT_PORT", first.port)
        second = demo.open_lab([])
        second.close()
        assert second.port != first.port
    finally:
        first.close()


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 bytes"), (999, "999 bytes"), (5120, "5.1 kB"), (1_234_567, "1.2 MB")]
)
def test_octets_are_said_for_people(count, text):
    assert demo.octets(count) == text


def test_settings_of_another_flexprint_do_not_reach_the_demo(monkeypatch, tmp_path):
    monkeypatch.setenv("FLEXPRINT_DATABASE_URL", "postgresql://billing.example/live")
    monkeypatch.setenv("FLEXPRINT_SMTP_URL", "smtp://mail.example")
    mine = {name: value for name, value in stage.environment(tmp_path).items() if name.startswith("FLEXPRINT_")}
    assert mine == {"FLEXPRINT_DATA": str(tmp_path)}


def test_a_program_that_fails_is_named_and_its_words_are_kept(tmp_path):
    log = tmp_path / "commands.log"
    program = "import sys; print('half done'); print('disk is full', file=sys.stderr); sys.exit(3)"
    with pytest.raises(stage.StepFailed, match="exit status 3") as failed:
        stage.finished([sys.executable, "-c", program], log, dict(os.environ))
    assert failed.value.log == log
    assert "disk is full" in stage.tail(log)
    assert "half done" in stage.tail(log)


def test_a_child_that_ends_too_early_ends_the_wait(tmp_path):
    child = stage.Child(
        [sys.executable, "-c", "print('no such table'); raise SystemExit(4)"], tmp_path / "collector.log", os.environ
    )
    with pytest.raises(stage.StepFailed, match="collector ended with exit status 4"):
        stage.until(lambda: None, "it was not ready", [child])
    assert "no such table" in stage.tail(child.log)


def test_waiting_has_an_end(tmp_path):
    with pytest.raises(stage.StepFailed, match="no workbook was mailed within 0 s"):
        stage.until(lambda: None, "no workbook was mailed", [], seconds=0)


def test_steps_are_said_in_plain_lines_where_there_is_no_terminal():
    out = io.StringIO()
    screen = stage.Screen(out)
    with screen.step("Reading the printers") as told:
        told("52 reads")
    with pytest.raises(stage.StepFailed), screen.step("Sending, sealed"):
        raise stage.StepFailed("refused")
    first, second = out.getvalue().splitlines()
    assert first.startswith("  ✓ Reading the printers: 52 reads  (")
    assert second == "  ✗ Sending, sealed"


AGENT = """#!{python}
import json, sys, time
if sys.argv[3] == "search":
    {search}
"""
SERVER = """#!{python}
import http.server, sys
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
if sys.argv[1] == "up":
    http.server.HTTPServer(("127.0.0.1", int(sys.argv[-1])), Ready).serve_forever()
print("some-key")
"""


@pytest.fixture
def start_demo(tmp_path):
    """Starts the demo as a program; only the two programs it starts are exchanged: for a collector that is
    ready at once and an agent whose search does what the test says."""
    scripts, place = tmp_path / "bin", tmp_path / "demo"
    scripts.mkdir()
    running = []

    def start(search: str) -> subprocess.Popen:
        for name, program in (("flexprint-agent", AGENT), ("flexprint-server", SERVER)):
            path = scripts / name
            path.write_text(program.replace("{python}", sys.executable).replace("{search}", search))
            path.chmod(0o755)
        program = (
            "import sys; from pathlib import Path; from lab import demo, stage\n"
            f"stage.sysconfig.get_path = lambda _: {str(scripts)!r}\n"
            f"demo.PLACE = Path({str(place)!r})\n"
            "sys.exit(demo.main(['--once']))\n"
        )
        environment = {**os.environ, "PYTHONPATH": str(Path(demo.__file__).parents[1])}
        running.append(
            subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True)
        )
        return running[-1]

    yield start
    for one in running:
        one.kill()
        one.wait()
        one.stdout.close()
    nothing_runs(tmp_path)


def nothing_runs(place: Path) -> None:
    """Returns once no program that names this folder is left; what got its signal may take a moment to end."""
    deadline = time.monotonic() + 10
    while left := programs_of(place):
        assert time.monotonic() < deadline, left
        time.sleep(0.01)


def programs_of(place: Path) -> list[bytes]:
    """Command lines of running programs that name this folder."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended
            lines.append(path.read_bytes())
    return [line for line in lines if str(place).encode() in line and b"sys.exit(demo.main" not in line]


def test_a_demo_whose_search_finds_nothing_fails_says_where_and_leaves_nothing_running(start_demo, tmp_path):
    running = start_demo('print(json.dumps({"found": [], "packets": 0}))')
    said, _ = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "Failed: searching 634 addresses" in said
    assert f"not found: {PRINTERS[0].truth.maker}" in said
    assert f"and {len(PRINTERS) - 8} more" in said
    assert "flexprint-agent --home" in said
    nothing_runs(tmp_path)


def test_an_agent_that_fails_is_quoted(start_demo):
    running = start_demo('sys.exit("no segment was chosen")')
    said, _ = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "flexprint-agent ended with exit status 1" in said
    assert "no segment was chosen" in said


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_everything(start_demo, tmp_path, how):
    running = start_demo("time.sleep(600)")
    while "Enrolling" not in (line := running.stdout.readline()):
        assert line, "the demo ended before the search"
    running.send_signal(how)
    assert running.wait(30) == 130
    nothing_runs(tmp_path)
