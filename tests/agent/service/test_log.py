import pytest

from flexprint_agent.errors import AgentError
from flexprint_agent.service.log import LARGEST, LONGEST_LINE, Log, diary, kept, scrubbed


def test_what_happened_stands_in_the_log_with_its_time(tmp_path):
    Log(tmp_path).line("40 printers read")
    at, _, text = kept(tmp_path).partition(" ")
    assert (at[4], at[-1], text) == ("-", "Z", "40 printers read\n")


def test_the_log_is_bounded_and_keeps_the_newest(tmp_path):
    log = Log(tmp_path)
    for number in range(3 * LARGEST // 1000):
        log.line(f"{number} " + "x" * 1000)
    files = [path.stat().st_size for path in tmp_path.iterdir()]
    assert len(files) == 2
    assert max(files) <= LARGEST
    assert kept(tmp_path).rstrip("x\n").endswith(f"{number} ")


def test_one_line_does_not_fill_the_log(tmp_path):
    Log(tmp_path).line("y" * LARGEST)
    assert len(kept(tmp_path)) <= LONGEST_LINE


def test_secrets_never_stand_in_it(tmp_path):
    log = Log(tmp_path)
    log.secrets = ["pass", "pass word", "no"]
    log.line("the proxy refuses 'pass word' and 'pass', and nobody else")
    assert kept(tmp_path).endswith("the proxy refuses '********' and '********', and nobody else\n")


def test_what_a_device_says_cannot_steer_a_terminal():
    assert scrubbed("a\x1b[2Jb\nc", ()) == "a?[2Jb\nc"


def test_a_log_that_cannot_be_written_keeps_nobody_from_working(tmp_path):
    Log(tmp_path / "nowhere").line("said to nobody")
    assert kept(tmp_path / "nowhere") == ""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (AgentError("the disk is full"), "ended: the disk is full"),
        (KeyboardInterrupt(), "ended by a person or by the system"),
        (ZeroDivisionError("pass"), "ZeroDivisionError: ********"),
    ],
)
def test_why_a_wake_ended_stands_in_the_log(tmp_path, error, said):
    with pytest.raises(type(error)), diary(tmp_path) as log:
        log.secrets = ["pass"]
        raise error
    assert said in kept(tmp_path)
