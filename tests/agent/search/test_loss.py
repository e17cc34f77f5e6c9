"""When silent addresses are asked another round, and that it finds what two passes alone would miss."""

import random

import pytest

from flexprint_agent.search.loss import MOST_ROUNDS, Loss, is_worth_another, missed

FINE, LATE, SLOW, LOST = (3, 0), (3, 0, "late"), (3, 3), (3, 1)
SILENT = (0, 0, "silent")


def shown(*devices):
    """The loss that devices showed: for each, the requests it answered, and those of them that were sent again."""
    loss = Loss()
    for answered, repeated, *how in devices:
        loss.begun()
        loss.ended(answered, repeated, late="late" in how, silent="silent" in how)
    return loss


@pytest.mark.parametrize(
    ("devices", "lossy"),
    [
        ([], False),
        ([FINE] * 10, False),
        ([FINE] * 9 + [LOST], False),  # one that is busy
        ([FINE] * 8 + [LOST] * 2, True),
        ([FINE] * 8 + [LOST, LATE], True),
        ([FINE] * 8 + [SLOW] * 2, False),  # they answer everything alike
        ([FINE] * 8 + [SILENT] * 2, False),  # fragile ones; nothing was seen to be lost
        ([FINE] * 8 + [SILENT, LOST], True),
        ([LOST], True),  # all there is
        ([LATE], True),
        ([FINE, FINE, LOST], True),
        ([SLOW], False),
        ([SILENT], False),
    ],
)
def test_the_network_is_lossy_when_devices_showed_that_it_is_not_they(devices, lossy):
    assert (shown(*devices).share() > 0) is lossy


def test_conversations_under_way_are_counted_until_they_end():
    loss = Loss()
    loss.begun()
    loss.begun()
    loss.ended(3, 0)
    assert loss.under_way == 1


@pytest.mark.parametrize(
    ("found", "share", "rounds"),
    [
        (0, 0.5, 1),
        (10, 0.0, 1),
        (250, 0.0, 1),
        (1, 0.02, 1),
        (10, 0.02, 2),
        (10, 0.2, 3),
        (10, 0.36, 5),
        (100, 0.36, 6),
        (250, 0.05, 3),
        (250, 0.9, MOST_ROUNDS),
    ],
)
def test_rounds_end_when_hardly_a_device_can_have_been_missed(found, share, rounds):
    done = 1
    while is_worth_another(found, share, done):
        done += 1
    assert done == rounds


def search(chance, devices, loses):
    """A search by chance: how many of the devices it misses, and in how many rounds."""
    speaks = [("v2c", "v1") if chance.random() < 0.9 else (chance.choice(("v2c", "v1")),) for _ in range(devices)]
    arrives = lambda: chance.random() >= loses and chance.random() >= loses  # noqa: E731
    loss, found, rounds = Loss(), set(), 0
    while True:
        rounds += 1
        for number, version in enumerate(("v2c", "v1")):
            fresh = {one for one in range(devices) if one not in found and version in speaks[one] and arrives()}
            for one in fresh:
                late = number == 1 and "v2c" in speaks[one]
                tries = [next((n for n in range(2) if arrives()), None) for _ in range(3)]
                loss.begun()
                loss.ended(sum(n is not None for n in tries), sum(n == 1 for n in tries), late=late)
            found |= fresh
        if not is_worth_another(len(found), loss.share(), rounds):
            return devices - len(found), rounds


@pytest.mark.parametrize(
    ("loses", "devices", "misses", "rounds"),
    [
        (0, 10, 0, 1),
        (0.01, 100, 0.01, 2.2),
        (0.1, 10, 0.05, 4),
        (0.2, 3, 0.15, 4.2),
        (0.2, 10, 0.05, 5),
        (0.2, 100, 0.05, 6),
    ],
)
def test_hardly_a_device_is_missed_however_much_is_lost(loses, devices, misses, rounds):
    """On average of many searches. Two passes alone miss 1.5 of 10 devices where a fifth is lost each way."""
    chance, searches = random.Random(7), 500
    results = [search(chance, devices, loses) for _ in range(searches)]
    assert sum(missing for missing, _ in results) / searches <= misses
    assert sum(done for _, done in results) / searches <= rounds


def test_two_passes_alone_would_miss_many_where_much_is_lost():
    assert missed(10, 0.36, 1) == pytest.approx(1.53, abs=0.01)
