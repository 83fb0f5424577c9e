"""How things are shown."""

import itertools

import yaml
from cliff import columns


class Nested(columns.FormattableColumn):
    """A value with parts: JSON stays JSON, and people read it line by line."""

    def human_readable(self):
        if not self._value:
            return ''
        return yaml.safe_dump(self._value, default_flow_style=False, sort_keys=False).rstrip()


class Lines(columns.FormattableColumn):
    """A list of words: one a line for people."""

    def human_readable(self):
        return '\n'.join(str(one) for one in self._value or [])


def cell(value):
    """A value in a table."""
    if isinstance(value, dict):
        return Nested(value)
    if isinstance(value, list):
        plain = all(isinstance(one, str) for one in value)
        return Lines(value) if plain else Nested(value)
    return value


def one(item, *hidden):
    """The columns and values of one thing: the fields of the API under their own names."""
    shown = {name: value for name, value in item.items() if name not in hidden}
    return tuple(shown), tuple(cell(value) for value in shown.values())


def many(items, fields):
    """The columns and rows of a list; `fields` are pairs of a heading and a field or function."""

    def value(item, field):
        return field(item) if callable(field) else item.get(field)

    headings = tuple(heading for heading, _ in fields)
    rows = (tuple(cell(value(item, field)) for _, field in fields) for item in items)
    return headings, rows


class Rows(list):
    """Rows, where the command shows one thing otherwise: a plan, instead of an operation."""

    def produce(self, shown_by, parsed_args, columns):
        """Prints them with the formatter that was chosen."""
        included, chosen = shown_by._generate_columns_and_selector(parsed_args, columns)
        rows = self if chosen is None else [tuple(itertools.compress(r, chosen)) for r in self]
        stdout, formatter = shown_by.app.stdout, shown_by.formatter
        if hasattr(formatter, 'emit_list'):
            formatter.emit_list(included, rows, stdout, parsed_args)
        else:
            # For a shell each cell is a variable.
            names = ['%s_%d' % (name, n) for n in range(len(rows)) for name in included]
            formatter.emit_one(names, itertools.chain.from_iterable(rows), stdout, parsed_args)
        return 0
