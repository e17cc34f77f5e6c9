"""`python -I -S asleep.py HOME PROGRAM...`: the process that sleeps, started by its path, without anything of the
environment's packages in memory."""

import sys

if __name__ == "__main__":
    sys.path.insert(0, __file__.replace("\\", "/").rsplit("/", 3)[0])
    from flexprint_agent.service.sleeper import main

    sys.exit(main(sys.argv[1:]))
