"""The root of what can go wrong in the agent. Every message says what to do next."""


class AgentError(Exception):
    """Something the person at the keyboard has to know."""

    exit_status = 1


class WrongUsage(AgentError):
    """What was typed or set cannot work; nothing was done with it."""

    exit_status = 2
