"""Who a device is: the maker by several signs, the serial that is one, addresses that are its own."""

import pytest

from flexprint_agent.read.identity import parse_1284

SYS_DESCR = "1.3.6.1.2.1.1.1.0"
SYS_OBJECT_ID = "1.3.6.1.2.1.1.2.0"
DEVICE = "1.3.6.1.2.1.25.3.2.1.3.1"
SERIAL = "1.3.6.1.2.1.43.5.1.1.17.1"
PORT_MONITOR_1284 = "1.3.6.1.4.1.2699.1.2.1.2.1.1.3.1"
HP_1284 = "1.3.6.1.4.1.11.2.3.9.1.1.7.0"


def oid(dotted):
    from flexprint_agent.snmp import ber

    return ber.OBJECT_ID, ber.oid(dotted)


@pytest.mark.parametrize(
    ("table", "manufacturer", "model"),
    [
        (
            {SYS_DESCR: "KYOCERA Document Solutions Printing System", DEVICE: "ECOSYS P2040dw"},
            "Kyocera",
            "ECOSYS P2040dw",
        ),
        (
            {SYS_DESCR: "Brother NC-6800h, Firmware Ver.1.01", DEVICE: "Brother HL-5370DW series"},
            "Brother",
            "HL-5370DW series",
        ),
        ({SYS_DESCR: "Brother NC-8400w, Firmware Ver.D"}, "Brother", None),  # names the network card
        ({SYS_DESCR: "HP ETHERNET MULTI-ENVIRONMENT,SN:X,FN:1,SVCID:2,PID:HP LaserJet 4100"}, "HP", "LaserJet 4100"),
        (
            {
                SYS_DESCR: "HP ETHERNET MULTI-ENVIRONMENT,ROM J.sp.00,JETDIRECT EX",
                SYS_OBJECT_ID: oid("1.3.6.1.4.1.1347.41"),
            },
            "HP",
            None,
        ),
        # Rebrands keep the tree of who built them: the text says what people call it.
        (
            {SYS_DESCR: "TOSHIBA e-STUDIO305CS version NH63", SYS_OBJECT_ID: oid("1.3.6.1.4.1.641.2.71107164")},
            "Toshiba",
            "e-STUDIO305CS",
        ),
        (
            {
                SYS_DESCR: "SAVIN MP C4503 1.18 / SAVIN Network Printer C model",
                SYS_OBJECT_ID: oid("1.3.6.1.4.1.367.1.1"),
            },
            "Savin",
            "MP C4503",
        ),
        ({SYS_DESCR: "FUJI XEROX DocuPrint CM305 df; Net 16.41"}, "Fuji Xerox", "DocuPrint CM305 df"),
        ({SYS_DESCR: "Xerox AltaLink C8045; SS 100.002"}, "Xerox", "AltaLink C8045"),
        # Versions and the serial number stand behind the model, in hrDeviceDescr too.
        ({DEVICE: "Xerox Phaser 6600DN; Net 75.40, ESS 201309", SERIAL: "A2T123456"}, "Xerox", "Phaser 6600DN"),
        ({DEVICE: "Acme L5 S/N: 72BB123 v2", SERIAL: "72BB123"}, None, "Acme L5"),
        ({DEVICE: "Acme L5, Serial No. 72BB123", SERIAL: "72BB123"}, None, "Acme L5"),
        ({DEVICE: "Acme Sn72 72BB123", SERIAL: "72BB123"}, None, "Acme Sn72"),
        ({DEVICE: "72BB123", SERIAL: "72BB123"}, None, "72BB123"),
        ({DEVICE: "Acme L5100", SERIAL: "510"}, None, "Acme L5100"),
        ({SYS_DESCR: "Canon TM-300 /P"}, "Canon", "TM-300"),
        ({DEVICE: "Lexmark MX711 74636C6601F5N LW62.TU.P636"}, "Lexmark", "MX711"),
        # The 1284 id often names a family; the device's own description does not.
        (
            {DEVICE: "HP LaserJet MFP M130nw", HP_1284: "MFG:HP;MDL:HP LaserJet MFP M129-M134;CLS:PRINTER;"},
            "HP",
            "LaserJet MFP M130nw",
        ),
        (
            {DEVICE: "Generic 28C-1", PORT_MONITOR_1284: "MFG:KONICA MINOLTA;MDL:bizhub C258;"},
            "Konica Minolta",
            "bizhub C258",
        ),
        # Many makers answer HP's object for the 1284 id.
        ({SYS_DESCR: "OKI OkiLAN 9450g", HP_1284: "MANUFACTURE:OKI UK LTD;MODEL:MC873;CLASS:PRINTER;"}, "OKI", "MC873"),
        ({SYS_OBJECT_ID: oid("1.3.6.1.4.1.1347.41")}, "Kyocera", None),
        ({SYS_DESCR: "Acme Wonder Printer 3000"}, None, "Acme Wonder Printer 3000"),
        ({}, None, None),
    ],
)
def test_maker_and_model_are_called_what_people_call_them(read_of, table, manufacturer, model):
    identity = read_of(table).identity
    assert (identity.manufacturer, identity.model) == (manufacturer, model)


@pytest.mark.parametrize(
    ("table", "serial"),
    [
        ({SERIAL: "VD21457943"}, "VD21457943"),
        ({SERIAL: "", SYS_DESCR: "HP Laser MFP 131 133 135-138; V3.82; S/N BRBSQ2G13Q"}, "BRBSQ2G13Q"),
        ({SYS_DESCR: "HP ETHERNET MULTI-ENVIRONMENT,SN:AAA0A00000,FN:1G11F33"}, "AAA0A00000"),
        ({PORT_MONITOR_1284: "MFG:Kyocera;MDL:P2040;SER:VD21457943;"}, "VD21457943"),
        ({PORT_MONITOR_1284: "MFG:Kyocera;MDL:P2040;SERN:VD21457943;"}, "VD21457943"),
        # A placeholder gives way to a serial that is one
        ({SERIAL: "0000000000", PORT_MONITOR_1284: "MFG:Kyocera;MDL:P2040;SN:VD21457943;"}, "VD21457943"),
        ({SERIAL: "XXXXXXXXXX", SYS_DESCR: "Brother NC-1; S/N E71234J5"}, "E71234J5"),
        # and is told where there is no other: it is what the device says.
        ({SERIAL: "0000000000"}, "0000000000"),
        ({}, None),
        ({SERIAL: 511796600}, "511796600"),  # a number where a text is due
        # The maker's own object; HP's has the symbol set word of a PML string.
        ({SYS_DESCR: "HP x", "1.3.6.1.4.1.11.2.3.9.4.2.1.1.3.3.0": b"\x01\x15VNCRC48198"}, "VNCRC48198"),
        # Another maker's answer at HP's object is not its serial.
        ({SYS_DESCR: "Brother x", SERIAL: "E71234", "1.3.6.1.4.1.11.2.3.9.4.2.1.1.3.3.0": b"\x01\x15OTHER"}, "E71234"),
    ],
)
def test_the_serial_is_the_first_that_identifies_something(read_of, table, serial):
    assert read_of(table).identity.serial == serial


def test_a_placeholder_is_told_as_one(read_of):
    assert any("placeholder" in warning for warning in read_of({SERIAL: "1234567890"}).warnings)


def test_only_addresses_that_belong_to_one_device_are_kept(read_of):
    """Locally administered, zero, broadcast, multicast, short and repeated ones are not."""
    given = [
        "0017c8b902de",
        "aabbccddeeff",
        "000000000000",
        "ffffffffffff",
        "0017c8b902de",
        "0017c8",
        "01005e000001",
        "0017c8b3988b",
        "",
    ]
    table = {f"1.3.6.1.2.1.2.2.1.6.{row}": bytes.fromhex(mac) for row, mac in enumerate(given, 1)}
    assert read_of(table).identity.macs == ("00:17:c8:b9:02:de", "00:17:c8:b3:98:8b")


def test_names_that_people_gave_are_told_as_they_are(read_of):
    table = {
        "1.3.6.1.2.1.1.5.0": "",
        "1.3.6.1.2.1.1.6.0": "2nd floor",
        "1.3.6.1.2.1.1.4.0": "",
        "1.3.6.1.2.1.43.5.1.1.16.1": "Anna",
    }
    identity = read_of(table).identity
    assert (identity.name, identity.location, identity.contact) == ("Anna", "2nd floor", None)


def test_a_sys_object_id_sent_as_text_is_one_all_the_same(read_of):
    """Toshiba TEC sends dots."""
    assert read_of({SYS_OBJECT_ID: ".1.3.6.1.4.1.1129.1.2.1"}).identity.sys_object_id == "1.3.6.1.4.1.1129.1.2.1"
    assert read_of({SYS_OBJECT_ID: oid("0.0")}).identity.sys_object_id is None


@pytest.mark.parametrize(
    ("text", "known"),
    [
        (
            "MFG:Xerox; CMD:PCL, PJL; MDL:AltaLink C8045; CLS:Printer;",
            {"maker": "Xerox", "model": "AltaLink C8045", "class": "Printer"},
        ),
        ("MANUFACTURER:Zebra;MODEL:ZTC;SERIALNUMBER:7;", {"maker": "Zebra", "model": "ZTC", "serial": "7"}),
        ("MFG:A;MFG:B", {"maker": "A"}),
        ("MFG:;MDL", {}),
        ("DES:with:colon", {"description": "with:colon"}),
        ("", {}),
    ],
)
def test_a_1284_id_is_read_by_its_long_and_short_keys(text, known):
    assert parse_1284(text) == known


HP_SERIAL = "1.3.6.1.4.1.11.2.3.9.4.2.1.1.3.3.0"


def test_what_was_cleaned_from_a_text_stays_visible(read_of):
    read = read_of({SYS_DESCR: "HP x", HP_SERIAL: b"\x01\x15VNCRC48198\0", "1.3.6.1.2.1.1.6.0": b"2nd\x07floor"})
    assert (read.identity.serial, read.identity.location) == ("VNCRC48198", "2nd floor")
    assert {item.oid: bytes.fromhex(item.value) for item in read.evidence} == {
        HP_SERIAL: b"\x01\x15VNCRC48198\0",
        "1.3.6.1.2.1.1.6.0": b"2nd\x07floor",
    }
    assert read_of({SYS_DESCR: "Zebra", SERIAL: b"7062184  \0"}).evidence == ()


@pytest.mark.parametrize(
    ("descr", "serial", "label"),
    [
        ("Lexmark MX711 version NH62", "74636C6601F5N-130-0", "74636C6601F5N"),
        ("Dell B3460dn Laser Printer version NH5.CY.N543 kernel 3.0.0 All-N-1", "1234567-131-0", "1234567"),
        ("Lexmark X950", "7558100451987", None),
        ("KYOCERA x", "VD2145-130-0", None),  # another maker's dash is part of the serial
    ],
)
def test_the_label_shows_less_than_the_device_says(read_of, descr, serial, label):
    """Both are kept: the one identifies the device, the other is what a person reads off it."""
    identity = read_of({SYS_DESCR: descr, SERIAL: serial}).identity
    assert (identity.serial, identity.label) == (serial, label)


def test_the_serial_of_a_network_card_is_not_the_printers(read_of):
    """Zebra: prtGeneralSerialNumber may be the card's; the printer's own stands in the maker's tree."""
    table = {SYS_DESCR: "ZebraNet Wired PS", SERIAL: "7062184", "1.3.6.1.4.1.683.1.5.0": "7062184"}
    assert read_of(table | {"1.3.6.1.4.1.10642.200.19.5.0": "37J162600538"}).identity.serial == "37J162600538"


@pytest.mark.parametrize(
    "texts",
    [
        {DEVICE: "HP Laser MFP 131 133 135-138"},
        {SYS_DESCR: "HP Color Laser 150nw"},
        {PORT_MONITOR_1284: "MFG:HP;MDL:HP Laser MFP 137fnw;CLS:PRINTER;"},
        {SYS_OBJECT_ID: oid("1.3.6.1.4.1.236.11.5.1"), SYS_DESCR: "Xerox Phaser 3435"},
        {DEVICE: "Xerox WorkCentre 3220"},
    ],
)
def test_a_machine_is_read_by_the_table_of_who_built_it(read_of, texts):
    """Samsung built these: by the tree they answer under, or by the model where that tells nothing."""
    table = texts | {f"1.3.6.1.4.1.236.11.5.11.53.11.2.1.{column}.1": given for column, given in ((2, 1), (7, 535))}
    read = read_of(table)
    assert read.identity.manufacturer in ("HP", "Xerox")
    assert read.meter("print") == 535


def test_a_print_server_for_several_printers_is_told_and_one_is_read(read_of):
    life, level = "1.3.6.1.2.1.43.10.2.1.4", "1.3.6.1.2.1.43.11.1.1.9"
    table = {
        f"{life}.1.1": 500,
        f"{life}.2.1": 90,
        f"{level}.1.1": 40,
        f"{level}.2.1": 50,
        f"{SERIAL[:-2]}.1": "A1B2C3",
    }
    read = read_of(table)
    assert (read.meter("total"), [supply.index for supply in read.supplies]) == (500, ["1.1"])
    assert any("several printers (hrDevice 1, 2); 1 is the one" in warning for warning in read.warnings)


@pytest.mark.parametrize(
    ("told", "engine"),
    [
        (b"\x80\x00\x05\x3d\x03\x00\x17\xc8\xb9\x02\xde", "8000053d030017c8b902de"),
        (b"\x80", None),
        (b"x" * 33, None),
        (b"", None),
    ],
)
def test_the_snmp_engine_is_told_as_it_is_where_it_is_one(read_of, told, engine):
    assert read_of({"1.3.6.1.6.3.10.2.1.1.0": told}).identity.engine == engine
