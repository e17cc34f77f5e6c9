import pytest

from flexprint_agent.ipp import message
from flexprint_agent.ipp.client import Service
from flexprint_agent.search.spooler import cups, queues
from services import ipp

USB = {
    "printer-name": "front",
    "device-uri": "usb://HP/LaserJet%20400?serial=PHGB12",
    "printer-make-and-model": "HP LaserJet 400, hpcups",
    "printer-location": "Front desk\nby the \u202edoor",
    "printer-type": 0x9014,
    "printer-state": 3,
}


def listed(*groups, status=0):
    told = ipp.answer([(ipp.PRINTER, group) for group in groups], status)
    with ipp.Responder({message.CUPS_GET_PRINTERS: told}) as responder:
        return cups.queues(Service(port=responder.port)), responder.asked


def test_queues_are_listed_by_name_with_where_they_lead():
    found, asked = listed(USB, {"printer-name": "back", "device-uri": "socket://10.1.2.3:9100"})
    assert [(queue.name, queue.port.kind) for queue in found] == [("back", "network"), ("front", "local")]
    assert (found[1].driver, found[1].location) == ("HP LaserJet 400, hpcups", "Front desk by the door")
    assert b"user" not in asked[0]


def test_classes_and_fax_queues_are_left_out():
    assert (
        listed(USB | {"printer-type": 0x1}, USB | {"printer-type": 0x40000}, USB | {"printer-type": 0x10000})[0] == []
    )


def test_a_server_without_queues_has_none():
    assert listed(status=message.NOT_FOUND)[0] == []


def test_a_computer_without_a_spooler_has_no_queues(monkeypatch, tmp_path):
    monkeypatch.setattr(cups, "SOCKETS", (tmp_path / "none",))
    assert cups.queues() == []


@pytest.mark.parametrize(
    "odd",
    [
        {"printer-name": 7, "device-uri": "usb://a/b"},
        {"printer-name": "x", "device-uri": None},
        {"printer-name": "x", "device-uri": b"\xff\xff"},
        {"printer-name": "\x00\u202e", "device-uri": "usb://a/b"},
        {"device-uri": "usb://a/b"},
        {},
    ],
)
def test_an_odd_queue_does_not_take_the_others_along(odd):
    assert [queue.name for queue in listed(odd, USB)[0]] == ["front"]


def test_a_spooler_that_refuses_is_said():
    with pytest.raises(queues.NoSpooler, match="0x0403"):
        listed(status=0x0403)


def test_of_jobs_only_numbers_are_asked_for():
    told = ipp.answer([(ipp.JOB, {"job-id": 1, "job-state": 9, "job-impressions-completed": 3})])
    with ipp.Responder({message.GET_JOBS: told}) as responder:
        (job,) = cups.jobs("front desk/ü", Service(port=responder.port))
    assert job == {"job-id": [1], "job-state": [9], "job-impressions-completed": [3]}
    (asked,) = responder.asked
    assert b"ipp://localhost/printers/front%20desk%2F%C3%BC" in asked
    for private in (b"name", b"user", b"host", b"document"):
        assert private not in asked.replace(b"ipp://localhost", b"")
