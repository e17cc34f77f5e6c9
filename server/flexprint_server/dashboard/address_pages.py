"""Addresses that are not written to; and the page where a reader without an account stops a list of reports."""

from collections.abc import Iterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from flexprint_server.dashboard import address_line, exports
from flexprint_server.dashboard.door import Door, Form, RowId, redirect
from flexprint_server.dashboard.exports import INSTANT, Export, Field
from flexprint_server.dashboard.pages import BY_LINK, error_page, page
from flexprint_server.database import Scope
from flexprint_server.mail import suppressions
from flexprint_server.mail.models import Suppression
from flexprint_server.mail.unsubscribe import Subscription, subscription_of
from flexprint_server.reports import lists
from flexprint_server.tenants import audit
from flexprint_server.tenants.sign_in import Visitor

_GONE: Final = (
    "This link is not complete",
    "Open it from the mail once more, or answer whoever looks after the printers.",
)


def _every(session: Session, visitor: Visitor) -> Iterator[tuple[Suppression, str]]:
    """All of them, the newest first, each with what it is of."""
    before = None
    while some := suppressions.of_dealer(session, visitor.dealer_id, before)[: suppressions.PAGE]:
        yield from ((one, lists.called(session, visitor.dealer_id, one.list)) for one in some)
        before = some[-1].id


EXPORT: Final[Export[tuple[Suppression, str]]] = Export(
    "Addresses",
    (
        Field("Address", lambda row: row[0].address, 34),
        Field("Why", lambda row: "Came back" if row[0].reason == "bounced" else "Unsubscribed", 14),
        Field("Of what", lambda row: row[1], 34),
        Field("Since (UTC)", lambda row: row[0].at, 18, INSTANT),
        Field("What the mail server said", lambda row: row[0].detail, 60),
    ),
    lambda session, visitor, _query, _now: _every(session, visitor),
)


def add(pages: APIRouter, door: Door, secret_key: str) -> None:
    exports.add(pages, door, "/reports/addresses", EXPORT, "reports")
    _addresses(pages, door)
    _unsubscribing(pages, door, secret_key)


def _addresses(pages: APIRouter, door: Door) -> None:
    keeper = Annotated[Visitor, Depends(door.allowed("reports"))]

    @pages.get("/reports/addresses")
    def addresses(request: Request, visitor: keeper) -> Response:
        before = address_line.number(request.query_params.get("before"))
        with door.database.reading(visitor.scope) as session:
            found = suppressions.of_dealer(session, visitor.dealer_id, before)
            shown = found[: suppressions.PAGE]
            named = {one.id: lists.called(session, visitor.dealer_id, one.list) for one in shown}
        more = f"/reports/addresses?before={shown[-1].id}" if len(found) > len(shown) else None
        return page(
            "addresses.html",
            visitor=visitor,
            now=door.clock(),
            suppressions=shown,
            named=named,
            next_page=more,
            is_first=before is None,
        )

    @pages.post("/reports/addresses/{suppression_id}/lift")
    def lift(request: Request, suppression_id: RowId, form: Form, visitor: keeper) -> Response:
        door.check_form(request, form, visitor)
        with door.database.transaction(visitor.scope) as session:
            address = suppressions.lift(session, visitor.dealer_id, suppression_id)
            if address is None:
                raise HTTPException(404)
            audit.note(session, visitor, "address.lifted", address, door.clock())
        return redirect("/reports/addresses")


def _unsubscribing(pages: APIRouter, door: Door, secret_key: str) -> None:
    """No sign-in and no form token: whoever has the link may, and mail programs post to it by themselves (RFC 8058)."""

    def shown(subscription: Subscription | None, *, done: bool) -> Response:
        if subscription is None:
            return error_page(404, said=_GONE)
        with door.database.reading(Scope(subscription.dealer_id)) as session:
            dealer = lists.dealer_name(session, subscription.dealer_id)
            what = lists.called(session, subscription.dealer_id, subscription.list)
        address = subscription.address
        values: dict[str, Any] = {"dealer": dealer, "what": what, "address": address, "done": done}
        return page("unsubscribe.html", visitor=None, headers=BY_LINK, **values)

    @pages.get("/unsubscribe/{token}")
    def ask(token: str) -> Response:
        """Only looking, which mail servers do too, changes nothing."""
        return shown(subscription_of(token, secret_key), done=False)

    @pages.post("/unsubscribe/{token}")
    def unsubscribe(token: str) -> Response:
        subscription = subscription_of(token, secret_key)
        if subscription:
            with door.database.transaction(Scope(subscription.dealer_id)) as session:
                if lists.dealer_name(session, subscription.dealer_id):
                    lists.unsubscribe(session, subscription, door.clock())
        return shown(subscription, done=True)
