"""The commands: words on the command line -> a few calls of the rooms below -> words or JSON on stdout."""

import io
import os
import sys
from collections.abc import Sequence

from flexprint_agent.cli.parser import parse
from flexprint_agent.errors import AgentError


def main(arguments: Sequence[str] | None = None) -> int:
    """0 done, 1 the work failed, 2 wrong usage or settings."""
    for stream in (sys.stdout, sys.stderr):
        # A device's name must not end the program because the console cannot show a letter of it.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    chosen = parse(arguments)
    from flexprint_agent.cli import commands

    try:
        status = commands.run(chosen)
        sys.stdout.flush()
    except AgentError as error:
        sys.stderr.write(f"flexprint-agent: {error}\n")
        return error.exit_status
    except BrokenPipeError:
        # Whoever read our words has seen enough. What is still buffered goes nowhere, without a second complaint.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("flexprint-agent: stopped; what was read so far is kept\n")
        return 1
    return status
