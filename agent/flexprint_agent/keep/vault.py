"""Secrets at rest: communities, users of SNMPv3, the proxy's password, the agent's signing key.

ChaCha20-Poly1305 under a random key in a file that only the agent's own user may read; where the system protects keys
(`protect`), the file is worth nothing on another computer. Whoever copies the database alone (a backup, a support case)
has none of them.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from flexprint_agent.keep.errors import KeyMissing, NotWritable
from flexprint_agent.keep.protect import NotProtected, Protector, close_to_others, protector

FILE: Final = "key"
# A key file of the system's: this line with the name of what protects it, then what that gave.
_PROTECTED: Final = b"flexprint-agent key, protected by "
_KEY: Final = 32
_NONCE: Final = 12


class Vault:
    """Seals and opens secrets. `name` is bound to each, so that one cannot be put in the place of another."""

    def __init__(self, home: Path, protected_by: Protector | None = None) -> None:
        self._path = home / FILE
        is_root = hasattr(os, "geteuid") and os.geteuid() == 0
        self._protector = protected_by or protector(home, is_root=is_root)

    def close_to_others(self) -> str | None:
        """Sees to it that no other account can read the key. A word for the person where one could."""
        return close_to_others(self._path) if os.name == "posix" else None

    def seal(self, name: str, secret: bytes) -> bytes:
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        nonce = os.urandom(_NONCE)
        return nonce + ChaCha20Poly1305(self._key(make=True)).encrypt(nonce, secret, name.encode())

    def open(self, name: str, sealed: bytes) -> bytes:
        """Raises KeyMissing when the key file is gone or is another one."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        try:
            return ChaCha20Poly1305(self._key(make=False)).decrypt(sealed[:_NONCE], sealed[_NONCE:], name.encode())
        except InvalidTag:
            raise KeyMissing(
                f"{self._path} is not the key that {name} was kept under; "
                f"put the right file back, or set {name} again (enrol again for the signing key)"
            ) from None

    def _key(self, *, make: bool) -> bytes:
        try:
            kept = self._path.read_bytes()
        except FileNotFoundError:
            if not make:
                raise KeyMissing(
                    f"{self._path} is missing; put it back from where it was, or set the secrets and enrol again"
                ) from None
            kept = self._make()
        except OSError as error:
            raise NotWritable(f"{self._path} cannot be read ({error.strerror}); check who owns it") from error
        if len(kept) == _KEY:
            self._protect(kept)
            return kept
        return self._unprotected(kept)

    def _unprotected(self, kept: bytes) -> bytes:
        head, _, wrapped = kept.partition(b"\n")
        if not head.startswith(_PROTECTED):
            raise KeyMissing(f"{self._path} is not a key file; put the right one back")
        name = head.removeprefix(_PROTECTED).decode("ascii", "replace")
        if self._protector is None or self._protector.name != name:
            raise KeyMissing(f"{self._path} was made on another system ({name}); set the secrets and enrol again")
        try:
            key = self._protector.unwrap(wrapped)
        except NotProtected as error:
            raise KeyMissing(
                f"{self._path} does not open here: {error}. On another computer, set the secrets and enrol again"
            ) from None
        if len(key) != _KEY:
            raise KeyMissing(f"{self._path} is not a key file; put the right one back")
        return key

    def _protect(self, key: bytes) -> None:
        """Puts a key that stands in clear under the system's protection, if there is one and it gives the key back."""
        if self._protector is None:
            return
        # Where that fails, or the folder cannot be written, the key stays as safe as its file, until the next time.
        with contextlib.suppress(NotProtected, NotWritable):
            wrapped = self._protector.wrap(key)
            if self._protector.unwrap(wrapped) != key:
                return
            fresh = self._write(_PROTECTED + self._protector.name.encode() + b"\n" + wrapped)
            with self._plainly():
                fresh.replace(self._path)
                _sync_folder(self._path.parent)

    def _make(self) -> bytes:
        """A new key, whole on disk under its name before anything is sealed with it."""
        fresh = self._write(os.urandom(_KEY))
        with self._plainly():
            # A link never overwrites: where another process was quicker, its key is the one.
            with contextlib.suppress(FileExistsError):
                os.link(fresh, self._path)
            fresh.unlink()
            _sync_folder(self._path.parent)
            return self._path.read_bytes()

    def _write(self, content: bytes) -> Path:
        """Beside the key file, on disk, and closed to others before there is anything in it."""
        fresh = self._path.with_suffix(f".{os.getpid()}")
        with self._plainly():
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600)
            with os.fdopen(descriptor, "wb") as file:
                close_to_others(fresh)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        return fresh

    @contextlib.contextmanager
    def _plainly(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise NotWritable(
                f"{self._path} cannot be written ({error.strerror}); check the room on the disk and who owns the folder"
            ) from error


def _sync_folder(folder: Path) -> None:
    """The new name survives a power cut. Windows knows no such thing, and needs none."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
