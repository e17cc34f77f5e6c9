"""The agent's local page on a real port, and a browser's part of a conversation with it."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import httpx

from flexprint_agent.page import instance
from flexprint_agent.page.instance import Running
from lab.device import Quirks
from lab.office import Placed, office
from lab.recording import row

PRINTERS = [one for one in office() if one.truth and one.truth.total][:3]
ROUTER = "127.20.9.1"
INET = "1.3.6.1.2.1.4.24.7.1"


def router(*blocks: str) -> Placed:
    """A router that has routes to these networks."""
    rows = [row("1.3.6.1.2.1.1.1.0|4|Branch router")]
    for block in blocks:
        network, _, bits = block.partition("/")
        rows.append(row(f"{INET}.8.1.4.{network}.{bits}.2.0.0.0.0|2|3"))
    return Placed(ROUTER, rows, Quirks(), kind="router")


def text_of(page: str) -> str:
    page = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


def the_time() -> datetime:
    return datetime.now(UTC)


@contextmanager
def serving(home: Path) -> Iterator[Running]:
    """The page of a home, answering until the block ends."""
    with instance.opened(home, the_time) as running:
        thread = threading.Thread(target=running.run)
        thread.start()
        try:
            yield running
        finally:
            running.server.shutdown()
            thread.join()


class Person:
    """One browser. It follows a page's own refresh as browsers do, and fills in forms as their pages gave them."""

    def __init__(self, running: Running, language: str = "en") -> None:
        self.running = running
        self.root = running.door.root
        self.client = httpx.Client(
            base_url=running.door.origin,
            headers={"accept-language": language},
            trust_env=False,
            timeout=30,
            follow_redirects=True,
        )
        self.page = ""

    def enter(self) -> httpx.Response:
        return self.client.get(self.running.door.address())

    def get(self, path: str = "", **headers: str) -> httpx.Response:
        answer = self.client.get(
            f"{self.root}/{path}", headers={name.replace("_", "-"): headers[name] for name in headers}
        )
        self.page = answer.text
        return answer

    def post(self, path: str, form: dict[str, str | list[str]] | None = None, **headers: str) -> httpx.Response:
        csrf = re.search(r'name="csrf" value="([^"]*)"', self.page)
        given = {"csrf": unescape(csrf[1])} if csrf else {}
        answer = self.client.post(
            f"{self.root}/{path}",
            data=given | (form or {}),
            headers={name.replace("_", "-"): headers[name] for name in headers},
        )
        self.page = answer.text
        return answer

    def settled(self, path: str) -> httpx.Response:
        """The page once no work goes on."""
        self.running.work.wait(60)
        return self.get(path)

    def close(self) -> None:
        self.client.close()


def heading(page: str) -> str:
    found = re.search(r"<h1>(.*?)</h1>", page)
    return unescape(re.sub(r"<[^>]*>", "", found[1])) if found else ""
