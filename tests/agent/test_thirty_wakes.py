"""A site of five hundred printers, woken thirty times in a row: nothing leaks, nothing is missed. Takes minutes."""

import gc
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flexprint_agent import wake
from flexprint_agent.keep import Keep
from flexprint_agent.wake import choosing, planning
from flexprint_agent.wake.chosen import in_force
from flexprint_shared.times import parse_rfc3339
from lab.office import _placed as placed
from lab.office import office
from lab.site import BEYOND_LOOPBACK, Lab

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(sys.platform != "linux", reason="/proc says what a process holds"),
]

PRINTERS, WAKES, SETTLED = 500, 30, 8
NOON = datetime(2099, 11, 23, 12, 0, tzinfo=UTC)


def large_site():
    """PRINTERS of one model, each with an identity of its own, that answer at once."""
    one = next(one.machine for one in office() if one.truth and one.truth.model.startswith("ECOSYS P"))
    for number in range(PRINTERS):
        high, low = divmod(number, 250)
        yield placed(
            replace(
                one,
                address=f"127.40.{high}.{low + 1}",
                serial=f"VD4{number:07}",
                mac=f"00:17:c8:40:{high:02x}:{low:02x}",
                place=number,
            )
        )


def held():
    """KiB of memory of this process's own, files that it has open, threads."""
    gc.collect()
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]
    private = sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
    return private, len(list(Path("/proc/self/fd").iterdir())), len(list(Path("/proc/self/task").iterdir()))


def test_thirty_wakes_of_a_large_site_leak_nothing_and_miss_nothing(collector, tmp_path):
    with Lab(large_site()) as lab, Keep(tmp_path / "home") as keep:
        choosing.enroll(keep, choosing.Wanted(collector.url, "KEY", insecure_loopback=True), lambda: NOON)
        keep.choices.set(dict.fromkeys(BEYOND_LOOPBACK, "off") | {"search_timeout": "0.5"}, ())
        keep.choices.add_targets([f"{address}:{lab.port}" for address in lab.devices], NOON)
        at, marks, sizes = NOON, [], []
        for number in range(WAKES):
            settings = in_force(keep)
            woken = wake.wake(keep, settings, lambda at=at: at, due=planning.due(keep, settings, at))
            assert woken.failure is None, woken.failure
            assert (woken.result["read"], woken.result["silent"]) == (PRINTERS, 0), number
            assert len({serial for serial, _ in collector.reads()}) == len(collector.reads()) == PRINTERS, number
            collector.stored.clear()  # it remembers in this very process what it was given
            collector.check_ins.clear()
            marks.append(held())
            sizes.append(keep.database.value("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"))
            at = parse_rfc3339(woken.result["next_wake_at"])
        assert keep.database.value("SELECT sum(reads) FROM batches") == PRINTERS * WAKES
        assert keep.spool.pending() == keep.spool.count("waiting") == 0
    memory, files, threads = zip(*marks, strict=True)
    a_read = (sizes[-1] - sizes[SETTLED]) / (PRINTERS * (WAKES - 1 - SETTLED))
    print(f"KiB {memory}\nfiles {files}\nthreads {threads}\noctets of the database a read: {a_read:.0f}")
    assert max(files[SETTLED:]) <= max(files[:SETTLED])
    assert max(threads[SETTLED:]) <= max(threads[:SETTLED])
    assert memory[-1] - memory[SETTLED] < 4 << 10
    assert a_read < 60
