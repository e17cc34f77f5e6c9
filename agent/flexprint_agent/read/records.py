"""Counters packed into one octet string: records of a code, a mark, a length and a value.

    00 01 04 00 00 0f 4a   code 0x00, mark 0x01, 4 octets: 3914
    a1 01 02 04 14         older firmware: 2 octets
    ff                     the end

Which code is which meter is data (`[[records]]` in a vendor table).
"""


def decode(octets: bytes, mark: int, end: int) -> dict[int, int]:
    """Code -> value, big endian. A value of ones only says "not applicable" and is left out.

    Stops at the end mark and at the first record that does not fit: what came before it stands. A code
    that comes twice keeps its first value. What is larger than a counter can be is for the caller to refuse.
    """
    values: dict[int, int] = {}
    at = 0
    while at + 3 <= len(octets) and octets[at] != end and octets[at + 1] == mark:
        size = octets[at + 2]
        value = octets[at + 3 : at + 3 + size]
        if not size or len(value) < size:
            break
        if value != b"\xff" * size:
            values.setdefault(octets[at], int.from_bytes(value, "big"))
        at += 3 + size
    return values
