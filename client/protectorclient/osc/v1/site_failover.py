"""Every group of a site at once."""

from protectorclient.osc import base, following, output, plans, waiting
from protectorclient.osc.names import SiteNames


class FailSiteOver(base.ShowOne):
    """Bring every group of a site up on its other site.

    Each group gets an operation of its own, or is named with the reason why not. Needs the role
    that policy.yaml names, dr_site_admin; to follow operations of other projects, or to look at
    them, an administrator's besides."""

    either = True

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        base.add_names(parser, ('site', 'Name or id of the site that the groups leave'))
        kind = parser.add_mutually_exclusive_group(required=True)
        for name, text in (
            ('planned', 'The site works: nothing is lost'),
            ('unplanned', 'The site is lost'),
        ):
            kind.add_argument('--' + name, dest='type', action='store_const', const=name, help=text)
        kind.add_argument('--type', choices=('planned', 'unplanned'), help='The same')
        parser.add_argument(
            '--force', action='store_true', help='Go on although the site still answers'
        )
        parser.add_argument('--dry-run', action='store_true', help='Only show the plans')
        waiting.add_wait(parser)
        return parser

    def take_action(self, parsed_args):
        client = self.client
        options = {'type': parsed_args.type}
        for name in ('force', 'dry_run'):
            if getattr(parsed_args, name):
                options[name] = True
        # As it was typed: who may do this need not be one who may look sites up.
        path = client.sites.item(parsed_args.site) + '/failover'
        reply = client.request('POST', path, {'failover': options}, key=self.key(), either=True)
        refused = [('%s: %s' % (one['name'], one['message']), one) for one in reply['refused']]
        for text, _ in refused:
            self.say('not moved: ' + text)
        if refused:
            self.exit_code = 1
        if parsed_args.dry_run:
            names = SiteNames(client)
            self.say('Nothing was done.')
            return ('Protection Group', *plans.HEADINGS), output.Rows(
                (one['name'], *row)
                for one in reply['plans']
                for row in plans.rows(one['plan'], names)
            )
        operations = reply['operations']
        if parsed_args.wait:
            operations = following.each(self, operations, parsed_args.wait_timeout)
        fields = [
            ('Operation', 'id'),
            ('Protection Group ID', 'protection_group_id'),
            ('Project ID', 'project_id'),
            ('Status', 'status'),
            ('Progress', 'progress'),
            ('Error', lambda one: (one.get('error') or {}).get('message')),
        ]
        columns, rows = output.many(operations, fields)
        return columns, output.Rows(rows)
