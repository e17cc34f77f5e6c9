"""Reads as an agent makes them: one of a known printer, and every one that hypothesis can think of."""

import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

from hypothesis import strategies as st

from flexprint_shared.batch import STATE_LETTERS
from flexprint_shared.meters import METER_NAMES, UNITS, Source
from flexprint_shared.readings import Alert, Evidence, Identity, Meter, Read, Status, Supply, Typed

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

TONER = Supply("1.1", "TK-1170", "toner", "black", 42, "ok", 420, 1000, "percent")


def a_read(serial: str | None = "VD21457943", total: int = 7342, *, at: datetime = NOON, **identity: Any) -> Read:
    """A Kyocera on 10.1.2.3. `address` and what else is given goes where it belongs."""
    address = identity.pop("address", "10.1.2.3")
    facts = {
        "manufacturer": "Kyocera",
        "model": "ECOSYS P2040dw",
        "serial": serial,
        "macs": ("00:17:c8:b9:02:de",),
        "name": "KM1234",
        "location": "Reception",
        "firmware": "2.4.1",
        "sys_object_id": "1.3.6.1.4.1.1347.41",
        "description": "KYOCERA Document Solutions Printing System",
    }
    return Read(
        address=address,
        port=161,
        read_at=at,
        identity=Identity(**{**facts, **identity}),
        uptime_s=86400,
        color=False,
        meters=(
            Meter("total", total, "impressions", "1.3.6.1.4.1.1347.42.2.1.1.1.6.1", "vendor"),
            Meter("scan", 46, "scans", "1.3.6.1.4.1.1347.46.10.1.1.5.3", "vendor"),
        ),
        supplies=(TONER,),
        status=Status("idle", (), ("Ready.",)),
    )


def tells_all() -> Read:
    """One that says everything a device may say, what only few say too."""
    read = a_read(label="VD2145")
    return replace(
        read,
        engine_boots=12,
        meters=tuple(replace(meter, type="Counter32") for meter in read.meters),
        supplies=(replace(TONER, part="TK-1170", serial="CRUM-1"),),
        alerts=(Alert("warning", 1104, "Toner low", "untrained"),),
        typed=Typed("Front desk", "INV-77", "By the lift"),
    )


def tells_its_engine() -> Read:
    """One that says neither serial nor MAC address, and which SNMP engine it is."""
    return a_read("0000000", macs=(), engine="80001f88041234567890")


def fleet(count: int, *, at: datetime = NOON, grown: int = 0, first: int = 0) -> list[Read]:
    """Reads of `count` printers, each of its own serial, MAC and address."""
    return [
        a_read(
            f"VD{number:08d}",
            1000 * number + grown,
            at=at + timedelta(seconds=number),
            address=f"10.1.{number // 250}.{number % 250 + 1}",
            macs=(f"00:17:c8:00:{number // 256:02x}:{number % 256:02x}",),
        )
        for number in range(first, first + count)
    ]


# What a device may have told us: any text that JSON can carry. Surrogates cannot leave the agent as UTF-8.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
maybe_text = st.none() | texts
integers = st.integers(-(2**63), 2**63 - 1)
macs = st.binary(min_size=6, max_size=6).map(lambda octets: octets.hex(":"))
oids = st.lists(st.integers(0, 2**32 - 1), min_size=2, max_size=12).map(lambda arcs: ".".join(map(str, arcs)))
instants = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1)).map(  # noqa: DTZ001  hypothesis wants them naive
    lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000, tzinfo=UTC, fold=0)
)

meters = st.builds(
    Meter,
    st.sampled_from(METER_NAMES),
    integers,
    st.sampled_from(UNITS),
    st.none() | oids,
    st.sampled_from(get_args(Source)),
    st.none() | st.sampled_from(["Counter32", "INTEGER", "OCTET STRING"]),
)
supplies = st.builds(
    Supply,
    st.text(string.digits + ".", min_size=1, max_size=8),
    texts,
    texts,
    maybe_text,
    st.none() | st.integers(0, 100),
    st.sampled_from(sorted(STATE_LETTERS)),
    st.none() | integers,
    st.none() | integers,
    texts,
    maybe_text,
    maybe_text,
)
identities = st.builds(
    Identity,
    manufacturer=maybe_text,
    model=maybe_text,
    serial=maybe_text,
    macs=st.lists(macs, max_size=3).map(tuple),
    name=maybe_text,
    location=maybe_text,
    contact=maybe_text,
    asset=maybe_text,
    firmware=maybe_text,
    sys_object_id=st.none() | oids,
    description=maybe_text,
    label=maybe_text,
)
reads = st.builds(
    Read,
    address=texts,
    port=st.integers(0, 65535),
    read_at=instants,
    identity=identities,
    uptime_s=st.none() | st.integers(0, 2**32),
    color=st.none() | st.booleans(),
    meters=st.lists(meters, max_size=6).map(tuple),
    supplies=st.lists(supplies, max_size=4).map(tuple),
    status=st.builds(
        Status,
        st.sampled_from(["idle", "printing", "warmup", "other", "unknown"]),
        st.lists(texts, max_size=3).map(tuple),
        st.lists(texts, max_size=3).map(tuple),
    ),
    alerts=st.lists(st.builds(Alert, texts, st.none() | integers, texts, maybe_text), max_size=3).map(tuple),
    warnings=st.lists(texts, max_size=3).map(tuple),
    evidence=st.lists(
        st.builds(
            Evidence, oids, st.sampled_from(["OCTET STRING", "Counter32"]), st.binary(max_size=20).map(bytes.hex)
        ),
        max_size=2,
    ).map(tuple),
    engine_boots=st.none() | st.integers(0, 2**31 - 1),
    typed=st.none() | st.builds(Typed, texts, maybe_text, maybe_text),
    seconds=st.floats(0, 10),
    packets=st.integers(0, 20),
)


def later(read: Read, total: int, at: datetime) -> Read:
    """The same printer at another time."""
    counted = tuple(replace(meter, value=total) if meter.name == "total" else meter for meter in read.meters)
    return replace(read, read_at=at, meters=counted)
