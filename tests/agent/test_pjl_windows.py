"""A page count in PJL by win32 calls: a named pipe stands in the place of the port that usbprint.sys gives a printer.

A pipe has no IEEE 1284 id, so what the device is asked for it is called, and answered with an error, alone.
"""

import json

import pytest

pytestmark = pytest.mark.system

PROGRAM = r"""
import _winapi, json, sys, threading
from flexprint_agent import pjl
from flexprint_agent.pjl import windows

PIPE = r"\\.\pipe\flexprint-till"
IN_BOTH_DIRECTIONS, BY_OCTET, ERROR_PIPE_CONNECTED = 3, 0, 535


def connect(pipe):
    try:
        _winapi.ConnectNamedPipe(pipe, overlapped=False)
    except OSError as error:
        if error.winerror != ERROR_PIPE_CONNECTED:  # the other side was quicker
            raise


def printer(answers):
    "Hears one question, and says these one after the other; gives what it heard."
    pipe = _winapi.CreateNamedPipe(PIPE, IN_BOTH_DIRECTIONS, BY_OCTET, 1, 4096, 4096, 0, 0)
    heard = []

    def serve():
        try:
            connect(pipe)
            heard.append(_winapi.ReadFile(pipe, 4096)[0].decode())
            for answer in answers:
                _winapi.WriteFile(pipe, answer)
            _winapi.ReadFile(pipe, 1)  # until the other side has closed
        except OSError:
            pass
        finally:
            _winapi.CloseHandle(pipe)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread, heard


def asked(answers, patience=2.0):
    thread, heard = printer(answers)
    port = windows._opened(PIPE)
    told = windows.ask(port, patience)
    port.close()
    thread.join()
    return told, heard


def counted(path):
    thread, heard = printer([])
    told = windows.page_count(path)
    thread.join()
    return told, heard


told = {
    "whole": asked([b"@PJL INFO PAGECOUNT\r\n4711\r\n\x0c"]),
    "in pieces": asked([b"@PJL INFO ", b"PAGECOUNT\r\n", b"PAGECOUNT=4711\r\n\x0c"]),
    "silent": asked([], 0.2),
    "something else": asked([b"@PJL USTATUS DEVICE\r\nCODE=10001\r\n\x0c"], 0.2),
    "no id": counted(PIPE),
    "nobody": windows.page_count(r"\\.\pipe\flexprint-nobody"),
}
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told(windows):
    done = windows.python("-c", PROGRAM)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("how", ["whole", "in pieces"])
def test_a_printer_that_speaks_pjl_tells_its_page_count(told, how):
    count, heard = told[how]
    assert count == 4711
    assert heard == ["\x1b%-12345X@PJL\r\n@PJL INFO PAGECOUNT\r\n\x1b%-12345X"]


@pytest.mark.parametrize("how", ["silent", "something else"])
def test_one_that_gives_no_count_is_waited_for_no_longer_than_was_said(told, how):
    assert told[how][0] is None


def test_nothing_is_written_to_what_does_not_say_that_it_knows_the_language(told):
    assert told["no id"] == [None, []]


def test_a_port_that_cannot_be_opened_gives_no_count(told):
    assert told["nobody"] is None
