"""A printer on a USB port of Linux: a pseudo-terminal is the port, and what is at its other end plays the printer."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

QUESTION = b"\x1b%-12345X@PJL\r\n@PJL INFO PAGECOUNT\r\n\x1b%-12345X"


@contextmanager
def printer(folder: Path, told: str, answer: bytes) -> Iterator[tuple[dict[str, Path], list[bytes]]]:
    """The folders in which the system shows the port, and what was written to it."""
    import pty
    import tty

    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    (folder / "class" / "lp0" / "device").mkdir(parents=True)
    (folder / "class" / "lp0" / "device" / "ieee1284_id").write_text(told)
    (folder / "usb").mkdir()
    (folder / "usb" / "lp0").symlink_to(os.ttyname(theirs))
    written: list[bytes] = []

    def play() -> None:
        heard = b""
        while not heard.endswith(QUESTION):
            some = os.read(ours, 512)
            if not some or some == b"end":
                return
            heard += some
        written.append(heard)
        for at in range(0, len(answer), 5):  # in small pieces, as cables do
            os.write(ours, answer[at : at + 5])

    thread = threading.Thread(target=play)
    thread.start()
    try:
        yield {"ports": folder / "class", "devices": folder / "usb"}, written
    finally:
        if not written:
            os.write(theirs, b"end")
        thread.join()
        os.close(theirs)
        os.close(ours)
