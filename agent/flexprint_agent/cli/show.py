"""The words that commands print for people, and the documents they print for programs."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from flexprint_agent.keep.devices import Device
from flexprint_agent.keep.rests import Rest
from flexprint_agent.keep.spool import Batch
from flexprint_shared import meters
from flexprint_shared.times import parse_rfc3339, rfc3339

Document = Mapping[str, Any]


def as_json(document: Document) -> str:
    return json.dumps(document, separators=(", ", ": "))


def instant(at: datetime | None) -> str | None:
    return None if at is None else rfc3339(at)


def _when(text: str | None) -> str:
    """An instant as this place's clock shows it."""
    return "never" if text is None else f"{parse_rfc3339(text).astimezone():%Y-%m-%d %H:%M}"


def _count(number: int, word: str) -> str:
    plural = {"batch": "batches", "address": "addresses"}.get(word, f"{word}s")
    return f"{number:,} {word if number == 1 else plural}"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns as wide as what stands in them; whole numbers to the right."""
    written = [[_cell(value) for value in row] for row in rows]
    columns = [_aligned(cells) for cells in zip(head, *written, strict=True)]
    return "\n".join("  ".join(line).rstrip() for line in zip(*columns, strict=True))


def _aligned(cells: Sequence[str]) -> list[str]:
    """One column, its heading first: numbers to the right, text to the left."""
    width = max(map(len, cells))
    numeric = len(cells) > 1 and all(cell.replace(",", "").isdigit() or cell == "-" for cell in cells[1:])
    return [cell.rjust(width) if numeric else cell.ljust(width) for cell in cells]


def _cell(value: object) -> str:
    if value is None or value == "":
        return "-"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _safe(text: str) -> str:
    """What came from elsewhere, so that it cannot steer a terminal."""
    return text if text.isprintable() else ascii(text)[1:-1]


def enrolled(document: Document) -> str:
    return (
        f"Enrolled at {document['collector']}: {document['dealer']}, for {document['customer']}, {document['site']}.\n"
        "Next: flexprint-agent segments, select what is to be searched, then flexprint-agent search"
    )


def settings(document: Document) -> str:
    rows = [(one["name"], _safe(one["value"]), _whose(one), one["about"]) for one in document["settings"]]
    lines = [_table(("setting", "value", "", "meaning"), rows)]
    lines += [
        f"to forbid your dealer the {group}: flexprint-agent {words}" for group, words in document["to_forbid"].items()
    ]
    return "\n".join(lines)


def _whose(row: Document) -> str:
    """Whose choice a value is, and what the other one chose."""
    own = _safe(row["own"] or row["default"])
    if row["dealer_holds"]:
        return f"set by your dealer ({'yours' if row['set'] else 'default'}: {own})"
    if row["from_dealer"] is not None:
        return f"your dealer asks for {_safe(row['from_dealer'])}: {row['why_not']}"
    return "" if row["set"] else "default"


def chosen(document: Document) -> str:
    """What add, exclude and remove did. Refusals go to stderr and are not repeated here."""
    lines = [
        f"{word}: {', '.join(document[name])}"
        for name, word in (
            ("added", "added"),
            ("excluded", "excluded"),
            ("selected", "selected"),
            ("deselected", "no longer selected"),
            ("removed", "removed"),
            ("known", "known already"),
        )
        if document.get(name)
    ]
    return "\n".join(lines) or "nothing changed"


def segments(document: Document) -> str:
    """The list, then what there is to know of the routers, then the next step."""
    rows = [
        (one["cidr"], one["addresses"], _named_by(one), ", ".join(("yes" if one["selected"] else "no", *_remarks(one))))
        for one in document["segments"]
    ]
    lines = [_table(("segment", "addresses", "named by", "selected"), rows) if rows else "No segment is known."]
    lines += ["", *_of_routers(document["gateway"])]
    if rows and not any(one["selected"] for one in document["segments"]):
        example = document["segments"][0]["cidr"]
        lines.append(f"Nothing is searched that is not selected: flexprint-agent segments select {example}")
    return "\n".join(lines)


def _named_by(segment: Document) -> str:
    words = {"local": "this computer", "gateway": "gateway", "hop": "router", "manual": "hand"}[segment["source"]]
    return f"{words} {segment['router']}" if segment["router"] else words


def _remarks(segment: Document) -> list[str]:
    remarks = {
        "excluded: nothing in it is asked": segment["excluded"],
        f"not named any more (last on {_when(segment['seen_at'])})": segment["gone"],
        "takes --yes, as it is larger than a /20": segment["large"] and not segment["selected"],
        f"at port {segment['port']}": segment["port"],
    }
    return [remark for remark, applies in remarks.items() if applies]


def _of_routers(gateway: Document) -> list[str]:
    """What the gateway did, in words, with what can be done where it did not do much."""
    if gateway["answered"]:
        lines = [f"The gateway {gateway['address']} was asked for its routes."]
        if gateway["error"]:
            lines.append(f"It tells none over SNMP ({gateway['error']}).")
        elif not gateway["whole"]:
            lines.append("It knows more routes than were taken, or stopped answering; add by hand what is missing.")
    elif gateway["excluded"]:
        lines = [f"The gateway {gateway['address']} was not asked, as it is excluded."]
    elif gateway["address"]:
        address = gateway["address"]
        steps = {
            "add 10.10.10.0/24": "names a segment by hand",
            "segments --community COMMUNITY": "asks the gateway once with a community of its own",
            f"credentials add --for {address} --community": "keeps one for it (or --user NAME, for SNMPv3)",
            "segments --gateway 10.10.10.1": "asks another router",
        }
        width = max(map(len, steps))
        lines = [f"The gateway {address} tells nothing ({gateway['error']}). That is usual. What can be done:"]
        lines += [f"  flexprint-agent {step:<{width}}  {what}" for step, what in steps.items()]
    else:
        lines = [f"No gateway was asked: {gateway['error']}. Name one with --gateway, or segments by hand with add."]
    if gateway["others"]:
        lines.append(f"This computer has other gateways, which were not asked: {', '.join(gateway['others'])}")
    for hop in gateway["hops"]:
        if hop["answered"] is None:
            lines.append(f"The router {hop['address']} behind it was not asked; segments --hops asks it.")
        elif hop["excluded"]:
            lines.append(f"The router {hop['address']} behind it was not asked, as it is excluded.")
        elif hop["error"]:
            lines.append(f"The router {hop['address']} behind it tells nothing ({hop['error']}).")
        else:
            lines.append(f"The router {hop['address']} behind it was asked for its routes.")
    return lines


def recipients(document: Document) -> str:
    told = [*document["recipients"], *(f"{one}  (added by your dealer)" for one in document["from_dealer"])]
    return "\n".join(told) or "no recipients; flexprint-agent recipients add office@example.com"


def credentials(document: Document) -> str:
    rows = [
        (
            one["number"],
            one["for"],
            one["user"] if one["kind"] == "user" else "(community)",
            one["auth"] or ("none" if one["kind"] == "user" else None),
            one["privacy"] or ("none" if one["kind"] == "user" else None),
            one["context"],
            f"{_count(one['refused_by'], 'device')}" if one["refused_by"] else "",
        )
        for one in document["credentials"]
    ]
    if not rows:
        return "no credentials; flexprint-agent credentials add --user NAME --auth-protocol SHA-256"
    return _table(("number", "for", "user", "authentication", "privacy", "context", "refused by"), rows)


def plan(document: Document) -> str:
    rows = [
        (one["target"], one["finder"], one["addresses"], one["packets"], one["bytes"], f"{one['seconds']:g}")
        for one in document["parts"]
    ]
    local = document["local"]
    return (
        _table(("target", "how", "addresses", "packets", "bytes", "seconds"), rows)
        + f"\n\n{_count(document['addresses'], 'address')}, at most {_count(document['packets'], 'packet')} "
        f"({document['bytes']:,} bytes) in about {document['seconds']:g} s, and a few packets for each device that "
        "answers. Where their answers show that packets get lost, silent addresses are asked again: at most "
        f"{_count(document['if_lossy']['packets'], 'packet')} in {document['if_lossy']['seconds']:g} s. "
        "Nothing was sent (only names were looked up)."
        + (f"\nOn cables of this computer, and read without a packet: {', '.join(local)}" if local else "")
    )


def search(document: Document) -> str:
    summary = (
        f"{_count(document['printers'], 'printer')} found ({document['new']} new), "
        f"{_count(document['answered'], 'device')} answered, {_count(document['asked'], 'address')} asked one by one, "
        f"{_count(document['packets'], 'packet')}, {document['seconds']:g} s"
    )
    rows = [
        (one["address"], one["manufacturer"], one["model"], one["serial"], "new" if one["new"] else "")
        for one in document["found"]
        if one["printer"] and one["same_as"] is None
    ]
    if document["loss"]:
        summary += (
            f"\nThe network loses packets (about {document['loss']:.0%} of requests get no answer), so addresses that "
            "were silent were asked again."
        )
    outside = [one["address"] for one in document["not_asked"] if not one["excluded"]]
    if outside:
        summary += (
            f"\n{_count(len(outside), 'address')} that no target covers said something and got no packet: "
            f"{', '.join(outside[:10])}{' ...' if len(outside) > 10 else ''}; `flexprint-agent add` what is a printer"
        )
    unheard = [f"{one['announced']} at {one['address']}" for one in document["found"] if _only_announced(one)]
    if unheard:
        summary += (
            f"\n{_count(len(unheard), 'printer')} announced but silent to SNMP: {', '.join(unheard[:10])}"
            f"{' ...' if len(unheard) > 10 else ''}; switch SNMP on there, or set its community"
        )
    return (_table(("address", "manufacturer", "model", "serial", ""), rows) + "\n\n" if rows else "") + summary


def _only_announced(one: Document) -> bool:
    return one["announced"] is not None and not one["answered"]


def device(one: Device, rest: Rest | None, manner: str | None) -> dict[str, Any]:
    """`manner` is how it is asked where it cannot be asked as any other."""
    trouble = rest and {
        "reason": rest.reason,
        "times": rest.times,
        "at": rfc3339(rest.since),
        "left_alone_until": rfc3339(rest.until),
    }
    return {
        "address": one.address,
        "port": one.port,
        "serial": one.identity.serial,
        "manufacturer": one.identity.manufacturer,
        "model": one.identity.model,
        "asset": one.identity.asset,
        "name": one.identity.name,
        "location": one.identity.location,
        "macs": list(one.identity.macs),
        "first_seen_at": rfc3339(one.first_seen_at),
        "last_read_at": instant(one.last_read_at),
        "silent_since": instant(one.silent_since),
        "trouble": trouble,
        "asked": manner,
        "meters": dict(one.meters),
    }


def devices(document: Document) -> str:
    rows = [
        (
            one["address"],
            one["manufacturer"],
            one["model"],
            one["serial"],
            one["meters"].get("total"),
            _when(one["last_read_at"]),
            "; ".join(filter(None, (_trouble(one["trouble"]), one["asked"]))),
        )
        for one in document["devices"]
    ]
    if not rows:
        return "no printer is known yet; find them with flexprint-agent search"
    return _table(("address", "manufacturer", "model", "serial", "total", "last read", "note"), rows)


def _trouble(trouble: Document | None) -> str:
    return f"left alone until {_when(trouble['left_alone_until'])}: {trouble['reason']}" if trouble else ""


def probe(document: Document) -> str:
    """One read for people: who it is, what it counted, what it needs."""
    if not document["answered"] or document["error"]:
        reason = document.get("reason") if not document["answered"] else None
        return f"{document['target']}: {document['error']}" + (f" ({reason})" if reason else "")
    if not document["printer"]:
        return f"{document['target']}: answers SNMP, but is no printer ({document['reason']})"
    identity = document["identity"]
    who = " ".join(filter(None, (identity["manufacturer"], identity["model"])))
    lines = [f"{document['target']}: {who or 'a printer'}, serial {identity['serial'] or 'not told'}"]
    if document["meters"]:
        told = (f"{meters.title(one['name'])} {one['value']:,} {one['unit']}" for one in document["meters"])
        lines.append("  meters    " + ", ".join(told))
    if document["supplies"]:
        lines.append("  supplies  " + ", ".join(map(_supply, document["supplies"])))
    condition = [document["status"]["state"], *document["status"]["errors"]]
    lines.append("  status    " + ", ".join(condition))
    lines += [f"  warning   {warning}" for warning in document["warnings"]]
    return "\n".join(lines)


def _supply(one: Document) -> str:
    level = one["state"] if one["percent"] is None else f"{one['percent']}%"
    return f"{one['name']} {level}"


def captured(document: Document) -> str:
    who = " ".join(filter(None, (document["manufacturer"], document["model"]))) or "a device of an unknown maker"
    taken = f"{_count(document['values'], 'value')} in {_count(document['packets'], 'packet')}"
    lines = [f"{who}: {taken}, {document['seconds']:g} s", f"  file      {document['file']}"]
    if document["masked"]:
        lines.append("  masked    serials, names, places, people, addresses; look it over before you send it")
    lines += [f"  left out  {one['oid']} ({one['reason']})" for one in document["left_out"]]
    lines.append(f"Next: flexprint-agent vendors check {document['file']}")
    return "\n".join(lines)


def vendors(document: Document) -> str:
    rows = ((one["file"], _few(one["makers"]), len(one["meters"])) for one in document["tables"])
    return _table(("table", "makers", "meters"), rows)


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


_MOST_SHOWN = 40


def checked(document: Document) -> str:
    """What a capture is explained as, and what is left."""
    read = document["read"]
    lines = [probe({**read, "target": document["file"]})]
    for one in document["tables"]:
        lines += [f"  table     {one['file']}: {why}" for why in one["why"]]
    if not document["tables"]:
        lines.append("  table     none applies: it gets the standard read")
    if read["printer"]:
        lines += [f"  from      {one['name']}: {one['oid'] or 'a sum'} ({one['source']})" for one in read["meters"]]
    lines += [f"  serial?   {one['oid']} = {one['text']}" for one in document["perhaps_serials"][:_MOST_SHOWN]]
    left = document["unexplained"]
    if left:
        lines.append(f"  not mapped, though it looks like a counter: {_count(len(left), 'number')}")
    lines += [f"    {one['oid']} = {one['value']:,}: {'; '.join(one['hints'])}" for one in left[:_MOST_SHOWN]]
    if len(left) > _MOST_SHOWN:
        lines.append(f"    and {len(left) - _MOST_SHOWN} more, which say less (--json shows all)")
    return "\n".join(lines)


def sent(document: Document) -> str:
    if not document["batches"]:
        return "nothing to send"
    taken = f"{_count(document['acknowledged'], 'batch')} with {_count(document['reads'], 'read')} acknowledged"
    lines = [f"{taken}, {document['bytes']:,} bytes sent"]
    if document["waiting"]:
        lines.append(f"{_count(document['waiting'], 'batch')} waiting")
    if document["refused"]:
        lines.append(f"{_count(document['refused'], 'batch')} refused for good and set aside")
    return "\n".join(lines)


def woken(document: Document) -> str:
    searched = "searched, " if document["searched"] else ""
    alone = "".join(
        f"{one['address']} is left alone until {_when(one['until'])}: {one['reason']}\n"
        for one in document["left_alone"]
    )
    unread = alone + "".join(
        f"{one['address']} answered and gave no read: {one['error']}\n" for one in document["unread"]
    )
    unread += "".join(f"{one['error']}\n" for one in document["not_asked"])
    return (
        f"{searched}{_count(document['read'], 'printer')} read, {document['silent']} silent, "
        f"{_count(document['packets'], 'packet')}, {document['seconds']:g} s\n{unread}{sent(document['sent'])}"
    )


def woken_in_a_line(document: Document) -> str:
    """For the log, which names no devices."""
    taken = sent(document["sent"]).replace("\n", ", ")
    searched = "searched, " if document["searched"] else ""
    return (
        f"{searched}{_count(document['read'], 'printer')} read, {document['silent']} silent, "
        f"{_count(document['packets'], 'packet')}, {document['seconds']:g} s; {taken}; "
        f"next wake {document['next_wake_at']}"
    )


_ASLEEP_BY_NOBODY = "not by itself; flexprint-agent service install has the system wake it"


def status(document: Document) -> str:
    if document["enrolled"]:
        home = f"{document['collector']} ({document['dealer']}, for {document['customer']}, {document['site']})"
    else:
        home = "none yet; flexprint-agent enroll --server URL --key KEY"
    spool = (
        f"{_count(document['pending_reads'], 'read')} pending, {_count(document['waiting_batches'], 'batch')} waiting"
    )
    if document["refused_batches"]:
        spool += f", {document['refused_batches']} refused for good"
    lines = [
        ("collector", home),
        ("printers", f"{document['printers']:,}"),
        ("spool", spool),
        ("last wake", _when(document["last_wake_at"]) + (" (at work now)" if document["at_work"] else "")),
        ("next wake", _when(document["next_wake_at"]) if document["next_wake_at"] else _ASLEEP_BY_NOBODY),
        ("last taken", _when(document["last_acknowledged_at"])),
        ("targets", ", ".join(document["targets"]) or "none"),
        ("excluded", ", ".join(document["exclusions"]) or "none"),
        ("recipients", ", ".join(document["recipients"]) or "none"),
        ("home", document["home"]),
    ]
    if document["last_error"]:
        lines.insert(3, ("last error", document["last_error"]))
    return "\n".join(f"{name:<12}{text}" for name, text in lines)


def doctor(document: Document) -> str:
    marks = {"ok": "ok", "trouble": "!!", "skipped": "--"}
    lines = [f"{marks[one['state']]}  {one['step']}: {one['told']}" for one in document["walk"]]
    if document["healthy"]:
        return "\n".join([*lines, "", "All is well."])
    wrong = [f"- {one['problem']}\n  Next: {one['next_step']}" for one in document["findings"]]
    return "\n".join([*lines, "", "What to do:", *wrong])


def batch(one: Batch) -> dict[str, Any]:
    return {
        "batch": one.number,
        "sequence": one.sequence,
        "hash": one.hash.hex(),
        "state": one.state,
        "reads": one.reads,
        "report": one.report_at is not None,
        "bytes": one.octets,
        "attempts": one.attempts,
        "made_at": rfc3339(one.made_at),
        "last_tried_at": instant(one.tried_at),
        "acknowledged_at": instant(one.settled_at) if one.state == "acknowledged" else None,
        "exported_at": instant(one.exported_at),
        "carried": one.carried,
        "error": one.last_error,
    }


def exported(document: Document) -> str:
    if not document["batches"]:
        return "Nothing waits to be sent; no file was written."
    what = f"{_count(document['batches'], 'batch')} with {_count(document['reads'], 'read')}"
    return (
        f"{what} written to {document['file']}. They wait here until the collector acknowledges them, by its file "
        "(flexprint-agent import) or at the next contact."
    )


def taken_back(document: Document) -> str:
    lines = [f"{_count(document['acknowledged'], 'batch')} acknowledged, {document['waiting']} waiting"]
    lines += [f"refused: {one['why']}" for one in document["refused"]]
    return "\n".join(lines)


def service(document: Document) -> str:
    lines = [*document["did"]]
    if not document["installed"]:
        lines.append("No service is installed." if not lines else "Nothing wakes the agent by itself now.")
        if document["asleep"]:
            lines.append(f"Somebody keeps it running by hand: {document['asleep']}.")
        return "\n".join(lines)
    running = "running" if document["running"] else f"not running ({document['says'] or 'unknown'})"
    lines.append(f"Installed as {document['kind']}, {running}: {document['where']}")
    if document["running"] and not document["asleep"]:
        lines.append(f"It does not look after {document['home']}; is another home named in it? Install it again.")
    lines.append(f"Next wake: {_when(document['next_wake_at'])}")
    return "\n".join(lines)


def told(document: Document) -> str:
    """What a check-in told, in clear."""
    if document["check_in"] is None:
        return "this agent has not checked in with a collector yet"
    return json.dumps(document["check_in"], indent=2, ensure_ascii=False)


def left_log(document: Document) -> str:
    """The log that left last, in clear."""
    left = document["log"]
    if left is None:
        return "no log has left yet; one leaves only when your dealer asks for it"
    return f"left on {_when(left['at'])}\n{left['log']}"


def batches(document: Document) -> str:
    rows = [
        (
            *map(one.get, ("batch", "state", "reads", "bytes")),
            "yes" if one["report"] else "",
            _when(one["last_tried_at"]),
            "yes" if one["carried"] else _when(one["exported_at"]) if one["exported_at"] else "",
        )
        for one in document["batches"]
    ]
    if not rows:
        return "no batch has left yet"
    return _table(("batch", "state", "reads", "bytes", "workbook", "sent", "in a file"), rows)


def whole_batch(document: Document) -> str:
    """The batch as it left, in clear: for people this is JSON too, only laid out."""
    return json.dumps(document, indent=2, ensure_ascii=False)
