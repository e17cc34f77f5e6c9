"""Why a batch was not taken, as agents read it: RFC 9457 problem documents.

    Refusal
      NotABatch TooLarge TooSlow UnknownAgent WrongSignature BrokenSeal UnreadableDocument StaleSequence
      NotACheckIn StaleCheckIn
      NotARequest UnknownKey KeySpent KeyExpired TooManyAttempts
      Busy

Everything but Busy is final: the same octets again get the same answer.
"""

from flexprint_server.problems import Problem


class Refusal(Problem):
    """A call of an agent that is not taken."""


class NotABatch(Refusal):
    slug, status, title = "not-a-batch", 400, "Not a sealed batch"


class TooLarge(Refusal):
    slug, status, title = "too-large", 413, "Too large"


class TooSlow(Refusal):
    slug, status, title = "too-slow", 408, "The body came too slowly"


class UnknownAgent(Refusal):
    slug, status, title = "unknown-agent", 401, "Unknown agent"


class WrongSignature(Refusal):
    slug, status, title = "wrong-signature", 403, "Wrong signature"


class BrokenSeal(Refusal):
    slug, status, title = "broken-seal", 422, "Broken seal"


class UnreadableDocument(Refusal):
    slug, status, title = "unreadable-document", 422, "Unreadable document"


class StaleSequence(Refusal):
    slug, status, title = "stale-sequence", 409, "Sequence number already used"


class NotACheckIn(Refusal):
    slug, status, title = "not-a-check-in", 400, "Not a sealed check-in"


class StaleCheckIn(Refusal):
    slug, status, title = "stale-check-in", 409, "Check-in already seen"


class NotARequest(Refusal):
    slug, status, title = "not-a-request", 400, "Not an enrolment request"


class UnknownKey(Refusal):
    slug, status, title = "unknown-key", 403, "Unknown install key"


class KeySpent(Refusal):
    slug, status, title = "key-spent", 403, "Install key already used"


class KeyExpired(Refusal):
    slug, status, title = "key-expired", 403, "Install key expired"


class TooManyAttempts(Refusal):
    slug, status, title = "too-many-attempts", 429, "Too many attempts"


class Busy(Refusal):
    slug, status, title = "busy", 503, "Not now"
