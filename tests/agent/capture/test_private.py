"""Jobs and communities stay where they are, wherever a maker keeps them."""

from flexprint_agent.capture.private import without_private
from flexprint_agent.snmp import ber

JOBS = "1.3.6.1.4.1.54321.7.1.2.1"


def values_of(table):
    return {ber.oid(name): (ber.OCTET_STRING, text.encode()) for name, text in table.items()}


def kept(table, communities=("public",)):
    values, left_out = without_private(values_of(table), communities)
    return {ber.dotted(name) for name in values}, left_out


def test_a_makers_table_that_names_documents_is_left_out_whole():
    """Who printed them stands in the next column."""
    table = {f"{JOBS}.4.1": "Kuendigung Meier.docx", f"{JOBS}.5.1": "h.mueller", f"{JOBS}.5.2": "a.schmidt"}
    labels = {"1.3.6.1.4.1.54321.7.1.3.1.2.1": "Total (Black/Large)"}
    assert kept(table | labels) == (set(labels), {JOBS: "its texts look like names of documents"})


def test_a_scalar_that_names_a_file_takes_nothing_with_it():
    table = {"1.3.6.1.4.1.54321.1.1.0": "Microsoft Word - offer", "1.3.6.1.4.1.54321.1.2.0": "4711"}
    assert kept(table)[0] == {"1.3.6.1.4.1.54321.1.2.0"}


def test_languages_and_formats_are_no_documents():
    table = {"1.3.6.1.2.1.43.15.1.1.5.1.5": "PDF", "1.3.6.1.4.1.54321.1.1.1.1": "PDF 1.7", f"{JOBS}.9.1": "Lexmark PDF"}
    assert kept(table) == (set(table), {})


def test_a_value_that_is_a_community_in_use_is_left_out():
    table = {
        f"{JOBS}.1.1": "geheim42",
        f"{JOBS}.1.2": "community geheim42 ok",
        f"{JOBS}.1.3": "ab",
        f"{JOBS}.1.4": "about",
    }
    names, left_out = kept(table, ("geheim42", "ab"))
    assert names == {f"{JOBS}.1.4"}
    assert left_out[f"{JOBS}.1.1"] == "it holds the community, the user or a password that the device is asked with"


def test_every_agents_first_guess_is_no_secret():
    table = {f"{JOBS}.1.1": "public", f"{JOBS}.1.2": "private"}
    assert kept(table, ("public", "private")) == (set(table), {})
