"""What the guide's reader does with marks, values and what was printed."""

import unittest

import blocks
import walk
from machines import Failed


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


if __name__ == '__main__':
    unittest.main()
