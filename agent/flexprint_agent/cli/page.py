"""page: the local web page."""

import argparse
import json
import sys

from flexprint_agent.cli.common import complain, home, now
from flexprint_agent.cli.common import opened as opened_home
from flexprint_agent.lock import Held
from flexprint_agent.page import instance


def page(chosen: argparse.Namespace) -> int:
    """Until Ctrl-C, or until the page is closed. Where one runs for this home, gives a new address of that one."""
    with opened_home(chosen):
        pass  # it can be used, or the reason why not is told here and not in a browser
    try:
        with instance.opened(home(chosen), now) as running:
            try:
                _tell(chosen, running.door.address(), running=False)
                running.run()
            except KeyboardInterrupt:
                complain("the page is closed")
    except Held:
        _tell(chosen, instance.address_of_running(home(chosen)), running=True)
    return 0


def _tell(chosen: argparse.Namespace, address: str, *, running: bool) -> None:
    shown = chosen.browser and instance.open_browser(home(chosen), address)
    if chosen.json:
        sys.stdout.write(json.dumps({"url": address, "already_running": running, "browser": shown}) + "\n")
    else:
        how = "The page opens in your browser. If it does not, open" if shown else "Open this address in your browser:"
        end = "" if running else "\nIt closes by itself when nobody uses it; Ctrl-C closes it now."
        sys.stdout.write(f"{how}\n\n    {address}\n\nIt is good once, and on this computer only.{end}\n")
    sys.stdout.flush()
