"""The marked blocks of the guide.

A block is fenced, and the line before it says what it is:

    <!-- guide: values on=site -->   a file of values, of which only the values are replaced
    <!-- guide: run on=site -->      commands for each site's controller; on=client: for the client
    <!-- guide: prints -->           what the block before it prints, line by line, at its end
    <!-- guide: json -->             the same as JSON, of which more may be printed

A fenced block that is not marked is for reading.
"""

import re
from dataclasses import dataclass

KINDS = ('values', 'run', 'prints', 'json')
PLACES = ('site', 'client')
MARK = re.compile(r'^<!-- guide: (\w+)(?: on=(\w+))? -->$')
EXPORT = re.compile(r'^export (\w+)=(.*)$')


class WrongGuide(Exception):
    """The guide itself has a mistake."""


@dataclass
class Block:
    kind: str
    place: str
    text: str
    line: int


def read(guide):
    """The blocks in their order."""
    blocks, mark = [], None
    lines = guide.splitlines()
    at = 0
    while at < len(lines):
        line = lines[at]
        if line.startswith('<!-- guide:'):
            found = MARK.match(line)
            if not found or found[1] not in KINDS:
                raise WrongGuide('line %d is no mark: %s' % (at + 1, line))
            mark = found
        elif line.startswith('```'):
            end = next((n for n in range(at + 1, len(lines)) if lines[n] == '```'), None)
            if end is None:
                raise WrongGuide('the block of line %d does not end' % (at + 1))
            if mark:
                text = '\n'.join(lines[at + 1 : end]) + '\n'
                blocks.append(block(mark, text, at + 2, blocks))
            mark, at = None, end
        elif line.strip() and mark:
            raise WrongGuide('line %d stands between a mark and its block' % (at + 1))
        at += 1
    return blocks


def packages(guide, where):
    """The Debian packages that the guide's table asks for on a machine."""
    found, at = [], None
    for line in guide.splitlines():
        cells = [cell.strip() for cell in line.split('|')[1:-1]]
        if len(cells) != 3:
            at = None
        elif cells[1] == 'Debian packages':
            at = ''
        elif at is not None:
            at = cells[0] or at
            if at == where:
                found += re.findall('`([^`]+)`', cells[1])
    if not found:
        raise WrongGuide('no table says which Debian packages %s needs' % where)
    return found


def block(mark, text, line, before):
    kind, place = mark[1], mark[2]
    if kind in ('prints', 'json'):
        if not before or before[-1].kind != 'run' or place:
            raise WrongGuide('line %d: nothing was run whose output that could be' % line)
        place = before[-1].place
    if place not in PLACES:
        raise WrongGuide('line %d: on which machine?' % line)
    return Block(kind, place, text, line)


def filled_in(block, values):
    """The block of values with these. The guide and we name the same ones."""
    left, out = dict(values), []
    for line in block.text.splitlines():
        found = EXPORT.match(line)
        if found:
            if found[1] not in left:
                raise WrongGuide('line %d asks for %s' % (block.line, found[1]))
            line = 'export %s=%s' % (found[1], left.pop(found[1]))
        out.append(line)
    if left:
        raise WrongGuide('line %d does not ask for %s' % (block.line, ', '.join(left)))
    return '\n'.join(out) + '\n'
