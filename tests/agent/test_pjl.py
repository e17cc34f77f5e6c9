"""The page count over a cable, in the Printer Job Language."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flexprint_agent import pjl
from services.pjl import QUESTION, printer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such ports")

ID = "MFG:HP;MDL:LaserJet 400;CMD:PJL,PCLXL,URF;CLS:PRINTER;SN:PHGB12;"


@pytest.mark.parametrize(
    "answer",
    [
        b"@PJL INFO PAGECOUNT\r\n4711\r\n\x0c",
        b"@PJL INFO PAGECOUNT\r\nPAGECOUNT=4711\r\n\x0c",
        b'@PJL INFO PAGECOUNT \r\nPAGECOUNT = "4711"\r\n\x0c',
        b'@PJL USTATUS DEVICE\r\nCODE=10001\r\nDISPLAY="Ready"\r\n\x0c@PJL INFO PAGECOUNT\n4711\n\x0c',
    ],
)
def test_a_printer_that_speaks_pjl_tells_its_page_count(tmp_path, answer):
    with printer(tmp_path, ID, answer) as (folders, written):
        assert pjl.page_count("PHGB12", **folders) == 4711
    assert written == [QUESTION]


@pytest.mark.parametrize(
    ("told", "serial"),
    [
        (ID.replace("PJL,", ""), "PHGB12"),  # it would print what it does not understand
        (ID.replace("PJL", "PJLX"), "PHGB12"),
        (ID, "PHGB13"),
        (ID, None),
        ("", "PHGB12"),
    ],
)
def test_nothing_is_written_to_a_printer_that_may_not_know_the_language_or_is_another(tmp_path, told, serial):
    with printer(tmp_path, told, b"") as (folders, written):
        assert pjl.page_count(serial, **folders) is None
    assert written == []


def test_a_printer_without_a_port_or_with_one_that_is_taken_has_no_count(tmp_path):
    assert pjl.page_count("PHGB12", ports=tmp_path / "none", devices=tmp_path) is None
    assert pjl.ask(tmp_path / "lp0") is None


def test_a_printer_that_says_nothing_is_waited_for_no_longer_than_that(tmp_path):
    with printer(tmp_path, ID, b"@PJL INFO PAGECOUNT\r\n") as (folders, _):
        assert pjl.ask(folders["devices"] / "lp0", patience=0.05) is None


@pytest.mark.parametrize(
    "heard",
    [b"", b"4711\r\n", b'@PJL INFO PAGECOUNT\r\n"?"\r\n\x0c', b"@PJL INFO PAGECOUNT\r\n9999999999\r\n", b"@PJL INFO PAGECOUNT\r\n-1\r\n"],
)  # fmt: skip
def test_what_is_no_count_is_none(heard):
    assert pjl.parse(heard) is None


@given(st.binary(max_size=300))
def test_noise_is_no_count_and_does_no_harm(heard):
    count = pjl.parse(heard)
    assert count is None or 0 <= count <= pjl.LARGEST
