"""A dealer's people at their browsers: Chromium against a running collector, and the mailboxes their mails end in."""

import csv
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
from openpyxl import Workbook, load_workbook
from playwright.sync_api import Browser, Page, Response

from e2e.journey import Collector
from flexprint_server import relay_hook
from flexprint_server.tenants import totp
from services.process import wait_until
from services.smtp import Sink

PASSWORD = "a word for every door"


@dataclass
class Dealership:
    """A running collector with a filled database, and everything that people see of it."""

    collector: Collector
    relay: Sink
    browser: Browser
    returned_mails: Path
    people: list["Somebody"] = field(default_factory=list)

    def mails_to(self, address: str, count: int = 1, words: str = "") -> list[EmailMessage]:
        """The mails to an address whose subject has these words, the oldest first, once there are `count`."""

        def found() -> list[EmailMessage]:
            return [mail for mail in self.relay.mails if mail["To"] == address and words in mail["Subject"]]

        wait_until(lambda: len(found()) >= count, f"mail {count} to {address}", 60)
        return found()

    def come_back(self, mail: bytes) -> None:
        """A mail comes into the mailbox of returned mails. The scheduler looks into it when it starts."""
        draft = self.returned_mails / "tmp" / f"{len(mail)}.{id(mail)}"
        draft.write_bytes(mail)
        draft.rename(self.returned_mails / "new" / draft.name)
        self.collector.programs["scheduler"].stop()
        self.collector.complete()

    def say_as_relay(self, key: str, message_id: str, status: str, diagnostic: str) -> None:
        """The relay tells by itself that a mail was returned."""
        event = {"message_id": message_id, "action": "failed", "status": status, "diagnostic": diagnostic}
        body = json.dumps({"events": [event]}).encode()
        headers = {relay_hook.SIGNATURE: relay_hook.signed(body, key, int(time.time()))}
        answer = httpx.post(f"{self.collector.url}{relay_hook.PATH}", content=body, headers=headers, timeout=30)
        assert answer.json() == {"events": 1, "known": 1}

    def person(self, email: str) -> "Somebody":
        """Somebody at a browser of their own, who has not signed in."""
        context = self.browser.new_context(base_url=self.collector.url, viewport={"width": 1280, "height": 900})
        somebody = Somebody(self, email, context.new_page())
        self.people.append(somebody)
        return somebody

    def go_home(self) -> None:
        """Closes the browsers. What they complained about on the way is a fault."""
        for somebody in self.people:
            somebody.page.context.close()
        complaints = [complaint for somebody in self.people for complaint in somebody.complaints]
        self.people.clear()
        assert complaints == []


class Somebody:
    """One person at one browser."""

    def __init__(self, house: Dealership, email: str, page: Page) -> None:
        self.house, self.email, self.page = house, email, page
        self.complaints: list[str] = []
        page.on("console", lambda said: self.complaints.append(f"{page.url}: {said.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))

    # ------------------------------------------------------------ coming in

    def sign_in(self, password: str = PASSWORD) -> None:
        self.page.goto("/sign-in")
        self.page.get_by_label("E-mail address").fill(self.email)
        self.page.get_by_label("Password").fill(password)
        self.press("Sign in")

    def take_up_invitation(self) -> str:
        """By the link in the mail that came. Gives what the page says of the role."""
        (mail,) = self.house.mails_to(self.email)
        self.page.goto(link_in(mail))
        offer = self.page.locator(".door .hint").inner_text()
        self.page.get_by_label("Choose a password").fill(PASSWORD)
        self.press("Start")
        return offer

    def turn_on_second_factor(self, clock: Callable[[], Any]) -> list[str]:
        """As with an app that was given the key on the page. Gives the recovery codes."""
        self.page.goto("/account")
        self.page.get_by_role("link", name="Turn it on").click()
        secret = totp.read(self.page.locator("pre.secret").inner_text().replace(" ", ""))
        assert secret
        self.page.get_by_label("Code that the app shows now").fill(totp.code(secret, totp.step_at(clock())))
        self.page.get_by_label("Present password").fill(PASSWORD)
        self.press("Turn on")
        return self.page.locator(".fresh-key pre").inner_text().split()

    def come_back_without_the_phone(self, recovery_code: str) -> None:
        self.press("Sign out")
        self.sign_in()
        self.page.get_by_label("Code from your authenticator app").fill(recovery_code)
        self.press("Sign in")

    # ------------------------------------------------------------ looking around

    def press(self, name: str, *, exact: bool = True) -> None:
        self.page.get_by_role("button", name=name, exact=exact).click()

    def menu(self) -> list[str]:
        return self.page.get_by_role("navigation", name="Main").get_by_role("link").all_inner_texts()

    def go_to(self, room: str) -> None:
        self.page.get_by_role("navigation", name="Main").get_by_role("link", name=room, exact=True).click()

    def heading(self) -> str:
        return self.page.get_by_role("heading", level=1).inner_text()

    def status_of(self, path: str) -> int:
        """The answer to an address typed by hand, with this browser's cookies."""
        return self.page.request.get(path, max_redirects=0).status

    def lines_of(self, path: str) -> list[list[str]]:
        """A list as CSV, downloaded."""
        answer = self.page.request.get(path)
        assert answer.status == 200, path
        return list(csv.reader(answer.body().decode("utf-8-sig").splitlines()))

    def downloaded(self, name: str) -> Workbook:
        """The workbook behind the first link of that name."""
        with self.page.expect_download() as download:
            self.page.get_by_role("link", name=name).first.click()
        return load_workbook(BytesIO(download.value.path().read_bytes()))

    def states(self, report_id: int) -> dict[str, str]:
        """What the report's page says of each recipient."""
        answer: Response | None = self.page.goto(f"/reports/{report_id}")
        assert answer
        assert answer.status == 200
        rows = self.page.locator("table.deliveries tbody tr").all()
        return {row.locator(".main").inner_text(): row.locator("[data-label=State]").inner_text() for row in rows}

    # ------------------------------------------------------------ a day's work

    def type_schedule(self, **typed: Any) -> None:
        """Fills in the form of a new schedule by the ids of its fields; `ticked` are the labels of boxes and choices,
        `volume` the line of the list, `runs` how often it runs where that is not monthly."""
        self.page.goto("/reports/schedules/new")
        ticked, volume = typed.pop("ticked", ()), typed.pop("volume", None)
        self.page.locator(f"input[name=kind][value={typed.pop('runs', 'monthly')}]").check()
        for label, value in typed.items():
            self.page.locator(f"#{label}").fill(value)
        for label in ticked:
            self.page.get_by_label(label, exact=True).check()
        if volume:
            self.page.get_by_label("Volume, pages of each meter").select_option(label=volume)


def link_in(mail: EmailMessage, to: str = "") -> str:
    """The first address in the mail's plain words that has `to` in it."""
    body = mail.get_body(("plain",))
    assert body
    found = re.search(rf"https?://\S*{re.escape(to)}\S+", body.get_content())
    assert found, "the mail has no link"
    return found[0]


def workbook_in(mail: EmailMessage) -> Workbook:
    (attachment,) = mail.iter_attachments()
    content = attachment.get_content()
    assert isinstance(content, bytes)
    return load_workbook(BytesIO(content))


def rows_of(book: Workbook, sheet: str) -> list[dict[str, Any]]:
    """A sheet's rows by their headings."""
    heading, *rows = book[sheet].iter_rows(values_only=True)
    return [dict(zip(map(str, heading), row, strict=True)) for row in rows]
