"""What left the network, in clear, and what is masked."""

import json
from dataclasses import replace
from html import unescape

from flexprint_agent.keep.notes import LAST_LOG
from services.local_page import PRINTERS


def test_the_log_that_left_is_shown_in_clear_also_after_later_check_ins(person, keep):
    assert person.get("log").status_code == 404
    assert "The log" not in person.get("sent").text
    keep.notes.put(LAST_LOG, json.dumps({"at": "2026-11-22T08:00:00Z", "log": "2026 <b>40</b> printers read\n"}))
    assert "The log that your dealer asked for" in person.get("sent").text
    page = person.get("log").text
    assert "&lt;b&gt;40&lt;/b&gt; printers read" in page


def test_a_batch_is_shown_and_downloaded_as_it_left(set_up, keep, collector):
    set_up.get()
    set_up.post("read")
    set_up.running.work.wait(60)
    ((hashed, stored),) = collector.stored.values()
    assert "Batch 1" in set_up.get("sent").text
    page = unescape(set_up.get("batch?number=1").text)
    assert hashed.hex() in page
    assert f'"serial": [\n   "{PRINTERS[0].truth.serial}"' in page or PRINTERS[0].truth.serial in page
    answer = set_up.get("batch.json?number=1")
    assert answer.headers["content-disposition"] == 'attachment; filename="flexprint-batch-1.json"'
    assert json.loads(answer.content)["document"] == stored
    for number in ("2", "x", "", "99999999999999999999999"):
        assert set_up.get(f"batch?number={number}").status_code == 404
        assert set_up.get(f"batch.json?number={number}").status_code == 404


def test_what_is_masked_here_is_not_in_what_arrives(set_up, collector):
    set_up.get("sent")
    set_up.post("sent", {"mask_address": "on", "mask_location": "on", "mask_contact": "on", "mask_host": "on"})
    assert "It holds from the next batch on" in set_up.page
    set_up.post("read")
    set_up.running.work.wait(60)
    document = list(collector.stored.values())[-1][1]
    assert document["agent"]["host"] == ""
    told = json.dumps(document)
    for one in PRINTERS:
        assert f'"{one.address}"' not in told
        assert one.truth.location not in told
    set_up.get("sent")
    set_up.post("sent")
    assert set_up.get("sent").text.count(" checked") == 0


def test_what_a_device_says_is_text_and_nothing_else(person, keep, a_read):
    """A printer that is called like a script is shown, downloaded and linked as what it is: a name."""
    evil = a_read()
    evil = replace(evil, identity=replace(evil.identity, model='<img src=x onerror="alert(1)">', location="\u202egnp"))
    keep.keep_read(evil, {})
    (device,) = keep.devices.all()
    for path in ("", "printers", f"printer?id={device.id}"):
        page = person.get(path).text
        assert "<img src=x" not in page
    assert "&lt;img src=x" in person.get("printers").text
