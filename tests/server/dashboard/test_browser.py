"""A person at a browser: signs in, finds a device, opens it, downloads a workbook. Without JavaScript."""

import os
import shutil
from collections.abc import Iterator

import openpyxl
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from services.pages import ALICE
from services.seeded import PASSWORD

CHROMIUM = os.environ.get("FLEXPRINT_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        CHROMIUM is None, reason="no Chromium: `make test-system` installs it, or FLEXPRINT_CHROMIUM names one"
    ),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@pytest.fixture(params=[(1280, "light"), (390, "dark")], ids=["desk", "phone"])
def page(browser: Browser, url: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    width, scheme = request.param
    context = browser.new_context(
        base_url=url, viewport={"width": width, "height": 844}, color_scheme=scheme, java_script_enabled=False
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("response", lambda response: response.status < 400 or complaints.append(response.url))
    yield page
    context.close()
    assert complaints == []


def sign_in(page: Page) -> None:
    page.goto("/")
    page.get_by_label("E-mail address").fill(ALICE)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Overview").wait_for()


def open_menu(page: Page) -> None:
    """On a phone the rooms are behind a button; on a desk they stand there."""
    button = page.get_by_role("button", name="Menu")
    if button.is_visible():
        button.click()


def go_to(page: Page, room: str) -> None:
    open_menu(page)
    page.get_by_role("navigation", name="Main").get_by_role("link", name=room).click()


def test_a_person_finds_a_printer_and_takes_a_workbook_home(page: Page, tmp_path):
    sign_in(page)
    go_to(page, "Devices")
    page.get_by_label("Search devices").fill("taskalfa harbour")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Kyocera TASKalfa 3554ci").first.click()
    assert page.get_by_role("heading", level=1).inner_text().startswith("Kyocera TASKalfa 3554ci")
    assert page.get_by_role("table").first.get_by_role("rowheader", name="Total color").is_visible()

    go_to(page, "Reports")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the workbook").first.click()
    saved = tmp_path / download.value.suggested_filename
    download.value.save_as(saved)
    assert saved.suffix == ".xlsx"
    assert openpyxl.load_workbook(saved).active["A1"].value == "Printers"

    open_menu(page)
    page.get_by_role("button", name="Sign out").click()
    page.goto("/reports")
    assert page.get_by_role("heading", name="Sign in to FlexPrint").is_visible()


def test_no_page_is_wider_than_the_screen(page: Page):
    sign_in(page)
    width = page.viewport_size["width"]
    for path in (
        "/",
        "/devices",
        "/devices/5",
        "/reports",
        "/agents",
        "/people",
        "/audit",
        "/account",
        "/devices?q=nothing",
    ):
        page.goto(path)
        box = page.locator("body").bounding_box()
        assert box["width"] <= width
        assert page.locator("main").bounding_box()["width"] <= width
