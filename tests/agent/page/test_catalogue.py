"""Every word stands in the catalogue, and every language has all of them."""

import ast
import re
import string
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from flexprint_agent.page import catalogue, frame, setup
from flexprint_agent.page.catalogue import PLURALS, languages, parse, spoken

PAGE = Path(catalogue.__file__).parent
ENGLISH = languages()["en"]


def fields(text):
    texts = [text] if isinstance(text, str) else text.values()
    return {name for one in texts for _, name, _, _ in string.Formatter().parse(one) if name}


@pytest.mark.parametrize("code", languages())
def test_each_language_says_everything_with_the_same_blanks(code):
    words = languages()[code]
    assert words.texts.keys() == ENGLISH.texts.keys()
    for key, text in words.texts.items():
        assert fields(text) == fields(ENGLISH.texts[key]), key
        assert all(one.strip() for one in ([text] if isinstance(text, str) else text.values())), key
        if not isinstance(text, str):
            forms = {PLURALS[words.formats["plural"]](number) for number in range(200)}
            assert text.keys() == forms, key
    assert len(words.formats["months"]) == 12


def keys_in_code():
    """The keys that pages ask for, as regular expressions: a part that is made up is anything."""
    for path in PAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            asked = node.args[:1] if name in ("words", "self", "has") else node.args[2:3] if name == "el_link" else []
            for argument in asked:
                if isinstance(argument, ast.Constant):
                    yield re.escape(argument.value)
                elif isinstance(argument, ast.JoinedStr):
                    yield "".join(
                        re.escape(part.value) if isinstance(part, ast.Constant) else r"[\w.]+"
                        for part in argument.values
                    )


def test_pages_ask_for_what_is_there_and_nothing_is_there_in_vain():
    asked = list(keys_in_code())
    for pattern in asked:
        assert any(re.fullmatch(pattern, key) for key in ENGLISH.texts), pattern
    used = "|".join([*asked, r"failure\.\w+", r"finding\.\w+", r"done\.\w+"])
    assert [key for key in ENGLISH.texts if not re.fullmatch(used, key)] == []


def test_rooms_and_steps_have_their_names():
    assert all(ENGLISH.has(f"{room}.nav") and ENGLISH.has(f"{room}.title") for room in frame.ROOMS)
    assert all(ENGLISH.has(f"setup.{step}") and ENGLISH.has(f"setup.{step}_title") for step in setup.STEPS)


def test_every_finding_of_the_doctor_has_its_words():
    """Those that the agent can have are listed where they are made."""
    from flexprint_agent.wake import health

    names = re.findall(r'Finding\(\s*"([a-z0-9-]+)"', Path(health.__file__).read_text("utf-8"))
    assert len(names) > 10
    for name in names:
        assert ENGLISH.has(f"finding.{name.replace('-', '_')}"), name
        assert ENGLISH.has(f"finding.{name.replace('-', '_')}_next"), name


def test_each_error_finds_the_nearest_words():
    from flexprint_agent.errors import AgentError
    from flexprint_agent.keep.errors import Busy, KeepError
    from flexprint_agent.send.errors import NotTrusted, Unreachable

    assert frame.failure_key(ENGLISH, NotTrusted("x")) == "failure.NotTrusted"
    assert frame.failure_key(ENGLISH, Unreachable("x")) == "failure.Unreachable"
    assert frame.failure_key(ENGLISH, Busy("x")) == "failure.Busy"
    assert frame.failure_key(ENGLISH, KeepError("x")) == "failure.AgentError"
    assert frame.failure_key(ENGLISH, AgentError("x")) == "failure.AgentError"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fr-FR,fr;q=0.9,de;q=0.5,en;q=0.4", "de"),
        ("en;q=0.3,de;q=0.7", "de"),
        ("de;q=0,en;q=0.1", "en"),
        ("tlh", "en"),
        ("de;q=nonsense, *", "en"),
        ("DE-de", "de"),
        ("," * 5000, "en"),
    ],
)
def test_the_language_is_the_one_that_the_browser_asks_for(asked, code):
    assert spoken(asked).code == code


def test_numbers_sizes_and_times_are_written_as_the_language_does():
    german = languages()["de"]
    assert (ENGLISH.number(1234567), german.number(1234567)) == ("1,234,567", "1.234.567")
    assert (ENGLISH.size(812), ENGLISH.size(5120), german.size(5120)) == ("812\u00a0B", "5.1\u00a0kB", "5,1\u00a0kB")
    assert ENGLISH.size(3_000_000_000_000) == "3,000\u00a0GB"
    assert ENGLISH.duration(80) == "1 min 20 s"
    assert german.duration(90061) == "1 Tag 1 Std."
    assert ENGLISH.duration(0.2) == "0 s"
    assert ENGLISH.date(date(2026, 11, 5)) == "5 November 2026"
    assert german.date(date(2026, 3, 5)) == "5. März 2026"
    assert ENGLISH("setup.found", count=1).startswith("1 printer found.")
    assert german("setup.found", count=2000).startswith("2.000 Drucker gefunden.")


def test_a_day_near_by_has_a_name():
    noon = datetime(2026, 11, 25, 12, 0, tzinfo=UTC).astimezone()
    assert ENGLISH.moment(noon - timedelta(days=1), noon).startswith("yesterday at ")
    assert ENGLISH.moment(noon + timedelta(days=1), noon).startswith("tomorrow at ")
    assert ENGLISH.moment(noon - timedelta(days=9), noon).startswith("16 November 2026 at ")


def test_a_time_of_twelve_hours_is_a_format_away():
    american = parse(
        "en-US",
        '[language]\nname = "American"\nplural = "one"\ndecimal = "."\nthousands = ","\n'
        'date = "{month} {day}, {year}"\ntime = "{hour12}:{minute:02} {half}"\n'
        f"months = {ENGLISH.formats['months']}\n",
    )
    assert [american.time(hour, 5) for hour in (0, 9, 12, 23)] == ["12:05 am", "9:05 am", "12:05 pm", "11:05 pm"]
    assert american.date(date(2026, 11, 5)) == "November 5, 2026"


@pytest.mark.parametrize(
    ("rule", "number", "form"),
    [("never", 1, "other"), ("one", 1, "one"), ("one", 0, "other"), ("zero-one", 0, "one"), ("zero-one", 2, "other")],
)
def test_plurals_follow_the_rule_of_the_language(rule, number, form):
    assert PLURALS[rule](number) == form
