"""What people type, retire, settle, merge, split and confirm on the pages, and the pages of alerts and missing reads."""

import re
from datetime import UTC, timedelta
from html import unescape
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select, update

from flexprint_server.alerts import watch
from flexprint_server.alerts.models import Alert
from flexprint_server.fleet.models import Device, DeviceEvent, DeviceKey, Doubt, MeterEpoch, Read
from flexprint_server.tenants.models import Agent, AuditEntry, SettingValue, User
from services.pages import ALICE, NOW, fields


@pytest.fixture
def printer(fleet):
    """A device with keys of its own, and another one."""
    with fleet.transaction() as session:
        first, second = session.scalars(select(Device).order_by(Device.id).limit(2))
        for device in (first, second):
            serial = f"serial:{device.manufacturer.lower()}:{device.serial}"
            for key in (serial, f"mac:{device.macs[0].replace(':', '')}"):
                session.add(DeviceKey(dealer_id=device.dealer_id, key=key, device_id=device.id))
        return first


def other(fleet):
    with fleet.reading() as session:
        return session.scalars(select(Device).order_by(Device.id).offset(1).limit(1)).one()


def shown(visit, path):
    answer = visit.get(path)
    assert answer.status_code == 200
    return unescape(answer.text)


def send(visit, path, page=None, **form):
    return visit.post(path, {**fields(visit.get(page or path.rpartition("/")[0]).text), **form})


def device(fleet, device_id):
    with fleet.reading() as session:
        return session.get_one(Device, device_id)


def test_labels_are_typed_shown_searched_and_audited(alice, fleet, printer):
    path = f"/devices/{printer.id}"
    answer = send(alice, f"{path}/labels", asset="ASSET-77", name="", location="2nd floor", note="by the door <b>")
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    page = shown(alice, path)
    assert "ASSET-77" in page
    assert "by the door <b>" in page
    assert f'href="{path}"' in alice.get("/devices?q=asset-77").text
    with fleet.reading() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.what == "device.labelled")).one()
    assert entry.after == {"asset": "ASSET-77", "location": "2nd floor", "note": "by the door <b>"}
    history = shown(alice, f"{path}/identity").split("What happened", 1)[1].split("</section>", 1)[0]
    assert "Labels typed" in history
    assert ALICE in history
    assert "asset ASSET-77, location 2nd floor" in history
    send(alice, f"{path}/labels", asset="", name="", location="", note="")
    assert f'href="{path}"' not in alice.get("/devices?q=asset-77").text


def test_a_device_is_retired_and_brought_back(alice, fleet, printer):
    path = f"/devices/{printer.id}"
    send(alice, f"{path}/retire", path, retired="yes")
    assert f'href="{path}"' not in alice.get(f"/devices?q={printer.serial}").text
    assert f'href="{path}"' in alice.get(f"/devices?q={printer.serial}&show=retired").text
    assert "Retired" in shown(alice, path)
    assert ALICE in shown(alice, f"{path}/identity").split("Retired", 1)[1].split("</li>", 1)[0]
    send(alice, f"{path}/retire", path, retired="no")
    assert f'href="{path}"' in alice.get(f"/devices?q={printer.serial}").text


def test_two_devices_are_merged_by_serial_and_that_is_undone(alice, fleet, printer):
    path, second = f"/devices/{printer.id}", other(fleet)
    with fleet.reading() as session:
        reads = session.scalar(select(func.count()).where(Read.device_id == printer.id))
    answer = send(alice, f"{path}/merge", f"{path}/identity", other=second.serial, note="the same machine")
    assert answer.headers["location"] == f"{path}/identity"
    assert "was merged into" in shown(alice, f"/devices/{second.id}")
    page = shown(alice, f"{path}/identity")
    assert "the same machine" in page
    (undo,) = re.findall(r'action="([^"]*/undo)"', page)
    send(alice, undo, f"{path}/identity")
    with fleet.reading() as session:
        assert session.scalar(select(func.count()).where(Read.device_id == printer.id)) == reads
        assert session.get_one(Device, second.id).in_fleet


@pytest.mark.parametrize("typed", ["", "0", "999999", "no such serial", "9" * 30, "\x00", "'; DROP TABLE device; --"])
def test_what_names_no_device_is_told_and_changes_nothing(alice, printer, typed):
    path = f"/devices/{printer.id}"
    answer = send(alice, f"{path}/merge", f"{path}/identity", other=typed)
    assert answer.status_code == 422
    assert "There is no such device" in answer.text


@pytest.mark.parametrize("zone", [UTC, ZoneInfo("Asia/Tokyo")])
def test_a_device_is_split_by_the_keys_of_the_other(alice, fleet, printer, zone):
    """Since an instant by the clock that the page goes by."""
    with fleet.transaction() as session:
        place = {"dealer_id": printer.dealer_id, "place": f"dealer:{printer.dealer_id}"}
        session.add(SettingValue(**place, name="time_zone", value=str(zone), set_at=NOW))
    path = f"/devices/{printer.id}"
    form = re.findall(r'name="(key-\d+)" value="(mac:[^"]*)"', alice.get(f"{path}/identity").text)
    since = (printer.last_read_at - timedelta(days=1, hours=1)).astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S")
    answer = send(alice, f"{path}/split", f"{path}/identity", since=since, **dict(form))
    made = answer.headers["location"]
    assert "Split from" in shown(alice, made)
    with fleet.reading() as session:
        number = int(made.split("/")[2])
        assert session.scalar(select(func.count()).where(Read.device_id == number)) == 2


@pytest.mark.parametrize(
    "since", ["", "yesterday", "9999-99-99", "0001-01-01T00:00:00+23:59", "2026-11-22T00:00:00+99:99"]
)
def test_an_instant_that_is_none_is_told(alice, printer, since):
    path = f"/devices/{printer.id}"
    assert send(alice, f"{path}/split", f"{path}/identity", since=since).status_code == 422


@pytest.mark.parametrize(("verdict", "left"), [("same", False), ("different", True)])
def test_a_doubt_is_shown_on_both_devices_and_settled(alice, fleet, printer, verdict, left):
    second = other(fleet)
    with fleet.transaction() as session:
        key = f"mac:{printer.macs[0].replace(':', '')}"
        told = {"key": key, "reason": "card_or_board", "seen_at": NOW}
        session.add(Doubt(dealer_id=printer.dealer_id, device_id=second.id, other_id=printer.id, **told))
    for one in (printer, second):
        assert "In doubt" in shown(alice, f"/devices/{one.id}")
    page = shown(alice, f"/devices/{second.id}/identity")
    (action,) = re.findall(r'action="([^"]*/doubts/\d+)"', page)
    answer = send(alice, action, f"/devices/{second.id}/identity", verdict=verdict)
    assert answer.status_code == 303
    assert device(fleet, second.id).in_fleet == left
    assert "In doubt" not in alice.get(f"/devices/{printer.id}").text


def test_a_counter_that_went_down_is_confirmed_with_one_click_and_a_note(alice, fleet, printer):
    with fleet.transaction() as session:
        for meter, before, after in (("total", 7342, 12), ("scan", 46, 0)):
            epoch = {"meter": meter, "before_at": NOW, "value_before": before, "at": NOW, "value_after": after}
            session.add(MeterEpoch(dealer_id=printer.dealer_id, device_id=printer.id, guess="reset", **epoch))
    path = f"/devices/{printer.id}"
    page = shown(alice, path)
    assert "Total went down" in page
    action = re.findall(r'action="([^"]*/epochs/\d+)"', page)[0]
    send(alice, action, path, cause="board", note="SO-4711")
    assert "went down" not in alice.get(path).text
    with fleet.reading() as session:
        epochs = session.scalars(select(MeterEpoch)).all()
        assert {(epoch.cause, epoch.note, epoch.confirmed_by) for epoch in epochs} == {("board", "SO-4711", ALICE)}
    assert send(alice, action, path, cause="no cause").status_code == 404


def test_two_agents_of_a_device_are_shown_with_who_owns_it(alice, printer):
    page = shown(alice, f"/devices/{printer.id}")
    assert "Read by" in page
    assert "On stand-by" not in page


def test_alerts_are_listed_taken_care_of_and_kept(alice, fleet):
    with fleet.transaction() as session:
        session.execute(update(Agent).values(last_seen_at=NOW - timedelta(days=4)))
        watch.look(session, NOW, NOW - timedelta(days=30))
    page = shown(alice, "/alerts")
    assert "Agent silent" in page
    assert "Ask the customer's IT" in page
    action = re.findall(r'action="(/alerts/\d+/acknowledge)"', page)[0]
    answer = send(alice, action, "/alerts", note="they are on holiday")
    assert answer.status_code == 303
    assert action not in alice.get("/alerts").text
    assert "they are on holiday" in shown(alice, "/alerts?show=over")
    assert send(alice, action, "/alerts").status_code == 404


@pytest.mark.parametrize(
    "path", ["/alerts?kind=agent_silent", "/alerts?kind=none&show=over&before=x", "/alerts?before=1"]
)
def test_the_list_of_alerts_takes_any_address(alice, path):
    assert alice.get(path).status_code == 200


def test_missing_reads_name_the_reason_and_the_one_thing_to_do(alice, fleet):
    page = shown(alice, "/missing")
    assert "Device silent" in page
    assert "1 Dec 2026, 00:00" in page
    with fleet.transaction() as session:
        session.execute(update(Agent).values(last_seen_at=NOW - timedelta(days=4)))
        session.execute(update(Device).values(last_read_at=NOW - timedelta(days=4), contact="Ms Ek, ext. 40"))
        watch.look(session, NOW, NOW - timedelta(days=30))
    page = shown(alice, "/missing?reason=agent_silent&page=99")
    assert "Contact: <bdi>Ms Ek, ext. 40</bdi>" in page
    assert "Ms Ek, ext. 40" in alice.get("/missing.csv").text
    assert "run flexprint-agent doctor there" in page
    assert "Previous" in page


def test_a_device_that_names_itself_with_markup_is_shown_as_text(alice, fleet, printer):
    with fleet.transaction() as session:
        evil = "<script>alert(1)</script>"
        values = {"model": evil, "serial": evil, "last_read_at": NOW - timedelta(days=9), "supply_low": True}
        session.execute(update(Device).where(Device.id == printer.id).values(values))
        event = {"at": NOW, "what": "board_swapped", "before": evil, "after": evil}
        session.add(DeviceEvent(dealer_id=printer.dealer_id, device_id=printer.id, **event))
        session.add(DeviceKey(dealer_id=printer.dealer_id, key=f"serial:x:{evil}", device_id=printer.id))
        watch.look(session, NOW, NOW - timedelta(days=30))
    for path in ("/alerts", "/missing", f"/devices/{printer.id}", f"/devices/{printer.id}/identity"):
        page = alice.get(path).text
        assert "<script" not in page
        assert "alert(1)" in page


def test_a_viewer_sees_it_all_and_has_no_button(alice, fleet, printer):
    with fleet.transaction() as session:
        session.execute(update(User).where(User.email == ALICE).values(role="viewer"))
        watch.look(session, NOW, NOW - timedelta(days=30))
    for path in ("/alerts", "/missing", f"/devices/{printer.id}", f"/devices/{printer.id}/identity"):
        page = alice.get(path).text
        assert set(re.findall(r'method="post" action="([^"]*)"', page)) <= {"/sign-out"}


def test_another_dealers_alerts_and_devices_are_out_of_reach(bob, fleet, printer):
    with fleet.transaction() as session:
        watch.look(session, NOW, NOW - timedelta(days=30))
        alert = session.scalar(select(func.min(Alert.id)))
    token = fields(bob.get("/").text)
    assert bob.post(f"/alerts/{alert}/acknowledge", token).status_code == 404
    for deed in ("labels", "retire", "epochs/1", "changes/1/undo", "doubts/1"):
        assert bob.post(f"/devices/{printer.id}/{deed}", {**token, "cause": "board"}).status_code == 404
    assert bob.post(f"/devices/{printer.id}/merge", {**token, "other": printer.serial}).status_code == 404
