import pytest

from flexprint_agent.search.spooler.print_counters import by_queue, folded


@pytest.mark.parametrize("spelled", ["HP LaserJet (Copy 1)", "HP LaserJet [Copy 1]", "hp laserjet _copy 1_"])
def test_a_queue_is_known_by_its_name_however_the_counter_spells_it(spelled):
    assert folded(spelled) == folded("HP LaserJet (Copy 1)")


def test_the_sum_of_all_queues_is_none():
    assert by_queue([("Till", 7), ("_Total", 9), ("Front", 2)]) == {"till": 7, "front": 2}


def test_what_two_queues_of_one_name_say_is_nobodys():
    assert by_queue([("Till #1", 7), ("Till /1", 9), ("Front", 2)]) == {"front": 2}


def test_a_negative_count_is_none():
    assert by_queue([("Till", -1)]) == {}
