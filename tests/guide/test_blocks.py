"""What the guide's reader does with marks, values and what was printed."""

import os
import pathlib
import tempfile
import unittest
from unittest import mock

import blocks
import walk
from machines import Client, Failed

TOP = pathlib.Path(__file__).resolve().parents[2]
GUIDE = TOP / 'docs' / 'installation.md'


def fenced(mark, text):
    return '%s\n```\n%s\n```\n' % (mark, text)


RUN = fenced('<!-- guide: run on=site -->', 'true')
PRINTS = '<!-- guide: prints -->'


class Marks(unittest.TestCase):
    def test_only_marked_blocks_are_taken(self):
        found = blocks.read('text\n```\nnot this\n```\n' + RUN + fenced(PRINTS, 'one\ntwo'))
        self.assertEqual(
            [(b.kind, b.place, b.text) for b in found],
            [('run', 'site', 'true\n'), ('prints', 'site', 'one\ntwo\n')],
        )

    def test_a_mistake_is_no_block_that_is_left_out(self):
        for wrong in (
            fenced('<!-- guide: runs on=site -->', 'true'),
            fenced('<!-- guide: run -->', 'true'),
            fenced('<!-- guide: run on=moon -->', 'true'),
            fenced(PRINTS, 'what nobody prints'),
            '<!-- guide: run on=site -->\ntext\n```\ntrue\n```\n',
            '<!-- guide: run on=site -->\n```\ntrue\n',
        ):
            with self.subTest(wrong), self.assertRaises(blocks.WrongGuide):
                blocks.read(wrong)

    def test_the_guide_has_no_such_mistake(self):
        found = blocks.read(GUIDE.read_text(encoding='utf-8'))
        self.assertEqual({block.kind for block in found}, set(blocks.KINDS))
        self.assertEqual({block.place for block in found}, set(blocks.PLACES))


class Packages(unittest.TestCase):
    table = (
        '| where | Debian packages | for |\n|---|---|---|\n| here | `a`, `b` | x |\n| | `c` | y |\n'
        '| there | `d` | z |\n\n| | `e` | another table |\n'
    )

    def test_they_are_those_of_the_machine_that_is_asked_for(self):
        self.assertEqual(blocks.packages(self.table, 'here'), ['a', 'b', 'c'])
        self.assertEqual(blocks.packages(self.table, 'there'), ['d'])

    def test_a_guide_without_such_a_table_is_a_mistake(self):
        with self.assertRaises(blocks.WrongGuide):
            blocks.packages(self.table, 'nowhere')
        guide = GUIDE.read_text(encoding='utf-8')
        self.assertIn('openssl', blocks.packages(guide, 'controller'))


class Values(unittest.TestCase):
    guide = fenced('<!-- guide: values on=site -->', 'cat <<END\nexport A=example\nEND')

    def test_only_values_are_replaced(self):
        block = blocks.read(self.guide)[0]
        self.assertEqual(blocks.filled_in(block, {'A': '1'}), 'cat <<END\nexport A=1\nEND\n')

    def test_guide_and_facts_name_the_same(self):
        block = blocks.read(self.guide)[0]
        for values in ({}, {'A': '1', 'B': '2'}):
            with self.subTest(values), self.assertRaises(blocks.WrongGuide):
                blocks.filled_in(block, values)


class Printed(unittest.TestCase):
    def check(self, kind, wanted, printed):
        walk.compare(blocks.Block(kind, 'site', wanted, 1), printed)

    def test_the_end_of_what_was_printed_is_compared_line_by_line(self):
        self.check('prints', 'a\nb\n', 'before\na\nb\n')
        for printed in ('a\n', 'a\nb\nc\n', 'a\nbb\n', ''):
            with self.subTest(printed), self.assertRaises(Failed):
                self.check('prints', 'a\nb\n', printed)

    def test_json_may_hold_more(self):
        self.check('json', '{"v": [{"id": 1}]}', '{"v": [{"id": 1, "x": 2}], "y": 3}')
        for printed in ('{"v": []}', '{"v": [{"id": 2}]}', '{}', 'no'):
            with self.subTest(printed), self.assertRaises(Failed):
                self.check('json', '{"v": [{"id": 1}]}', printed)


class Terminal(unittest.TestCase):
    """The client's machine."""

    def client(self, **environment):
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        with mock.patch.dict(os.environ, environment):
            client = Client({'dir': home.name, 'client': str(TOP / 'client')})
        client.start()
        return client

    def test_what_one_block_exports_is_there_for_the_next(self):
        client = self.client()
        client.run('export PATH=~/own/bin:$PATH TEXT=$(printf "two\\nlines")\nhere=1')
        self.assertEqual(
            client.run('echo "$PATH|$TEXT|${here-}"'),
            '%s/own/bin:/usr/bin:/bin|two\nlines|\n' % client.home,
        )

    def test_a_block_that_fails_fails(self):
        with self.assertRaises(Failed):
            self.client().run('false\ntrue')

    def test_of_this_machine_there_is_the_way_to_a_registry_and_no_more(self):
        client = self.client(OS_CLOUD='admin', PYTHONPATH='/x', PIP_CERT='/cert', https_proxy='p')
        have = client.run('echo "${OS_CLOUD-}${PYTHONPATH-} $PIP_CERT $https_proxy"')
        self.assertEqual(have, ' /cert p\n')


if __name__ == '__main__':
    unittest.main()
