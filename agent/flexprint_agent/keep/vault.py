"""Secrets at rest: communities, the proxy's password, the agent's signing key.

ChaCha20-Poly1305 under a random key in a file that only the agent's own user may read. Whoever copies the database
alone (a backup, a support case) has none of them.
"""

import contextlib
import os
from pathlib import Path
from typing import Final

from flexprint_agent.keep.errors import KeyMissing, NotWritable

FILE: Final = "key"
_KEY: Final = 32
_NONCE: Final = 12


class Vault:
    """Seals and opens secrets. `name` is bound to each, so that one cannot be put in the place of another."""

    def __init__(self, home: Path) -> None:
        self._path = home / FILE

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
            key = self._path.read_bytes()
        except FileNotFoundError:
            if not make:
                raise KeyMissing(
                    f"{self._path} is missing; put it back from where it was, or set the secrets and enrol again"
                ) from None
            key = self._make()
        except OSError as error:
            raise NotWritable(f"{self._path} cannot be read ({error.strerror}); check who owns it") from error
        if len(key) != _KEY:
            raise KeyMissing(f"{self._path} is not a key file; put the right one back")
        return key

    def _make(self) -> bytes:
        """A new key, whole on disk under its name before anything is sealed with it."""
        fresh = self._path.with_suffix(f".{os.getpid()}")
        try:
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(os.urandom(_KEY))
                file.flush()
                os.fsync(file.fileno())
            # A link never overwrites: where another process was quicker, its key is the one.
            with contextlib.suppress(FileExistsError):
                os.link(fresh, self._path)
            fresh.unlink()
            _sync_folder(self._path.parent)
            return self._path.read_bytes()
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
