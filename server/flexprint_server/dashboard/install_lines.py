"""What somebody types on a computer at a customer's site to let its agent in. Pure."""

from shlex import quote
from typing import Final

_SHELL: Final = (
    "flexprint-agent enroll --server {url} --key {key} && flexprint-agent wake && flexprint-agent service install"
)
# PowerShell of any age knows no &&; pip puts programs of Windows where the path often does not lead.
_POWERSHELL: Final = (
    "py -m flexprint_agent enroll --server {url} --key {key}; "
    "if ($?) {{ py -m flexprint_agent wake; py -m flexprint_agent service install }}"
)


def install_lines(url: str, key: str) -> tuple[tuple[str, str], ...]:
    """(system, one line) for each system: enrols the agent with the one-time `key` at the collector's `url`, lets it
    search, read and send at once, and has the system start it from then on."""
    shell = _SHELL.format(url=quote(url), key=quote(key))
    powershell = _POWERSHELL.format(url=_in_powershell(url), key=_in_powershell(key))
    return (("Linux", shell), ("Windows (PowerShell)", powershell), ("macOS", shell))


def _in_powershell(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
