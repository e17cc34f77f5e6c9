"""What leaves says what people typed, and not what they want to keep."""

from dataclasses import replace

import pytest

from flexprint_agent.keep.leaving import HIDDEN, Leaving, Masks, mask_key
from flexprint_shared.readings import Alert, Status, Typed

KEY = bytes(32)
TYPED = Typed("Front desk", "INV-77", "By the lift")


@pytest.fixture
def read(a_read):
    """A printer that says its secrets in more than one place."""
    plain = a_read()
    return replace(
        plain,
        address="10.1.2.3",
        identity=replace(
            plain.identity,
            name="HR-PRINTER",
            location="Room 12, Miller",
            contact="Ada Miller",
            description="Kyocera at HR-PRINTER, ask Ada Miller",
        ),
        status=Status("idle", (), ("IP 10.1.2.3",)),
        alerts=(Alert("warning", 1, "Call Ada Miller in Room 12, Miller"),),
        warnings=("10.1.2.3 was slow",),
    )


def test_without_a_wish_a_read_leaves_as_it_is(read):
    assert Leaving().read(read, Typed()) == read


def test_what_was_typed_leaves_beside_what_the_device_says(read):
    leaving = Leaving().read(read, TYPED)
    assert leaving.typed == TYPED
    assert leaving.identity == read.identity


@pytest.mark.parametrize(
    ("masks", "secrets"),
    [
        (Masks(address=True), ["10.1.2.3"]),
        (Masks(host=True), ["HR-PRINTER"]),
        (Masks(location=True), ["Room 12, Miller", "By the lift"]),
        (Masks(contact=True), ["Ada Miller"]),
        (Masks(True, True, True, True), ["10.1.2.3", "HR-PRINTER", "Room 12", "Ada Miller", "By the lift"]),
    ],
)
def test_what_is_masked_stands_nowhere_in_what_leaves(read, masks, secrets):
    leaving = Leaving(masks, KEY).read(read, TYPED)
    for secret in secrets:
        assert secret not in repr(leaving), secret
    assert leaving.identity.serial == read.identity.serial
    assert leaving.meters == read.meters


def test_only_what_was_chosen_is_masked(read):
    leaving = Leaving(Masks(contact=True)).read(read, TYPED)
    assert leaving.identity.location == "Room 12, Miller"
    assert leaving.address == "10.1.2.3"
    assert leaving.alerts[0].description == f"Call {HIDDEN} in Room 12, Miller"


def test_a_masked_address_is_always_the_same_and_tells_nothing(read):
    leaving = Leaving(Masks(address=True), KEY)
    name = leaving.read(read, Typed()).address
    assert name == leaving.read(read, TYPED).address
    assert name.startswith("masked-")
    assert name != leaving.address("10.1.2.4", 161)
    assert name != Leaving(Masks(address=True), b"another home").address("10.1.2.3", 161)
    assert leaving.address("usb:Brother", 0) == "usb:Brother"


def test_a_short_name_does_not_black_out_every_text(read):
    short = replace(read, identity=replace(read.identity, name="HR"))
    assert "HR" in repr(Leaving(Masks(host=True)).read(short, Typed()).identity.description)


def test_the_name_of_this_computer_goes_with_the_host_names():
    assert Leaving(Masks(host=True)).host("FRONT-DESK") == ""
    assert Leaving().host("FRONT-DESK") == "FRONT-DESK"


def test_a_home_has_one_key_for_its_masks(keep):
    assert mask_key(keep.notes) == mask_key(keep.notes)
    assert len(mask_key(keep.notes)) == 32


def test_labels_are_kept_until_they_are_emptied(keep, a_read):
    keep.keep_read(a_read(), {})
    (device,) = keep.devices.all()
    keep.labels.put(device.id, TYPED)
    keep.labels.put(device.id, replace(TYPED, asset="INV-78"))
    assert keep.labels.of(device.id).asset == "INV-78"
    keep.labels.put(device.id, Typed())
    assert keep.labels.all() == {}
