"""SNMPv3 from the command line, against printers that speak nothing else."""

import subprocess
import sys

import pytest

from flexprint_agent.cli.parser import parse
from lab.office import office
from lab.secured import Account, Safe, Secured
from lab.site import Lab

linux = pytest.mark.skipif(sys.platform != "linux", reason="the simulated site needs Linux")
AUTH, PRIVACY = "a good password", "another password"
PRINTER, OTHER = "127.31.0.1", "127.31.0.2"
PROTOCOLS = ("--auth-protocol", "sha256", "--privacy-protocol", "AES")


@pytest.fixture(scope="module")
def machines():
    return [one for one in office() if one.truth and one.truth.total and not one.quirks.as_json()][:3]


@pytest.fixture(scope="module")
def printers(machines):
    account = Account("meter", "SHA-256", AUTH, "AES-128", PRIVACY)
    with Secured([Safe(PRINTER, machines[0].rows, (account,)), Safe(OTHER, machines[1].rows, (account,))]) as running:
        yield running


@pytest.fixture
def quick(agent, printers):
    printers.forget()
    agent("settings", "snmp_timeout", "0.5")
    agent("settings", "snmp_retries", "0")
    agent("settings", "search_timeout", "0.3")
    return agent


def meter(agent, *more, typed=f"{AUTH}\n{PRIVACY}\n"):
    return agent("credentials", "add", "--user", "meter", *PROTOCOLS, *more, typed=typed)


def test_a_credential_is_listed_without_its_secrets(agent):
    meter(agent, "--for", "10.1.2.0/24")
    agent("credentials", "add", "--community", typed="s3cr3t\n")
    told = [agent("credentials", "list"), agent("credentials", "list", "--json"), agent("status"), agent("doctor")]
    listed = told[1].json["credentials"]
    assert [(one["number"], one["for"], one["kind"], one["user"]) for one in listed] == [
        (1, "10.1.2.0/24", "user", "meter"),
        (2, "all", "community", None),
    ]
    assert (listed[0]["auth"], listed[0]["privacy"]) == ("SHA-256", "AES-128")
    for one in told:
        assert not any(secret in one.out + one.err for secret in (AUTH, PRIVACY, "s3cr3t"))


def test_a_credential_is_removed_by_its_number(agent):
    meter(agent)
    assert agent("credentials", "remove", "1", "--json").json == {"credentials": []}
    gone = agent("credentials", "remove", "1")
    assert gone.status == 2
    assert "there is no credential 1" in gone.err


def test_credentials_of_one_scope_are_put_in_order(agent):
    for community in ("one", "two"):
        agent("credentials", "add", "--community", typed=f"{community}\n")
    meter(agent, "--for", "10.1.2.3")
    listed = agent("credentials", "sooner", "2", "--json").json["credentials"]
    assert [one["number"] for one in listed] == [2, 1, 3]
    assert agent("credentials", "sooner", "9").status == 2
    assert agent("credentials", "sooner").status == 2


def test_the_same_credential_twice_is_one(agent):
    meter(agent)
    again = meter(agent)
    assert (again.status, "was there already" in again.err) == (0, True)
    assert len(agent("credentials", "list", "--json").json["credentials"]) == 1


@pytest.mark.parametrize(
    ("words", "typed", "complaint"),
    [
        (("--user", "m", "--auth-protocol", "SHA-3"), "", "'SHA-3' is not known; it is none or one of MD5"),
        (("--user", "m", "--auth-protocol", "MD5"), "short\n", "the authentication password has 8 to 255 characters"),
        (("--user", "m", "--auth-protocol", "MD5"), "", "the authentication password has 8 to 255 characters"),
        (("--user", "m", "--privacy-protocol", "AES"), f"{PRIVACY}\n", "no privacy without authentication"),
        (("--user", "m", "--auth-password", "-"), "", "--auth-password needs --auth-protocol"),
        (("--user", "x" * 40), "", "a user name has 1 to 32 octets"),
        (("--user", "m", "--for", "10.0.0.0/99"), "", "this is no block of addresses"),
        (("--community", "a,b"), "", "this is more than one community"),
    ],
)
def test_what_cannot_be_is_refused_and_not_kept(agent, words, typed, complaint):
    said = agent("credentials", "add", *words, typed=typed)
    assert said.status == 2
    assert complaint in said.err
    assert "short" not in said.err
    assert agent("credentials", "list", "--json").json == {"credentials": []}


@pytest.mark.parametrize(
    "words",
    [
        ("add",),
        ("add", "--user", "m", "--community"),
        ("add", "5", "--user", "m"),
        ("remove",),
        ("remove", "one"),
        ("list", "--user", "m"),
        ("list", "--for", "10.1.1.1"),
    ],
)
def test_what_does_not_go_together_is_wrong_usage(words):
    with pytest.raises(SystemExit) as stop:
        parse(["credentials", *words])
    assert stop.value.code == 2


@linux
def test_a_probe_over_v3_needs_no_enrolment_and_no_home(agent, printers, machines, tmp_path):
    place = f"{PRINTER}:{printers.port}"
    said = agent(
        "probe", place, "--version", "3", "--user", "meter", *PROTOCOLS, "--json", typed=f"{AUTH}\n{PRIVACY}\n"
    )
    assert said.status == 0
    assert said.json["identity"]["serial"] == machines[0].truth.serial
    totals = {one["name"]: one["value"] for one in said.json["meters"]}
    assert totals["total"] == machines[0].truth.total
    assert not (tmp_path / "home").exists()


@linux
@pytest.mark.parametrize(
    ("name", "auth", "privacy", "told", "step"),
    [
        ("nobody", AUTH, PRIVACY, "it does not know the user nobody", "create this user on the printer"),
        (
            "meter",
            "not the password",
            PRIVACY,
            "authentication password or protocol (SHA-256)",
            "enter the authentication",
        ),
    ],
)
def test_a_probe_says_what_is_wrong_and_what_to_do(agent, printers, name, auth, privacy, told, step):
    place = f"{PRINTER}:{printers.port}"
    said = agent("probe", place, "--user", name, *PROTOCOLS, "--timeout", "0.5", typed=f"{auth}\n{privacy}\n")
    assert said.status == 1
    assert told in said.out
    assert f"Next: {step}" in said.out
    assert auth not in said.out + said.err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--version", "3"), "as whom? Add --user NAME"),
        (("--version", "2c", "--user", "m"), "--user is of SNMPv3"),
        (("--auth-protocol", "MD5"), "SNMPv3 needs a user"),
    ],
)
def test_a_probe_that_makes_no_sense_is_wrong_usage(agent, words, complaint):
    said = agent("probe", "127.0.0.1", *words)
    assert said.status == 2
    assert complaint in said.err


@linux
def test_a_probe_takes_what_the_home_keeps(quick, printers):
    meter(quick, "--for", PRINTER)
    place = f"{PRINTER}:{printers.port}"
    assert quick("probe", place, "--version", "3").status == 0
    assert quick("probe", place).status == 0
    assert quick("probe", f"{OTHER}:{printers.port}", "--version", "3").status == 2


@linux
def test_a_wake_reads_a_v3_printer_among_v2c_ones(quick, enrolled, printers, machines):
    """The first read discovers the engine, the second knows it; the doctor is content; no secret left the site."""
    meter(quick, "--for", PRINTER)
    with Lab([machines[2]]) as lab:
        plain = f"{machines[2].address}:{lab.port}"
        place = f"{PRINTER}:{printers.port}"
        quick("add", place, plain)
        assert quick("read", place, plain).status == 0
        printers.forget()
        woken = quick("wake", "--json").json
        assert (woken["read"], woken["silent"], woken["unread"]) == (2, 0, [])
        first = printers.packets(PRINTER)
        printers.forget()
        printers.restart(PRINTER)
        assert quick("read", "--json").status == 0
        assert printers.packets(PRINTER) <= 3, first
    serials = {one["serial"] for one in quick("devices", "--json").json["devices"]}
    assert serials == {machines[0].truth.serial, machines[2].truth.serial}
    sent = "".join(quick("sent", number).out for number in (1,))
    assert not any(secret in sent for secret in (AUTH, PRIVACY, 'meter"'))


@linux
def test_wrong_credentials_are_not_hammered_and_the_doctor_names_them(quick, printers, machines):
    """One packet a day for a user that is refused, however often the agent wakes."""
    place = f"{PRINTER}:{printers.port}"
    meter(quick, "--for", PRINTER)
    quick("add", place)
    assert quick("read", place).status == 0
    quick("credentials", "remove", "1")
    meter(quick, "--for", PRINTER, typed=f"not the password\n{PRIVACY}\n")
    printers.forget()
    for _ in range(3):
        quick("read")
    # The first time discovers nothing anew and is refused once; later only the community is tried.
    refused = 1
    assert printers.packets(PRINTER) <= refused + 3 * 2
    findings = {one["finding"]: one for one in quick("doctor", "--json").json["findings"]}
    assert "printers-silent" not in findings
    told = findings["snmpv3-refused"]
    assert f"{machines[0].truth.model} at {PRINTER} refuses credential 2: it knows the user meter" in told["problem"]
    assert "enter the authentication password and protocol again" in told["next_step"]
    assert quick("credentials", "list", "--json").json["credentials"][0]["refused_by"] == 1
    # A person who named it is not made to wait.
    quick("credentials", "remove", "2")
    meter(quick, "--for", PRINTER)
    assert quick("read", place).status == 0
    assert "snmpv3-refused" not in quick("doctor").out


def test_a_wake_without_v3_imports_nothing_of_it(tmp_path):
    program = (
        "import sys\n"
        "from flexprint_agent.cli import main\n"
        "main(['--home', sys.argv[1], 'add', '127.99.0.1:9'])\n"
        "main(['--home', sys.argv[1], 'settings', 'snmp_timeout', '0.1'])\n"
        "main(['--home', sys.argv[1], 'settings', 'search_timeout', '0.1'])\n"
        "main(['--home', sys.argv[1], 'wake'])\n"
        "main(['--home', sys.argv[1], 'read', '127.99.0.1:9'])\n"
        "foreign = [name for name in sys.modules if name.startswith(('pysnmp', 'pyasn1')) or name.endswith(('snmp.v3', 'snmp.usm'))]\n"
        "assert not foreign, foreign\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@linux
def test_a_capture_is_taken_over_v3_and_holds_no_secret(quick, printers, tmp_path):
    place, file = f"{PRINTER}:{printers.port}", tmp_path / "one.snmprec"
    said = quick("capture", place, "--user", "meter", *PROTOCOLS, "--output", file, typed=f"{AUTH}\n{PRIVACY}\n")
    assert said.status == 0, said.err
    text = file.read_text()
    assert "v3" in text
    assert not any(secret in text for secret in (AUTH, PRIVACY))


@linux
def test_a_search_finds_v3_printers_where_there_is_a_user_for_them(quick, printers, machines):
    """The plan counts two packets more for an address in the user's scope, and the search keeps to it."""
    places = [f"{PRINTER}:{printers.port}", f"{OTHER}:{printers.port}", f"127.31.9.9:{printers.port}"]
    quick("add", *places)
    assert quick("search", "--plan", "--json").json["packets"] == 3 * 2
    assert quick("search", "--json").json["answered"] == 0
    meter(quick, "--for", PRINTER)
    assert quick("search", "--plan", "--json").json["packets"] == 3 * 2 + 2
    found = quick("search", "--json").json
    assert [(one["address"], one["serial"]) for one in found["found"]] == [(PRINTER, machines[0].truth.serial)]
    # One that is known is asked for its engine again, and then as what worked.
    assert quick("read").status == 0
    printers.forget()
    assert quick("search", "--json").json["printers"] == 1
    assert printers.packets(PRINTER) <= 8
    assert printers.packets(OTHER) == 2


@linux
def test_a_printer_that_refuses_its_user_is_found_out_by_the_search_and_named(quick, printers):
    quick("add", f"{PRINTER}:{printers.port}")
    quick("credentials", "add", "--user", "nobody", "--auth-protocol", "MD5", typed=f"{AUTH}\n")
    searched = quick("search", "--json").json
    assert (searched["answered"], searched["printers"]) == (1, 0)
    assert "it does not know the user nobody" in searched["found"][0]["reason"]
    (told,) = [one for one in quick("doctor", "--json").json["findings"] if one["finding"] == "snmpv3-refused"]
    assert f"The device at {PRINTER}, port {printers.port}, refuses credential 1" in told["problem"]
    assert "create this user on the printer" in told["next_step"]
