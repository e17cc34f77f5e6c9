"""What the site chose, as it holds now."""

from flexprint_agent import settings
from flexprint_agent.keep import Keep
from flexprint_agent.settings import Settings


def in_force(keep: Keep) -> Settings:
    """Raises KeyMissing, BadSetting."""
    return settings.in_force(keep.choices.settings() | keep.choices.secrets())


def secrets_of(keep: Keep) -> list[str]:
    """Every text that must not stand in a log. Raises KeyMissing."""
    kept = [text for value in keep.choices.secrets().values() for text in (value, *value.split(","))]
    words = ("community", "auth_password", "privacy_password")
    return kept + [text for one in keep.credentials.all() for name, text in one.facts.items() if name in words]
