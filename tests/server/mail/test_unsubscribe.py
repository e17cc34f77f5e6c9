"""Links with which a reader without an account stops a list."""

from hypothesis import given
from hypothesis import strategies as st

from flexprint_server.mail.unsubscribe import Subscription, subscription_of, token_for

KEY, OTHER = "5e" * 32, "6f" * 32


@given(st.integers(1, 2**31), st.sampled_from(["site:7", "schedule:3", ""]), st.emails())
def test_a_link_says_whose_list_and_which_address(dealer, of, address):
    subscription = Subscription(dealer, of, address[:200])
    token = token_for(subscription, KEY)
    assert subscription_of(token, KEY) == subscription
    assert set(token) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
    assert subscription_of(token, OTHER) is None
    assert (
        subscription_of(token[:-1] + ("A" if token[-1] != "A" else "B"), KEY) is None or token[-1] in "AEIMQUYcgkosw048"
    )


@given(st.text(max_size=800))
def test_nobody_makes_one_up(token):
    assert subscription_of(token, KEY) is None
