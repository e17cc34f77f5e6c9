import pytest

from flexprint_agent.keep.leaving import HIDDEN, Leaving, Masks
from flexprint_agent.keep.masking import Names, forms, masked, without

KEY = b"k" * 32
ALL = Leaving(Masks(address=True, host=True, location=True, contact=True), KEY)
NAMES = Names(
    hosts=("KM-4711.corp.example", "KM-4711", "pc7", "a.*b(", "a"),
    locations=("2nd floor, by the lift",),
    contacts=("Ada <ada@example.com>",),
    folders=("/home/ada",),
)


def made_up(address):
    return ALL.address(address, 161)


@pytest.mark.parametrize(
    ("text", "leaves"),
    [
        ("10.1.2.3 is silent.", f"{made_up('10.1.2.3')} is silent."),
        ("no answer at 10.1.2.3:161 within 2 s", f"no answer at {made_up('10.1.2.3')}:161 within 2 s"),
        ("not 10.1.2.3.", f"not {made_up('10.1.2.3')}."),
        ("fd00::17 and [fe80::1%eth0]:161", f"{made_up('fd00::17')} and [{made_up('fe80::1%eth0')}]:161"),
        ("excluded 10.1.2.*, 10.1.2.5-40 and 10.1.0.0/16", f"excluded {HIDDEN}, {HIDDEN} and {HIDDEN}/16"),
        ("km-4711.CORP.example is not known", f"{HIDDEN} is not known"),
        ("KM-4711 and PC7, not pc71", f"{HIDDEN} and {HIDDEN}, not pc71"),
        ("what a.*b( is, a printer says", f"what {HIDDEN} is, {HIDDEN} printer says"),
        ("2ND FLOOR, by the lift", HIDDEN),
        ('File "/home/ada/agent/wake.py", line 3', 'File "~/agent/wake.py", line 3'),
        ("ask Ada <ada@example.com>", f"ask {HIDDEN}"),
        ("Ada%20%3Cada%40example.com%3E", HIDDEN),
        # What is no address stays: a time, a card, an object, a version.
        ("08:30:00 00:17:c8:b9:00:01 1.3.6.1.2.1.43", "08:30:00 00:17:c8:b9:00:01 1.3.6.1.2.1.43"),
        ("next wake 2026-11-23T08:00:00Z; 40 printers read", "next wake 2026-11-23T08:00:00Z; 40 printers read"),
    ],
)
def test_what_the_site_keeps_to_itself_is_taken_out_of_a_sentence(text, leaves):
    assert masked(text, ALL, NAMES) == leaves


def test_without_a_mask_a_sentence_leaves_as_it_is_but_for_whose_account_it_is():
    text = "KM-4711 at 10.1.2.3, 2nd floor, by the lift: /home/ada/x"
    assert masked(text, Leaving(), NAMES) == text.replace("/home/ada", "~")


def test_a_printer_with_the_name_of_a_word_takes_it_out_of_no_other():
    told = masked("40 printers read, the printer (PRINTER_2, printer.corp) too", ALL, Names(hosts=("printer",)))
    assert told == f"40 printers read, the {HIDDEN} ({HIDDEN}_2, {HIDDEN}.corp) too"


def test_a_secret_is_found_inside_of_words():
    assert without("user:s3cr3tpass, ab, abc", {"s3cr3t", "ab"}, longest_word=3) == f"user:{HIDDEN}pass, {HIDDEN}, abc"


def test_a_name_is_found_as_a_log_writes_it():
    hostile = 'Line1\nLine2\x1b[31m "quoted" \u202egnp.exe'
    logged = "".join(letter if letter.isprintable() else "?" for letter in hostile)
    for written in (hostile, logged, repr(hostile), f"http://x/{next(iter(forms(hostile)))}"):
        assert "Line2" not in masked(f"error: {written}", ALL, Names(hosts=(hostile,)))
