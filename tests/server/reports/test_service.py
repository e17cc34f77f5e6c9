"""Asking for a report: a row and its recipients, in the transaction of whoever asks."""

import pytest


def test_a_report_is_due_at_once_for_every_recipient(house):
    """Each with a Message-ID that no other mail has, of the domain that mails come from."""
    report = house.report(house.ask("a@example.com", "b@example.com", "A@example.com"))
    assert (report.state, report.next_attempt_at, report.attempts) == ("due", house.now, 0)
    assert [(delivery.recipient, delivery.state) for delivery in report.deliveries] == [
        ("a@example.com", "queued"),
        ("b@example.com", "queued"),
    ]
    ids = {delivery.message_id for delivery in report.deliveries}
    assert len(ids) == 2
    assert all(message_id.startswith("<") and message_id.endswith("@flexprint.example>") for message_id in ids)


@pytest.mark.parametrize("wrong", ["nonsense", "a@b@c", "a@example.com\r\nBcc: b@example.com", "x" * 1000, "a\ud800b"])
def test_what_is_no_address_shows_as_refused_and_keeps_nobody_else_waiting(house, wrong):
    """An agent is not believed; a batch is not lost for what stands in its recipients."""
    report = house.report(house.ask("a@example.com", wrong))
    assert [delivery.state for delivery in report.deliveries] == ["queued", "refused"]
    assert "flexprint-agent recipients" in (report.deliveries[1].answer or "")
