"""The pictures of the README and the guides, made from the same seeded fleet each time: `make pictures`.

Needs Chromium, LibreOffice and pdftoppm (`make test-system` installs them on Debian).
"""

import os
import shutil
import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path

from playwright.sync_api import sync_playwright
from sqlalchemy import func, select

from flexprint_server.database import Database, Model
from flexprint_server.fleet.models import Device
from flexprint_server.fleet.rules import USUAL
from flexprint_server.reports.fleet_rows import about, device_rows
from flexprint_server.reports.models import Report, Schedule
from flexprint_server.reports.wanted import Covers
from flexprint_server.reports.workbook.writing import Contents, write_workbook
from flexprint_server.settings import read_settings
from flexprint_server.tenants.models import Site
from page_pictures import draw_agent_page
from services.pages import ALICE, NOW, Clock, serving
from services.seeded import PASSWORD, fill

PICTURES = Path(__file__).resolve().parent.parent / "docs" / "pictures"


def main() -> int:
    chromium = os.environ.get("FLEXPRINT_CHROMIUM") or shutil.which("chromium")
    office = shutil.which("soffice")
    if not (chromium and office and shutil.which("pdftoppm")):
        print(
            "pictures need chromium, soffice and pdftoppm; on Debian `make test-system` installs them", file=sys.stderr
        )
        return 1
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = Database(f"sqlite:///{folder / 'fleet.db'}")
        with database.engine.begin() as connection:
            Model.metadata.create_all(connection)
        with database.transaction() as session:
            fill(session, NOW)
        draw_pages(database, folder, chromium)
        draw_workbook(database, folder, office)
        database.close()
    return 0


def draw_pages(database: Database, folder: Path, chromium: str) -> None:
    settings = read_settings({"FLEXPRINT_SECRET_KEY": "5e" * 32}, data=folder)
    with serving(settings, database, Clock(NOW)) as url, sync_playwright() as player:
        browser = player.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"])
        page = browser.new_page(viewport={"width": 1280, "height": 800}, device_scale_factor=1.5)
        page.goto(url)
        page.fill("[name=email]", ALICE)
        page.fill("[name=password]", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{url}/")
        page.screenshot(path=PICTURES / "dashboard.png")
        with database.reading() as session:
            shown = session.scalars(select(Device.id).where(Device.color).order_by(Device.id).offset(3)).first()
        page.goto(f"{url}/devices/{shown}")
        page.screenshot(path=PICTURES / "device.png")
        with database.reading() as session:
            schedule, failed = session.scalar(select(Schedule.id)), select(Report.id).where(Report.state == "failed")
            report = session.scalar(failed)
        page.goto(f"{url}/reports/schedules/{schedule}")
        page.get_by_role("button", name="Preview").click()
        page.screenshot(path=PICTURES / "schedule.png")
        page.goto(f"{url}/reports/{report}")
        page.screenshot(path=PICTURES / "report.png", clip={"x": 0, "y": 0, "width": 1280, "height": 520})
        draw_agent_page(browser, folder, PICTURES)
        browser.close()


def draw_workbook(database: Database, folder: Path, office: str) -> None:
    """The upper part of a workbook's first page as LibreOffice prints it: of the site with most to see."""
    file = BytesIO()
    with database.reading() as session:
        newest = select(Device.site_id).where(USUAL.new_ones(NOW))
        fullest = func.count(Device.id).desc()
        chosen_site = select(Site).join(Device).where(Site.id.in_(newest)).group_by(Site.id).order_by(fullest)
        site = session.scalars(chosen_site).first()
        assert site
        chosen = (session, site.dealer_id, Covers("sites", (site.id,)), NOW)
        # As many as one page of paper shows side by side.
        columns = ("customer", "model", "serial", "location", "meters", "lowest_supply", "left", "last_read")
        write_workbook(file, about(*chosen), device_rows(*chosen), Contents(columns=columns))
    (folder / "workbook.xlsx").write_bytes(file.getvalue())
    profile = f"-env:UserInstallation={(folder / 'office').as_uri()}"
    convert = [office, profile, "--headless", "--convert-to", "pdf", "--outdir", folder, folder / "workbook.xlsx"]
    subprocess.run(convert, check=True, capture_output=True)
    part = ["-x", "72", "-y", "92", "-W", "2080", "-H", "270"]
    one_page = ["pdftoppm", "-png", "-r", "190", "-f", "1", "-singlefile", *part]
    subprocess.run([*one_page, folder / "workbook.pdf", PICTURES / "workbook"], check=True)


if __name__ == "__main__":
    sys.exit(main())
