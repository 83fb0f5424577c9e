"""Follows docs/installation.md to the letter: every marked block, on two sites and a client.

    python tests/guide FACTS.json

FACTS.json says where two clouds are, with the values that the guide leaves to its reader; they are all
that is put into it. Root is needed, for the sites' machines.
"""

import json
import pathlib
import signal
import sys

from blocks import WrongGuide
from machines import Failed, say
from walk import Walk


def main():
    # The machines are stopped then, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('ended by SIGTERM'))
    walk = Walk(json.loads(pathlib.Path(sys.argv[1]).read_text(encoding='utf-8')))
    try:
        walk.follow()
    except (Failed, WrongGuide) as failed:
        for site in walk.sites:
            site.keep_logs()
        say('FAILED: %s\nlogs are in %s' % (failed, walk.facts['dir']))
        return 1
    finally:
        walk.stop()
    say('%d passed, 0 failed' % walk.done)
    return 0


if __name__ == '__main__':
    sys.exit(main())
