"""What can go wrong with what the agent keeps.

KeepError
├── NoRoom          the disk is full; nothing was lost, the step was undone
├── Damaged         the database is no database, or a part of it cannot be read
├── NotWritable     the folder or a file in it cannot be opened or written
├── Busy            another flexprint-agent holds the home or the database
├── Newer           the database was written by a newer agent
├── KeyMissing      the key file that opens the secrets is gone or another one
└── NotEnrolled     there is no collector yet
"""

from flexprint_agent.errors import AgentError


class KeepError(AgentError):
    """The home could not be used as it should."""


class NoRoom(KeepError):
    """Nothing was lost: the step that found no room was undone as a whole."""


class Damaged(KeepError):
    pass


class NotWritable(KeepError):
    pass


class Busy(KeepError):
    pass


class Newer(KeepError):
    pass


class KeyMissing(KeepError):
    pass


class NotEnrolled(KeepError):
    pass
