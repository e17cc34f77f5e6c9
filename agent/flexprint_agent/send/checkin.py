"""A sealed check-in -> the collector's answer, its signature verified."""

from typing import TYPE_CHECKING, Any

from flexprint_agent.send.answers import Answer, problem
from flexprint_agent.send.errors import NotTheCollector, StaleCheckIn

if TYPE_CHECKING:
    from flexprint_agent.send.client import Collector


def check_in(collector: "Collector", sealed: bytes, identity_key: bytes) -> dict[str, Any]:
    """The answer's document. Raises DeliveryError; StaleCheckIn where the collector has seen this counter, as when its
    answer was lost."""
    from flexprint_shared.checkin import MEDIA_TYPE

    def attempt() -> dict[str, Any]:
        return answered(collector.post("/agent/v1/checkin", sealed, MEDIA_TYPE), sealed, identity_key)

    return collector.again(attempt)


def answered(answer: Answer, sealed: bytes, identity_key: bytes) -> dict[str, Any]:
    """What a 200 says, verified. Raises DeliveryError."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from flexprint_shared import checkin

    if answer.status == 409:
        counter = (answer.json() or {}).get("last_counter")
        if type(counter) is int and 0 <= counter < 1 << 62:
            raise StaleCheckIn(f"the collector has seen check-in {counter} already", counter)
    if answer.status != 200:
        raise problem(answer)
    try:
        return checkin.answer_to(sealed, answer.body, Ed25519PublicKey.from_public_bytes(identity_key))
    except (checkin.NotTheCollectors, checkin.NotACheckIn) as error:
        raise NotTheCollector(
            f"{error}; nothing of it was taken (if this stays so, something between here and the collector answers in "
            "its name, or the collector was set up anew: then enrol again with a new install key)"
        ) from error
