"""What somebody types on a computer at a customer's site to let its agent in. Pure."""

from shlex import quote
from typing import Final

# An environment of its own, for the system's Python takes no programs on many systems; and the path leads nowhere new.
_SHELL: Final = (
    "python3 -m venv flexprint && flexprint/bin/pip install ./shared ./agent && "
    "flexprint/bin/flexprint-agent enroll --server {url} --key {key} && "
    "flexprint/bin/flexprint-agent service install && flexprint/bin/flexprint-agent wake"
)
# PowerShell of any age knows no &&.
_POWERSHELL: Final = (
    "py -m venv flexprint; if ($?) {{ flexprint\\Scripts\\pip install .\\shared .\\agent }}; "
    "if ($?) {{ flexprint\\Scripts\\flexprint-agent enroll --server {url} --key {key} }}; "
    "if ($?) {{ flexprint\\Scripts\\flexprint-agent service install; flexprint\\Scripts\\flexprint-agent wake }}"
)


def install_lines(url: str, key: str) -> tuple[tuple[str, str], ...]:
    """(system, one line) for each system, typed in the folder where the agent was unpacked: installs it, enrols it with
    the one-time `key` at the collector's `url`, has the system start it from then on, and lets it search, read and send
    at once."""
    shell = _SHELL.format(url=quote(url), key=quote(key))
    powershell = _POWERSHELL.format(url=_in_powershell(url), key=_in_powershell(key))
    return (("Linux", shell), ("Windows (PowerShell)", powershell), ("macOS", shell))


def _in_powershell(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
