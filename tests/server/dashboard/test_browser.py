"""A person at a browser: signs in, finds a device, opens it, downloads a workbook. Without JavaScript."""

import os
import shutil
from collections.abc import Iterator

import openpyxl
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

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


def press_until(page: Page, words: str, key: str = "Tab", most: int = 150) -> None:
    """Goes on from focus to focus until that of the words, each seen to be where it is."""
    for _ in range(most):
        page.keyboard.press(key)
        focus = page.locator(":focus")
        if not focus.count():  # at the end of the page, where the browser's own bar is next
            continue
        outline = focus.evaluate("element => getComputedStyle(element).outlineStyle")
        assert outline != "none", focus.evaluate("element => element.outerHTML")
        if words in (focus.get_attribute("aria-label") or focus.inner_text()):
            return
    pytest.fail(f"no key leads to {words}")


def test_by_keyboard_alone_a_person_finds_a_device_retires_it_and_brings_it_back(page: Page):
    page.goto("/sign-in")
    # The first field has the focus, a moment after the page is drawn.
    expect(page.get_by_label("E-mail address")).to_be_focused()
    page.keyboard.type(ALICE)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Overview").wait_for()
    page.goto("/devices")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # Skip to content
    press_until(page, "Search devices")
    page.keyboard.type("taskalfa harbour")
    page.keyboard.press("Enter")
    page.get_by_text("match").first.wait_for()
    press_until(page, "Kyocera TASKalfa 3554ci")
    page.keyboard.press("Enter")
    press_until(page, "Retire this device")
    page.keyboard.press("Enter")
    page.get_by_text("Retired").first.wait_for()
    press_until(page, "Bring it back")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Retire this device").wait_for()


@pytest.mark.parametrize("forced", ["active", "none"])
def test_nothing_moves_and_forced_colours_leave_every_figure(browser: Browser, url: str, seeded, forced):
    """Whoever asks for no motion gets none, because there is none; a system's own colours hide no word."""
    context = browser.new_context(base_url=url, reduced_motion="reduce", forced_colors=forced)
    context.add_cookies([{"name": "flexprint", "value": seeded.tokens[ALICE], "url": url}])
    page = context.new_page()
    for path in ("/", "/devices/4"):
        page.goto(path)
        assert page.evaluate("document.getAnimations().length") == 0
        assert page.locator("figure.chart svg path.line, figure.chart svg rect.day").first.is_visible()
    context.close()
