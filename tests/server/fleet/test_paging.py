import pytest

from flexprint_server.fleet.paging import window


@pytest.mark.parametrize(
    ("counts", "before", "expected"),
    [
        ([], 0, ([], 0)),
        ([(1, 10)], 0, ([1], 0)),
        ([(1, 10), (2, 0), (3, 90)], 0, ([1, 3], 0)),
        ([(1, 10), (2, 0), (3, 90)], 50, ([3], 40)),
        ([(1, 50), (2, 50)], 50, ([2], 0)),
        ([(1, 50), (2, 50)], 100, ([], 0)),
        ([(1, 49), (2, 1), (3, 1)], 0, ([1, 2], 0)),
    ],
)
def test_a_page_lies_in_few_groups(counts, before, expected):
    assert window(counts, before, 50) == expected
