"""Subjects and file names as people word them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flexprint_server.reports.wording import FIELDS, FILE_NAME, LONGEST, SUBJECT, Facts, TemplateUnfit, check, filled

FACTS = Facts(
    name="Monthly meters", customer="Harbour Dental", site="all sites", made_at=datetime(2026, 11, 2, 7, tzinfo=UTC),
    printers=1042, since=datetime(2026, 10, 1, tzinfo=UTC), until=datetime(2026, 11, 1, tzinfo=UTC),
)  # fmt: skip


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (SUBJECT, "Printer report: Monthly meters (1,042 printers)"),
        (FILE_NAME, "Printers Monthly meters 2026-11-02 0700"),
        ("{customer} {month}: {from} to {to}", "Harbour Dental 2026-10: 2026-10-01 to 2026-10-31"),
        ("Nothing to fill in", "Nothing to fill in"),
        ("", ""),
    ],
)
def test_names_in_braces_are_filled_in(template, text):
    assert filled(template, FACTS) == text


def test_without_volume_the_month_is_the_last_one():
    plain = Facts("n", "c", "s", datetime(2026, 1, 5, tzinfo=UTC), 1)
    assert filled("{month} {from} {to} {printers}", plain) == "2025-12 2026-01-05 2026-01-05 1 printer"


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        ("{nmae}", r"\{nmae\} is unknown; what may stand in braces is \{name\}, \{customer\}"),
        ("{}", r"\{\} is unknown"),
        ("{name.__class__}", r"\{name.__class__\} is unknown"),
        ("{name!r}", "is unknown"),
        ("{printers:>1000000000}", "is unknown"),
        ("{date", "stands alone"),
        ("date}", "stands alone"),
        ("{{date}}", "stands alone"),
        ("x" * (LONGEST + 1), "201 characters"),
    ],
)
def test_what_cannot_be_filled_in_is_named(template, fault):
    """A template is text: no attributes, no formats, nothing that could be asked of Python."""
    with pytest.raises(TemplateUnfit, match=fault):
        check(template)


@given(st.text(max_size=60), st.sampled_from(sorted(FIELDS)), st.text(max_size=300))
def test_whatever_is_filled_in_stays_one_line(before, field, name):
    facts = Facts(name, name, name, FACTS.made_at, 3)
    template = before.replace("{", "").replace("}", "") + f"{{{field}}}"
    assert len(filled(template, facts).splitlines()) <= 1
