"""What the agent keeps: one folder with one database and one key file.

with Keep(home) as keep:
    keep.keep_read(read, knowledge)
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from flexprint_agent.keep import database
from flexprint_agent.keep.choices import Choices
from flexprint_agent.keep.credentials import Credentials
from flexprint_agent.keep.devices import Devices
from flexprint_agent.keep.enrolment import Enrolments
from flexprint_agent.keep.handed import Handed
from flexprint_agent.keep.home import only_one, prepare
from flexprint_agent.keep.labels import Labels
from flexprint_agent.keep.notes import Notes
from flexprint_agent.keep.rests import Rest, Rests
from flexprint_agent.keep.segments import Segments
from flexprint_agent.keep.spool import Spool
from flexprint_agent.keep.vault import Vault
from flexprint_agent.keep.wakes import Wakes
from flexprint_shared.readings import Identity, Read


class Keep:
    """The rooms of the home, opened together. Raises KeepError where it cannot be used."""

    def __init__(self, home: Path) -> None:
        prepare(home)
        self.home = home
        self.database = database.Database(home / database.FILE)
        vault = Vault(home)
        self.notice = vault.close_to_others()
        """What a person should know of the home's safety; None where all is well."""
        self.choices = Choices(self.database, vault)
        self.credentials = Credentials(self.database, vault)
        self.enrolments = Enrolments(self.database, vault)
        self.devices = Devices(self.database)
        self.handed = Handed(self.database)
        self.labels = Labels(self.database)
        self.notes = Notes(self.database)
        self.segments = Segments(self.database)
        self.rests = Rests(self.database)
        self.spool = Spool(self.database)
        self.wakes = Wakes(self.database)

    @contextmanager
    def alone(self, what: str = "at work") -> Iterator[None]:
        """While this lasts no other agent sends packets or batches from this home; others are told `what` it does.
        Raises Busy."""
        with only_one(self.home, what):
            yield

    def keep_read(self, read: Read, knowledge: Mapping[str, Any] | None, *, known_as: str | None = None) -> bool:
        """One read on disk, with the device it is of; True where the device is new. `knowledge` None: nothing new
        was learned about how to read it. `known_as` is the target with a name that led to it."""
        with self.database.transaction():
            device, new = self.devices.found(read.identity, read.address, read.port, read.read_at)
            self.devices.has_read(device, read, knowledge)
            self.devices.name(device, known_as)
            self.credentials.forget_refusals(read.address, read.port)
            self.spool.put(device, read)
        return new

    def keep_found(
        self,
        identity: Identity,
        address: str,
        port: int,
        at: datetime,
        *,
        granted_by: str | None = None,
        known_as: str | None = None,
    ) -> tuple[int, bool]:
        """One printer that a search found, and whether it is new. `granted_by` is the finder by whose grant it was
        asked where no target covers it, `known_as` the target with a name that led to it."""
        with self.database.transaction():
            device, new = self.devices.found(identity, address, port, at)
            self.devices.grant(device, granted_by)
            self.devices.name(device, known_as)
        return device, new

    def keep_rest(self, device: int, rest: Rest | None) -> None:
        """How long a device is left alone; None where nothing is held against it any more."""
        with self.database.transaction():
            self.rests.put(device, rest)

    def keep_silence(self, device: int, at: datetime) -> None:
        """A known printer did not answer. There is no read of it, never an old one again."""
        with self.database.transaction():
            self.devices.was_silent(device, at)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.database.close()
