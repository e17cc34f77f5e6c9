"""Asleep and awake: when the next wake is due, the process that sleeps until then, and how a system starts it."""
