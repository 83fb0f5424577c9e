"""What `--dry-run` shows: the plan, a step a row."""

from protectorclient.osc.output import Lines, Rows

HEADINGS = ('Step', 'Phase', 'Site', 'Calls', 'Needs')


def call(one):
    """A call of a plan in words."""
    text = '%s %s %s' % (one['service'], one['verb'], one['target'])
    return '%s [%s]' % (text, one['when']) if one.get('when') else text


def rows(plan, names):
    return [
        (
            step['key'],
            step['phase'],
            names(step['site']),
            Lines([call(one) for one in step['calls']]),
            Lines(step['needs']),
        )
        for step in plan['steps']
    ]


def table(plan, names):
    """The columns and rows of a plan."""
    return HEADINGS, Rows(rows(plan, names))
