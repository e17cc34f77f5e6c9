"""ZIP archives of parts that are written side by side, in little memory, and always to the same octets.

The standard library's writer takes one part after the other; a workbook's sheets are all written in one walk over the
devices. Each part is deflated into a file of its own, and the archive is put together at the end: local
headers, central directory, end record (APPNOTE.TXT 4.3), without the 64-bit extensions.
"""

import shutil
import struct
import zlib
from collections.abc import Sequence
from typing import IO, Final

# zlib's level 6 makes the file an eighth smaller and deflating three times as slow.
_LEVEL: Final = 2
_LARGEST: Final = 0xFFFF_FFFF
# 1980-01-01 00:00, the first day there is: the same rows give the same archive whenever it is made.
_DATE: Final = 1 << 5 | 1
_VERSION: Final = 20
_NAMES_ARE_UTF8: Final = 1 << 11
# Version, flags, method, time, date, CRC, deflated octets, octets, length of the name, length of extra fields.
_FACTS: Final = "HHHHHIIIHH"
_LOCAL: Final = struct.Struct(f"<4s{_FACTS}")
# Version made by; then comment, disk, attributes twice, where the local header stands.
_CENTRAL: Final = struct.Struct(f"<4sH{_FACTS}HHHII")
_END: Final = struct.Struct("<4sHHHHIIH")


class Overfull(Exception):
    """No workbook holds so much: so many rows on a sheet, or octets in its archive."""


class Part:
    """One file of an archive, deflated into `deflated` until the archive is put together."""

    def __init__(self, name: str, deflated: IO[bytes]) -> None:
        self.name = name
        self._deflated = deflated
        self._deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._crc = self._octets = 0

    def write(self, octets: bytes) -> None:
        self._crc = zlib.crc32(octets, self._crc)
        self._octets += len(octets)
        self._deflated.write(self._deflate.compress(octets))

    def finish(self) -> None:
        self._deflated.write(self._deflate.flush())

    def copy_to(self, file: IO[bytes]) -> bytes:
        """Writes it where the archive stands, and gives its entry in the directory. Raises Overfull."""
        at, deflated = file.tell(), self._deflated.tell()
        if max(at + deflated, self._octets) > _LARGEST:
            raise Overfull(f"{self.name} makes the file larger than 4 GiB, which nobody could open")
        name = self.name.encode()
        facts = (
            _VERSION, _NAMES_ARE_UTF8, zlib.DEFLATED, 0, _DATE, self._crc, deflated, self._octets, len(name), 0,
        )  # fmt: skip
        file.write(_LOCAL.pack(b"PK\3\4", *facts) + name)
        self._deflated.seek(0)
        shutil.copyfileobj(self._deflated, file)
        return _CENTRAL.pack(b"PK\1\2", _VERSION, *facts, 0, 0, 0, 0, at) + name


def put_together(file: IO[bytes], parts: Sequence[Part]) -> None:
    """Writes the archive of the finished parts, in their order, to a file that tells where it is. Raises Overfull."""
    entries = [part.copy_to(file) for part in parts]
    directory = b"".join(entries)
    at = file.tell()
    file.write(directory)
    file.write(_END.pack(b"PK\5\6", 0, 0, len(entries), len(entries), len(directory), at, 0))
