from datetime import timedelta

import pytest

from flexprint_agent import settings
from flexprint_agent.settings import BadSetting


def test_a_site_that_chose_nothing_gets_the_defaults():
    chosen = settings.in_force({})
    assert chosen.communities == ("public",)
    assert chosen.snmp_versions == (1, 0)
    assert chosen.search_every == timedelta(hours=84)
    assert chosen.report_every == "daily"
    assert chosen.proxy is None


def test_secrets_are_not_in_the_repr():
    chosen = settings.in_force({"communities": "s3cret", "proxy_password": "hunter2"})
    assert "s3cret" not in repr(chosen)
    assert "hunter2" not in repr(chosen)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("communities", "public, office ,public", ("public", "office")),
        ("snmp_versions", "1", (0,)),
        ("snmp_timeout", "0.5", 0.5),
        ("packets_per_second", "50", 50),
        ("search_every", "30m", timedelta(minutes=30)),
        ("search_every", "7d", timedelta(days=7)),
        ("report_every", "never", "never"),
        ("proxy", "http://proxy.example.com:3128/", "http://proxy.example.com:3128"),
        ("proxy", "", None),
    ],
)
def test_values_are_read_as_people_write_them(name, text, value):
    assert settings.check(name, text) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("communities", ","),
        ("communities", "a,b,c,d,e,f"),
        ("communities", "pub\nlic"),
        ("communities", "x" * 65),
        ("snmp_versions", "3"),
        ("snmp_versions", "1,1"),
        ("snmp_timeout", "0"),
        ("snmp_timeout", "nan"),
        ("snmp_timeout", "-2"),
        ("snmp_retries", "1.5"),
        ("packets_per_second", "0"),
        ("search_every", "0h"),
        ("search_every", "2 weeks"),
        ("report_every", "hourly"),
        ("proxy", "proxy.example.com"),
        ("proxy", "http://me:secret@proxy:3128"),
        ("proxy", "socks5://proxy:1080"),
        ("ca", "a\0b"),
        ("colour", "blue"),
    ],
)
def test_a_wrong_value_is_refused_and_says_what_it_takes(name, text):
    with pytest.raises(BadSetting) as refusal:
        settings.check(name, text)
    assert refusal.value.exit_status == 2


def test_a_refused_secret_is_not_repeated():
    with pytest.raises(BadSetting) as refusal:
        settings.check("communities", "s3cret\a")
    assert "s3cret" not in str(refusal.value)


def test_a_proxy_with_its_user_is_taken_apart():
    """The password of http://user:password@proxy never stands in a setting that is printed."""
    assert settings.split_proxy("http://me%40home:p%3Aw@proxy.example.com:3128") == {
        "proxy": "http://proxy.example.com:3128",
        "proxy_user": "me@home",
        "proxy_password": "p:w",
    }


def test_a_proxy_without_a_user_forgets_the_user_of_the_one_before():
    assert settings.split_proxy("proxy:3128") == {
        "proxy": "http://proxy:3128",
        "proxy_user": "",
        "proxy_password": "",
    }


@pytest.mark.parametrize(
    "url",
    ["http://me:se#cret@proxy:3128", "http://me:se/cret@proxy", "http://me:se?cret@proxy", "http://me:secret@[x",
     "http://me:secret@proxy:abc", "http://me:secret@proxy:99999", "http://me:secret@proxy:0", "ftp://me:secret@p"],
)  # fmt: skip
def test_a_proxy_that_is_none_is_refused_without_repeating_its_password(url):
    with pytest.raises(BadSetting, match="%23") as refusal:
        settings.split_proxy(url)
    assert "cret" not in str(refusal.value)
