"""Figures, times and states as people read them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from flexprint_server.dashboard import words

NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("age", "said"),
    [
        (timedelta(0), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=5, seconds=50), "5 min ago"),
        (timedelta(hours=3, minutes=59), "3 h ago"),
        (timedelta(days=6, hours=23), "6 d ago"),
        (timedelta(days=800), "114 wk ago"),
        (timedelta(seconds=-30), "just now"),
        (timedelta(hours=-3), "in 3 h"),
    ],
)
def test_an_age_is_told_in_the_largest_step_that_fits(age, said):
    assert words.ago(NOW - age, NOW) == said


def test_what_never_happened_is_never():
    assert words.ago(None, NOW) == "never"


def test_times_are_utc_and_say_so():
    assert words.full_time(NOW) == "2026-11-22 15:30:00 UTC"
    assert words.short_time(NOW) == "22 Nov 2026, 15:30"
    assert words.full_time(NOW, ZoneInfo("Asia/Tokyo")) == "2026-11-23 00:30:00 JST"


def test_a_clock_at_the_end_of_time_breaks_no_page():
    """An agent may say 9999; east of Greenwich the next year has begun, and there is none."""
    end = datetime(9999, 12, 31, 23, 59, tzinfo=UTC)
    assert words.full_time(end, ZoneInfo("Asia/Tokyo")) == "9999-12-31 23:59:00 UTC"
    assert words.short_time(end, ZoneInfo("Asia/Tokyo")) == "31 Dec 9999, 23:59"
    assert words.machine_time(NOW) == "2026-11-22T15:30:00Z"


@pytest.mark.parametrize(
    ("seconds", "said"), [(None, "–"), (0, "0 s"), (59, "59 s"), (3600, "1 h"), (90061, "1 d 1 h")]
)
def test_an_uptime_shows_its_two_largest_steps(seconds, said):
    assert words.uptime(seconds) == said


def supply(state, percent, kind="toner", color="black"):
    return {"state": state, "percent": percent, "kind": kind, "color": color, "name": "TK-1170"}


@pytest.mark.parametrize(
    ("given", "said", "weight"),
    [
        (supply("ok", 42), "42 %", "good"),
        (supply("low", 8), "Low, 8 %", "warn"),
        (supply("low", None), "Low", "warn"),
        (supply("empty", 0), "Empty", "bad"),
        (supply("some", None), "Some left", "quiet"),
        (supply("unknown", None), "Level not told", "quiet"),
        (supply("unlimited", None), "No limit", "quiet"),
        (supply("ok", 40, "wasteToner"), "40 % full", "good"),
        (supply("low", 95, "wasteToner"), "Nearly full, 95 %", "warn"),
        (supply("empty", 100, "wasteInk"), "Full", "bad"),
        (supply("<b>", None), "<b>", "quiet"),
    ],
)
def test_special_levels_are_words_and_never_numbers(given, said, weight):
    assert (words.level(given), words.weight(given)) == (said, weight)


@pytest.mark.parametrize(
    ("color", "kind", "ink"),
    [
        ("black", "toner", "black"),
        ("Photo Black", "ink", "black"),
        ("light cyan", "ink", "cyan"),
        ("Grey", "ink", "gray"),
        (None, "fuser", "none"),
        ("black", "wasteToner", "waste"),
        ("<script>", "toner", "none"),
    ],
)
def test_a_swatch_is_one_of_a_few_inks_whatever_the_device_says(color, kind, ink):
    assert words.ink(supply("ok", 1, kind, color)) == ink


@pytest.mark.parametrize(
    ("bit", "said"),
    [("jammed", ("Paper jam", "bad")), ("lowToner", ("Toner low", "warn")), ("oddNewBit", ("Odd new bit", "warn"))],
)
def test_error_bits_are_words(bit, said):
    assert words.error(bit) == said


@pytest.mark.parametrize(
    ("state", "errors", "health"),
    [
        ("idle", [], "good"),
        ("unknown", [], "quiet"),
        ("idle", ["lowToner"], "warn"),
        ("printing", ["lowToner", "jammed"], "bad"),
    ],
)
def test_health_is_the_worst_of_what_is_wrong(state, errors, health):
    assert words.health(state, errors) == health


def test_text_from_devices_is_one_line_without_what_hides_or_reorders():
    assert words.said("a\u202eb\x00c\nd") == "ab c d"
    assert words.said("x" * 10_000) == "x" * 255
    assert words.said(None) == ""
