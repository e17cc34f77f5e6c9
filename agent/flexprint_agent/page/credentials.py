"""As whom printers are asked: communities and users of SNMPv3, added, tried, put in order, removed. What is secret is
typed here and never shown again."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from flexprint_agent import settings
from flexprint_agent.errors import AgentError, WrongUsage
from flexprint_agent.keep import Keep
from flexprint_agent.keep.credentials import Credential
from flexprint_agent.keep.devices import Device
from flexprint_agent.keep.errors import Busy
from flexprint_agent.page.frame import Visit, button, card, details, failed, field, form, hidden, notice, page, tag
from flexprint_agent.page.html import Child, Html, data, el
from flexprint_agent.page.server import Response
from flexprint_agent.page.showing import model_of, work_panel
from flexprint_agent.page.work import Doing, Work
from flexprint_agent.targets import SNMP_PORT
from flexprint_agent.wake.chosen import in_force
from flexprint_agent.wake.credentials import community_facts, facts_of, keep_credential, normal_scope
from flexprint_agent.wake.trying import Tried, attempt, place_of

_LONGEST_LIST: Final = 500
"""Printers that are offered where one is chosen; any other may be typed."""


def show(visit: Visit, error: AgentError | None = None) -> Response:
    words = visit.words
    kept = visit.keep.credentials.all()
    content = [
        el("p", words("credentials.lead"), class_="lead"),
        work_panel(visit, "trying"),
        failed(visit, error) if error else None,
        _came_of_it(visit),
        card(words("credentials.kept"), _kept(visit, kept), _everywhere(visit)),
        _try_kept(visit, kept) if kept else None,
        _add(visit, "user", _user_fields(visit)),
        _add(visit, "community", [_secret(visit, "community")]),
        _printers(visit),
        el("p", el("a", words("credentials.back"), href=visit.link("settings"))),
    ]
    return page(visit, words("credentials.title"), content, room="settings", status=422 if error else 200)


# What is kept


def _kept(visit: Visit, kept: Iterable[Credential]) -> Child:
    words = visit.words
    refused = [one.credential for one in visit.keep.credentials.refusals()]
    seen: set[str] = set()
    rows = []
    for one in kept:
        first, count = one.scope not in seen, refused.count(one.number)
        seen.add(one.scope)
        rows.append(
            el(
                "li",
                el(
                    "span",
                    el("strong", _named(visit, one)),
                    el("span", _scope(visit, one), class_="below"),
                    tag(words("credentials.refused_by", count=count), "warn") if count else None,
                ),
                el(
                    "span",
                    None if first else _deed(visit, "sooner", one),
                    _deed(visit, "remove", one),
                    class_="deeds",
                ),
            )
        )
    return el("ul", rows, class_="rows") if rows else el("p", words("credentials.none"), class_="sub")


def _named(visit: Visit, one: Credential) -> Child:
    """What of a credential may be seen."""
    facts = one.facts
    if "community" in facts:
        return visit.words("credentials.a_community", number=one.number)
    how = [facts[name] for name in ("auth", "privacy") if name in facts] or [visit.words("credentials.open")]
    return [data(facts["user"]), ", ", data(" / ".join(how))]


def _scope(visit: Visit, one: Credential) -> Child:
    return data(one.scope) if one.scope else visit.words("credentials.everywhere")


def _deed(visit: Visit, deed: str, one: Credential) -> Html:
    words = visit.words
    label = words(
        f"credentials.{deed}_it", what=one.facts.get("user") or words("credentials.a_community", number=one.number)
    )
    return form(
        visit,
        f"credentials/{deed}",
        hidden("number", str(one.number)),
        button(words(f"credentials.{deed}"), "plain", aria_label=label),
    )


def _everywhere(visit: Visit) -> Html:
    """What is tried where nothing above fits."""
    own = "communities" in visit.keep.choices.secret_names()
    words, usual = visit.words, settings.BY_NAME["communities"].default
    last = words("credentials.last_own") if own else words("credentials.last_default", community=usual)
    return el("p", last, class_="hint")


# What is typed


def _add(visit: Visit, kind: str, fields: Child) -> Html:
    words, request = visit.words, visit.request
    mine = request.typed("kind") == kind
    return el(
        "details",
        el("summary", el("h2", words(f"credentials.add_{kind}"))),
        form(
            visit,
            "credentials/add",
            hidden("kind", kind),
            fields,
            field(
                "scope",
                words("credentials.scope"),
                request.typed("scope") if mine else "",
                hint=words("credentials.scope_hint"),
                key=f"{kind}-scope",
            ),
            _at(visit, kind, request.typed("printer") if mine else ""),
            el(
                "div",
                button(words("credentials.try"), "primary", name="do", value="try"),
                button(words("credentials.add"), name="do", value="add"),
                class_="buttons",
            ),
        ),
        class_="card fold",
        open=mine,
    )


def _secret(visit: Visit, name: str) -> Html:
    """A field that is never filled in by the page."""
    words = visit.words
    return field(
        name,
        words(f"credentials.{name}"),
        hint=words(f"credentials.{name}_hint"),
        type="password",
        autocomplete="new-password",
    )


def _user_fields(visit: Visit) -> Child:
    from flexprint_agent.snmp.v3 import AUTH_PROTOCOLS, PRIVACY_PROTOCOLS

    words, request = visit.words, visit.request
    return [
        field("user", words("credentials.user"), request.typed("user"), spellcheck="false", autocapitalize="none"),
        _choice(visit, "auth", AUTH_PROTOCOLS, "SHA-256"),
        _secret(visit, "auth_password"),
        _choice(visit, "privacy", PRIVACY_PROTOCOLS, "AES-128"),
        _secret(visit, "privacy_password"),
        el(
            "details",
            el("summary", words("credentials.more")),
            field(
                "context",
                words("credentials.context"),
                request.typed("context"),
                hint=words("credentials.context_hint"),
            ),
            open=bool(request.typed("context")),
        ),
    ]


def _choice(visit: Visit, name: str, known: Iterable[str], usual: str) -> Html:
    words, chosen = visit.words, visit.request.form.get(name, [usual])[0]
    options = [el("option", words("credentials.without"), value="", selected=not chosen)]
    options += [el("option", one, value=one, selected=one == chosen, translate="no") for one in known]
    return el(
        "div",
        el("label", words(f"credentials.{name}"), for_=name),
        el("select", options, name=name, id=name),
        class_="field",
    )


def _at(visit: Visit, kind: str, typed: str) -> Html:
    """The printer that it is tried with."""
    words = visit.words
    return field(
        "printer",
        words("credentials.printer"),
        typed,
        hint=words("credentials.printer_hint"),
        key=f"{kind}-printer",
        list="printers",
        placeholder="10.10.10.21",
    )


def _printers(visit: Visit) -> Html:
    known = [one for one in visit.keep.devices.all() if one.address and not one.is_local][:_LONGEST_LIST]
    return el(
        "datalist",
        [el("option", model_of(one) or "", value=_address(one), translate="no") for one in known],
        id="printers",
    )


def _address(one: Device) -> str:
    address, port = str(one.address), one.port
    if port == SNMP_PORT:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _typed(visit: Visit) -> dict[str, str]:
    """The credential in a form. Raises WrongUsage, which repeats nothing secret."""
    typed = visit.request.typed
    if typed("kind") == "community":
        return community_facts(typed("community"))
    from flexprint_agent.snmp.v3 import User

    auth, privacy = typed("auth") or None, typed("privacy") or None
    try:
        return facts_of(
            User(
                typed("user"),
                auth,
                typed("auth_password") if auth else "",
                privacy,
                typed("privacy_password") if privacy else "",
                typed("context"),
            )
        )
    except ValueError as error:
        raise WrongUser(f"this user of SNMPv3 cannot be: {error}") from None


class WrongUser(WrongUsage):
    """A user of SNMPv3 that cannot be."""


def add(visit: Visit) -> Response:
    """Keeps what was typed, or tries it first."""
    try:
        facts, scope = _typed(visit), normal_scope(visit.request.typed("scope").strip())
        if visit.request.typed("do") == "try":
            return _begin(visit, facts, scope)
        keep_credential(visit.keep, scope, facts)
    except AgentError as error:
        return show(visit, error)
    return visit.go("credentials", done="saved")


def _by_number(visit: Visit, deed: Callable[[int], bool], done: str) -> Response:
    number = visit.request.typed("number")
    if number.isascii() and number.isdigit() and len(number) < 10:
        deed(int(number))
    return visit.go("credentials", done=done)


def remove(visit: Visit) -> Response:
    return _by_number(visit, visit.keep.credentials.remove, "removed")


def sooner(visit: Visit) -> Response:
    return _by_number(visit, visit.keep.credentials.sooner, "saved")


# Trying


def _try_kept(visit: Visit, kept: Iterable[Credential]) -> Html:
    words = visit.words
    options = [el("option", _in_a_line(visit, one), value=str(one.number), translate="no") for one in kept]
    return el(
        "details",
        el("summary", el("h2", words("credentials.try_kept"))),
        form(
            visit,
            "credentials/try",
            el(
                "div",
                el("label", words("credentials.which"), for_="number"),
                el("select", options, name="number", id="number"),
                class_="field",
            ),
            _at(visit, "kept", ""),
            button(words("credentials.try")),
        ),
        class_="card fold",
        open=bool(visit.request.typed("number")),
    )


def _in_a_line(visit: Visit, one: Credential) -> str:
    """An option holds text alone."""
    name = one.facts.get("user") or visit.words("credentials.a_community", number=one.number)
    return f"{name} ({one.scope or visit.words('credentials.everywhere')})"


def try_kept(visit: Visit) -> Response:
    number = visit.request.typed("number")
    chosen = next((one for one in visit.keep.credentials.all() if str(one.number) == number), None)
    if chosen is None:
        return visit.go("credentials")
    try:
        return _begin(visit, chosen.facts, None)
    except AgentError as error:
        return show(visit, error)


def _begin(visit: Visit, facts: Mapping[str, str], scope: str | None) -> Response:
    """Tries it; `scope` None: it is kept already. Raises WrongUsage, UnknownExclusion, Busy."""
    place = place_of(visit.keep, visit.request.typed("printer").strip())

    def trying(work: Work, keep: Keep) -> Mapping[str, object]:
        return {"tried": attempt(in_force(keep), place, facts, work.now), "facts": facts, "scope": scope}

    doing: Doing = trying
    if not visit.work.start("trying", doing):
        raise Busy("other work goes on; wait until it has ended, then try again")
    visit.work.wait(4.0)
    return visit.go("credentials")


def _came_of_it(visit: Visit) -> Child:
    """What the printer said to the credential that was tried last."""
    words, state = visit.words, visit.work.state
    if state is None or state.name != "trying" or state.running or state.failure is not None:
        return None
    tried: Tried = state.result["tried"]
    if not tried.taken:
        why = words(f"fault.{tried.fault.replace('-', '_')}") if tried.fault else words("fault.silent")
        said = [words("credentials.refuses", printer=tried.place), " ", why]
        return notice(said, "bad", details(visit, tried.told))
    taken = words("credentials.takes", printer=tried.model or tried.place)
    waits = state.result["scope"] is not None
    return notice(taken, "good", form(visit, "credentials/keep", button(words("credentials.keep"))) if waits else None)


def keep(visit: Visit) -> Response:
    """Keeps the credential that was tried: it is still known here, and stood on no page."""
    state = visit.work.state
    if state is None or state.name != "trying" or state.running or state.result.get("scope") is None:
        return visit.go("credentials")
    keep_credential(visit.keep, state.result["scope"], state.result["facts"])
    visit.work.forget()
    return visit.go("credentials", done="saved")
