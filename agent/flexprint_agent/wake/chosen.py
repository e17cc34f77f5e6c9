"""What the site chose, as it holds now."""

from flexprint_agent import settings
from flexprint_agent.keep import Keep
from flexprint_agent.settings import Settings


def in_force(keep: Keep) -> Settings:
    """Raises KeyMissing, BadSetting."""
    return settings.in_force(keep.choices.settings() | keep.choices.secrets())
