"""The client as the guide installs it: on a machine that has Python and nothing else of it."""

import pathlib
import tempfile
import unittest

import blocks
from machines import Client

TOP = pathlib.Path(__file__).resolve().parents[2]
GUIDE = TOP / 'docs' / 'installation.md'


class Installed(unittest.TestCase):
    def test_the_guides_first_block_brings_the_program_and_its_commands(self):
        found = blocks.read(GUIDE.read_text(encoding='utf-8'))
        first = next(block for block in found if block.place == 'client')
        with tempfile.TemporaryDirectory() as home:
            client = Client({'dir': home, 'client': str(TOP / 'client')})
            client.start()
            client.run(first.text)
            # In the terminal that it was typed in, as the blocks after it ask.
            program = client.run('command -v openstack').strip()
            self.assertTrue(program.startswith(str(client.home)), program)
            for tree in ('protector', 'dr'):
                self.assertIn('  %s site list' % tree, client.run('openstack %s --help' % tree))


if __name__ == '__main__':
    unittest.main()
