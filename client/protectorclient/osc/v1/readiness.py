"""Whether a failover would work now."""

from protectorclient.osc import base, output
from protectorclient.osc.names import SiteNames


def with_names(client, report):
    """The report with names of sites in place of their ids."""
    names = SiteNames(client)
    shown = dict(report)
    for field in ('seen_from_site_id', 'source_site_id', 'target_site_id'):
        if field in shown:
            shown[field[: -len('_id')]] = names(shown.pop(field))
    return shown


def sentence(finding):
    """A finding for people, beside the table that has all of it."""
    about = finding['object'].get('name') or finding['object'].get('id') or ''
    return '%s: %s (%s): %s\n  What to do: %s' % (
        finding['severity'],
        finding['code'],
        ('%s %s' % (finding['object']['kind'], about)).strip(),
        finding['message'],
        finding['what_to_do'],
    )


class ShowReadiness(base.OfGroup, base.ShowOne):
    """Ask whether a failover of a protection group would work now.

    Fails where it would not."""

    either = True

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--for',
            dest='purpose',
            choices=('planned', 'unplanned', 'test'),
            help='What the findings are weighed for (default: a planned failover)',
        )
        return parser

    def take_action(self, parsed_args):
        path = self.client.groups.item(self.group(parsed_args)['id']) + '/readiness'
        report = self.client.get(path, **{'for': parsed_args.purpose})['readiness']
        if not report['ready']:
            self.exit_code = 1
        for one in report['findings']:
            self.say(sentence(one))
        return output.one(with_names(self.client, report))


class ShowReplicationHealth(base.OfGroup, base.ShowOne):
    """Show how the replication of a protection group is"""

    either = True

    def take_action(self, parsed_args):
        path = self.client.groups.item(self.group(parsed_args)['id']) + '/health'
        return output.one(with_names(self.client, self.client.get(path)['health']))
