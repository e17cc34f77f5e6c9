"""The way to the collector: its address, the proxy, a private authority."""

from typing import Final

from flexprint_agent import settings
from flexprint_agent.errors import AgentError
from flexprint_agent.page.frame import Visit, button, card, el_link, facts, failed, field, form, moment, page, tick
from flexprint_agent.page.html import Html, data, el
from flexprint_agent.page.server import Response
from flexprint_agent.page.settled import SWITCHES, of_group
from flexprint_agent.wake import choosing

_ALL: Final = settings.BY_NAME["dealer_may"].default


def show(visit: Visit, error: AgentError | None = None) -> Response:
    words, keep = visit.words, visit.keep
    stored, request = keep.choices.settings(), visit.request
    enrolment = keep.enrolments.get()
    user, authority = stored.get("proxy_user", ""), stored.get("ca", "")
    about = (
        [
            (words("overview.dealer"), data(enrolment.dealer)),
            (words("overview.collector"), data(enrolment.server)),
            (words("settings.enrolled"), moment(visit, enrolment.enrolled_at)),
            (words("settings.agent"), data(enrolment.agent, class_="mono")),
            (words("settings.home"), data(keep.home, class_="mono")),
        ]
        if enrolment
        else []
    )
    password = settings.MASK if "proxy_password" in keep.choices.secret_names() else ""
    content = [
        failed(visit, error) if error else None,
        card(words("settings.collector"), facts(about)) if about else None,
        card(
            words("settings.way"),
            form(
                visit,
                "settings",
                field(
                    "proxy",
                    words("connect.proxy"),
                    request.typed("proxy") or stored.get("proxy", ""),
                    hint=words("settings.proxy_hint"),
                ),
                field("proxy_user", words("settings.proxy_user"), request.typed("proxy_user") or user),
                field(
                    "proxy_password",
                    words("settings.proxy_password"),
                    password,
                    hint=words("settings.proxy_password_hint"),
                    type="password",
                    autocomplete="new-password",
                ),
                field(
                    "ca",
                    words("connect.ca"),
                    request.typed("ca") or authority,
                    hint=words("connect.ca_hint"),
                ),
                button(words("frame.save"), "primary"),
            ),
        ),
        card(
            words("credentials.title"),
            el("p", words("credentials.about"), class_="sub"),
            el_link(visit, "credentials", "credentials.open_page"),
        ),
        _dealer(visit),
        el("p", el("a", words("settings.again"), href=visit.link("setup/connect"))),
    ]
    return page(visit, words("settings.title"), content, room="settings", status=422 if error else 200)


def _dealer(visit: Visit) -> Html:
    """What the dealer may settle from afar."""
    words = visit.words
    allowed = settings.check("dealer_may", visit.keep.choices.settings().get("dealer_may", _ALL))
    boxes = [
        [tick(name, words(f"dealer.may_{name}"), on=name in allowed), of_group(visit, name)] for name in settings.GROUPS
    ]
    return card(
        words("dealer.title"),
        el("p", words("dealer.lead"), class_="sub"),
        form(
            visit,
            "settings/dealer",
            el("fieldset", el("legend", words("dealer.title"), class_="unseen"), boxes),
            button(words("frame.save"), "primary"),
        ),
        id=SWITCHES,
        class_="card",
    )


def save_dealer(visit: Visit) -> Response:
    allowed = [name for name in settings.GROUPS if visit.request.typed(name)]
    choosing.change(visit.keep, "dealer_may", ",".join(allowed) or settings.NOTHING)
    return visit.go("settings", done="saved")


def save(visit: Visit) -> Response:
    typed = {name: visit.request.typed(name).strip() for name in ("proxy", "proxy_user", "proxy_password", "ca")}
    if typed["proxy_password"] == settings.MASK:
        del typed["proxy_password"]
    try:
        # The proxy comes first: with another one, the user and the password of the one before are forgotten.
        for name, value in typed.items():
            if value != visit.keep.choices.settings().get(name, ""):
                choosing.change(visit.keep, name, value)
    except AgentError as error:
        return show(visit, error)
    return visit.go("settings", done="saved")
