"""Protector as OpenStack's own clients use it: keystoneauth1, openstacksdk and `openstack`.

    python tests/clients FACTS.json

FACTS.json says where a real Keystone and a real Protector are, who may log in, and what there is to
protect; `cargo clouds run --suite clients` writes it and starts both. The clients get no code that
knows Protector: what they need they find through the catalog. The exception is the last: the plugin
of `openstack`, with which a group is typed from its beginning to its end.
"""

import json
import sys
import unittest

import facts


def main():
    facts.FACTS.update(json.load(open(sys.argv[1])))
    suite = unittest.TestSuite()
    for name in ('discovery', 'tokens', 'lifecycle', 'paging', 'refusals', 'command_line',
                 'endings', 'typed', 'coverage'):
        suite.addTests(unittest.defaultTestLoader.loadTestsFromName(name))
    outcome = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, failfast=True).run(suite)
    if not outcome.testsRun or outcome.skipped:
        sys.exit('a test was skipped, or there was none')
    sys.exit(0 if outcome.wasSuccessful() else 1)


main()
