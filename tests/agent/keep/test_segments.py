"""What is remembered of segments: who named them, when, and what becomes of one that nobody names any more."""

from datetime import timedelta

import pytest

ROUTER, OTHER = "10.1.0.1", "10.1.0.2"
B, C, D = "10.1.2.0/24", "10.1.3.0/24", "10.1.4.0/24"


@pytest.fixture
def learn(keep, now):
    """One look at the routers, an hour after the one before."""
    hours = iter(range(100))

    def look(*named, whole=(ROUTER,), selected=()):
        keep.segments.learn(named, whole, selected, now + timedelta(hours=next(hours)))
        return {one.cidr: one for one in keep.segments.all()}

    return look


def test_a_segment_is_remembered_with_who_named_it_and_since_when(learn, now):
    learn((B, "gateway", ROUTER))
    known = learn((B, "gateway", ROUTER))[B]
    assert (known.source, known.router, known.gone) == ("gateway", ROUTER, False)
    assert (known.first_seen_at, known.last_seen_at) == (now, now + timedelta(hours=1))


def test_one_that_is_named_no_more_is_forgotten_unless_it_is_selected(learn, now):
    learn((B, "gateway", ROUTER), (C, "gateway", ROUTER), (D, "gateway", ROUTER))
    known = learn((D, "gateway", ROUTER), selected=[C])
    assert set(known) == {C, D}
    assert known[C].gone
    assert known[C].last_seen_at == now
    assert not known[D].gone


def test_one_that_comes_back_is_there_again(learn, now):
    learn((B, "gateway", ROUTER))
    learn(selected=[B])
    known = learn((B, "gateway", ROUTER), selected=[B])
    assert not known[B].gone
    assert known[B].first_seen_at == now


def test_a_router_that_told_nothing_or_not_all_takes_nothing_back(learn):
    learn((B, "gateway", ROUTER), (C, "hop", OTHER), whole=(ROUTER, OTHER))
    assert set(learn(whole=())) == {B, C}
    assert set(learn(whole=(OTHER,))) == {B}


def test_of_two_that_name_one_segment_the_last_counts(learn):
    """The nearest is named last."""
    known = learn((B, "hop", OTHER), (B, "gateway", ROUTER), (B, "local", ""))
    assert known[B].source == "local"
    assert learn((B, "gateway", ROUTER), whole=(ROUTER, ""))[B].source == "gateway"
