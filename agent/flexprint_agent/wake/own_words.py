"""What the agent says of itself to the dealer: masked as the site's reads are, and without a secret."""

import re
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from flexprint_agent import targets
from flexprint_agent.keep import Keep
from flexprint_agent.keep.leaving import Leaving
from flexprint_agent.keep.masking import Names, forms, masked, without
from flexprint_agent.service import log
from flexprint_agent.settings import Settings
from flexprint_agent.wake.chosen import secrets_of

_SHORT: Final = 3
"""Letters up to which a secret is looked for as a word of its own: it would be found everywhere."""


class OwnWords:
    """Makes texts fit to leave. Raises KeyMissing where the secrets that must not stand in them cannot be opened."""

    def __init__(self, keep: Keep, settings: Settings, leaving: Leaving) -> None:
        self._leaving = leaving
        self._names = names_of(keep, settings)
        self._secrets = {form for secret in secrets_of(keep) for form in forms(secret)}

    def __call__(self, text: str) -> str:
        return masked(without(text, self._secrets, longest_word=_SHORT), self._leaving, self._names)

    def log(self, home: Path, longest: int) -> str:
        """The newest whole lines of the log, up to so many letters."""
        # Masked first: a name that is cut in two is not found any more.
        text = self(log.kept(home))
        return text if len(text) <= longest else text[-longest:].partition("\n")[2]


def names_of(keep: Keep, settings: Settings) -> Names:
    """What the site's own texts may name."""
    devices = keep.devices.all()
    typed = keep.labels.all().values()
    chosen = [*keep.choices.targets(), *keep.choices.exclusions(), *(one.known_as for one in devices if one.known_as)]
    proxies = [_host(urlsplit(url).hostname or "") for url in (settings.proxy, settings.proxy_pac) if url]
    hosts = _told([socket.gethostname(), *map(_host, chosen), *proxies, *(one.identity.name for one in devices)])
    # Of a name with a domain also the first part, as people write it; some call a printer by its address.
    first = [name.partition(".")[0] for name in hosts if not re.fullmatch(r"[\d.:]+", name)]
    return Names(
        hosts=(*hosts, *first),
        locations=_told([*(one.identity.location for one in devices), *(one.location for one in typed)]),
        contacts=_told(one.identity.contact for one in devices),
        folders=tuple(str(folder) for folder in (keep.home.absolute(), *_house())),
    )


def _house() -> list[Path]:
    try:
        folder = Path.home()
    except RuntimeError:
        return []
    return [folder] if folder != Path(folder.anchor) else []


def _host(target: str) -> str | None:
    """The name in a target; None where that is an address."""
    try:
        parsed = targets.parse_exclusion(target)
    except targets.BadTarget:
        return None
    return parsed.name if isinstance(parsed, targets.Name) else None


def _told(texts: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text and text.strip()))
