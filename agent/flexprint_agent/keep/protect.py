"""What the operating system offers to keep a key for a service: DPAPI on Windows, the keychain on macOS.

On Linux it offers nothing that a service without a person at the desk can use, so there the key stands in its file.
"""

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from subprocess import CompletedProcess


SERVICE: Final = "S-1-5-80-3804507398-3295614598-825002467-1316725163-1824898525"
"""The account that Windows makes for the service FlexPrintAgent: S-1-5-80 and the SHA-1 of its name in capitals."""


class NotProtected(Exception):
    """The system did not take the key, or does not give it back; the message says why."""


class Protector(Protocol):
    """`name` stands in the key file. What `wrap` gives is worthless without this system; `unwrap` takes it back.
    Both raise NotProtected."""

    name: str

    def wrap(self, key: bytes) -> bytes: ...

    def unwrap(self, wrapped: bytes) -> bytes: ...


def protector(home: Path, platform: str = sys.platform, *, is_root: bool = False) -> Protector | None:
    """That of this system; None where there is none."""
    if platform == "win32":
        return Dpapi()
    return Keychain(str(home.absolute()), is_root=is_root) if platform == "darwin" else None


class Dpapi:
    """CryptProtectData, bound to this computer and not to an account: a person sets the agent up, another account runs
    it as a service. Who may read the file on this computer, its access list says; elsewhere it opens nowhere."""

    name = "dpapi"

    def wrap(self, key: bytes) -> bytes:
        return _crypt_data("CryptProtectData", key)

    def unwrap(self, wrapped: bytes) -> bytes:
        return _crypt_data("CryptUnprotectData", wrapped)


Run = Callable[[list[str], str], "CompletedProcess[str]"]
"""Runs a program with this standard input."""


def _run(command: list[str], typed: str) -> "CompletedProcess[str]":
    import subprocess

    try:
        return subprocess.run(command, input=typed, capture_output=True, text=True, timeout=30, check=False)
    except subprocess.TimeoutExpired:
        # Not as it is: it holds what was typed.
        raise TimeoutError from None


class Keychain:
    """A generic password of macOS' keychain, through its own program `security`: in the system's keychain for a service
    (root), in the person's own otherwise. The file holds only the name of the item."""

    name = "keychain"
    _SERVICE: Final = "FlexPrint Agent"
    _PROGRAM: Final = "/usr/bin/security"
    _SYSTEM: Final = "/Library/Keychains/System.keychain"

    def __init__(self, account: str, *, is_root: bool, run: Run = _run) -> None:
        self._account = account
        self._where = [self._SYSTEM] if is_root else []
        self._run = run

    def wrap(self, key: bytes) -> bytes:
        # Read from standard input: on the command line every program could see the key.
        words = ["add-generic-password", "-U", "-a", self._account, "-s", self._SERVICE, "-w", key.hex(), *self._where]
        self._ask([self._PROGRAM, "-i"], " ".join(map(_quoted, words)) + "\n")
        return self._account.encode()

    def unwrap(self, wrapped: bytes) -> bytes:
        account = wrapped.decode("utf-8", "replace")
        words = ["find-generic-password", "-a", account, "-s", self._SERVICE, "-w", *self._where]
        try:
            return bytes.fromhex(self._ask([self._PROGRAM, *words], "").strip())
        except ValueError:
            raise NotProtected("the keychain gives something else") from None

    def _ask(self, command: list[str], typed: str) -> str:
        try:
            done = self._run(command, typed)
        except OSError as error:
            raise NotProtected(f"{self._PROGRAM} cannot be run ({type(error).__name__})") from None
        if done.returncode:
            raise NotProtected(f"the keychain refuses ({done.returncode}); unlock it, or run this as the service does")
        return done.stdout


def _quoted(word: str) -> str:
    """A word as `security -i` reads it."""
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


if sys.platform == "win32":
    _UI_FORBIDDEN: Final = 0x1
    _LOCAL_MACHINE: Final = 0x4
    _DACL: Final = 0x4
    # Nobody but the system, administrators, whoever owns the file and the agent's service; nothing inherited from the
    # folder.
    _ACCESS: Final = f"D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;OW)(A;;FA;;;{SERVICE})"

    def _crypt_data(function: str, data: bytes) -> bytes:
        import ctypes
        from ctypes import wintypes

        class Blob(ctypes.Structure):
            _fields_ = (("size", wintypes.DWORD), ("octets", ctypes.c_void_p))

        given = ctypes.create_string_buffer(data, len(data))
        taken = Blob()
        call = getattr(ctypes.WinDLL("crypt32", use_last_error=True), function)
        call.argtypes = [ctypes.POINTER(Blob), *[ctypes.c_void_p] * 4, wintypes.DWORD, ctypes.POINTER(Blob)]
        source = Blob(len(data), ctypes.cast(given, ctypes.c_void_p))
        flags = _UI_FORBIDDEN | _LOCAL_MACHINE
        if not call(ctypes.byref(source), None, None, None, None, flags, ctypes.byref(taken)):
            raise NotProtected(f"{function} failed ({ctypes.get_last_error()})")
        try:
            return ctypes.string_at(taken.octets or 0, taken.size)
        finally:
            free = ctypes.WinDLL("kernel32").LocalFree
            free.argtypes = [ctypes.c_void_p]
            free(taken.octets)

    def close_to_others(path: Path) -> str | None:
        """Leaves the file to its owner, the system and administrators. A word for the person where that failed."""
        import ctypes

        security = ctypes.c_void_p()
        advapi = ctypes.WinDLL("advapi32", use_last_error=True)
        made = advapi.ConvertStringSecurityDescriptorToSecurityDescriptorW(_ACCESS, 1, ctypes.byref(security), None)
        try:
            if made and advapi.SetFileSecurityW(str(path), _DACL, security):
                return None
            return f"{path} may be open to other accounts, and could not be closed ({ctypes.get_last_error()})"
        finally:
            free = ctypes.WinDLL("kernel32").LocalFree
            free.argtypes = [ctypes.c_void_p]
            free(security)

else:

    def _crypt_data(function: str, data: bytes) -> bytes:
        raise NotProtected(f"{function} is Windows'")

    def close_to_others(path: Path) -> str | None:
        """Leaves the file to its owner. A word for the person where it was open to others."""
        with contextlib.suppress(FileNotFoundError):
            mode = path.stat().st_mode
            if mode & 0o077:
                try:
                    path.chmod(0o600)
                except OSError:
                    return f"{path} can be read by other accounts; run `chmod 600 {path}` as the account that owns it"
                return f"{path} could be read by other accounts; now it cannot, but change the passwords it protects"
        return None
