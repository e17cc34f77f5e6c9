"""The fleet in a few figures, cheap at a hundred thousand devices and millions of reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from flexprint_server.fleet.models import Device, SiteDay
from flexprint_server.fleet.rules import Rules
from flexprint_server.tenants.models import Site


@dataclass(slots=True, frozen=True)
class Pages:
    """Pages by day, the oldest day first and none left out; those of this month up to now, and of as many days of
    the last month."""

    days: Sequence[tuple[date, int]]
    this_month: int
    last_month: int

    @property
    def change(self) -> int | None:
        """How this month compares with the last, in percent; None where there is nothing to compare with."""
        return round(100 * (self.this_month - self.last_month) / self.last_month) if self.last_month else None


def pages(dealer_id: int, session: Session, now: datetime, shown: int = 31) -> Pages:
    """The last `shown` days, and the months, of the clock that `now` goes by. A page counts on the day of its site."""
    today = now.date()
    this, last, as_many = months(today)
    since = min(last, today - timedelta(days=shown - 1))
    asked = select(SiteDay.day, func.sum(SiteDay.pages)).where(
        SiteDay.dealer_id == dealer_id, SiteDay.day >= since, SiteDay.day <= today
    )
    by_day = {day: int(count) for day, count in session.execute(asked.group_by(SiteDay.day))}
    days = [today - timedelta(days=back) for back in range(shown - 1, -1, -1)]
    return Pages(
        [(day, by_day.get(day, 0)) for day in days],
        sum(count for day, count in by_day.items() if day >= this),
        sum(count for day, count in by_day.items() if last <= day <= as_many),
    )


def months(today: date) -> tuple[date, date, date]:
    """The first day of this month and of the last, and the day of the last month up to which the two compare."""
    this = today.replace(day=1)
    end = this - timedelta(days=1)
    return this, end.replace(day=1), end.replace(day=min(today.day, end.day))


def newest(dealer_id: int, session: Session, rules: Rules, now: datetime, most: int) -> Sequence[Device]:
    """New devices, the newest first."""
    return session.scalars(
        select(Device)
        .where(Device.dealer_id == dealer_id, rules.new_ones(now), Device.in_fleet)
        .order_by(Device.first_seen_at.desc(), Device.id.desc())
        .limit(most)
        .options(joinedload(Device.site).joinedload(Site.customer))
    ).all()
