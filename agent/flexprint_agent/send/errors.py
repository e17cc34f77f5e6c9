"""Why a batch, or an enrolment, did not reach the collector.

DeliveryError             it may well work later; the batch waits
├── Unreachable           nobody answered: name, network, time-out, cut connection
│   ├── NotTrusted        who answered could not prove to be the collector
│   └── ProxyRefused      the proxy on the way did not let it through
├── NotTheCollector       what answered is not the collector: a sign-in page, a wrong address, a wrong hash
├── Overloaded            the collector asks for patience (`retry_after` seconds)
├── StaleCheckIn          the collector has seen a check-in with this counter or a later one
├── NotAccepted           the collector does not accept this agent now: unknown, or its key
└── Refused               the collector understood and said no: the same octets will never be taken
"""

from flexprint_agent.errors import AgentError, WrongUsage


class DeliveryError(AgentError):
    """`again` is True where trying once more within the same minute makes sense."""

    again = False


class Unreachable(DeliveryError):
    again = True


class NotTrusted(Unreachable):
    again = False


class ProxyRefused(Unreachable):
    """`wants_password`: a user and a password, or others than those it got, may open it (HTTP 407)."""

    again = False

    def __init__(self, message: str, *, wants_password: bool = False) -> None:
        super().__init__(message)
        self.wants_password = wants_password


class NotTheCollector(DeliveryError):
    pass


class Overloaded(DeliveryError):
    again = True

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class StaleCheckIn(DeliveryError):
    """`counter` is that of the newest check-in which the collector has seen."""

    def __init__(self, message: str, counter: int) -> None:
        super().__init__(message)
        self.counter = counter


class NotAccepted(DeliveryError):
    """`problem` is the slug of the collector's problem document."""

    def __init__(self, message: str, problem: str) -> None:
        super().__init__(message)
        self.problem = problem


class Refused(DeliveryError):
    """`newest` is the newest batch (sequence, hash) that the collector has of this agent, when it said so."""

    def __init__(self, message: str, problem: str, newest: tuple[int, bytes] | None = None) -> None:
        super().__init__(message)
        self.problem = problem
        self.newest = newest


class BadRoute(WrongUsage):
    """The address, the proxy or the CA file cannot be used as it was typed."""
