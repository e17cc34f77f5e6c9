"""What a browser is called on the page of one's sessions."""

import pytest

from flexprint_server.dashboard.browsers import LONGEST, named


@pytest.mark.parametrize(
    ("user_agent", "expected"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox on Windows"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/141.0 Safari/537.36 Edg/141.0", "Edge on Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36", "Chrome on Linux"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1 Version/18.0 Safari/605.1", "Safari on macOS"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) CriOS/141.0 Mobile Safari/604.1", "Chrome on iPhone"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 SamsungBrowser/28.0 Chrome/130.0 Safari/537.36", "Samsung Internet on Android"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("", ""),
        ("Firefox", "Firefox"),
    ],
)  # fmt: skip
def test_a_browser_is_named_as_people_know_it(user_agent, expected):
    assert named(user_agent) == expected


@pytest.mark.parametrize("user_agent", ["x" * 5000, "\u202e<script>", "\x00\x1b[31m evil", "\ud800"])
def test_whatever_it_says_the_name_is_short_and_harmless(user_agent):
    name = named(user_agent)
    assert len(name) <= LONGEST
    assert name.isprintable()
