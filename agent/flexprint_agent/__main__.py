"""`python -m flexprint_agent`"""

import sys

from flexprint_agent.cli import main

sys.exit(main())
