"""The two copies of a group's document."""

from protectorclient.osc import base

SHOWN = ('version', 'epoch', 'pending', 'last_success_at', 'last_error')


def shown(status):
    """The word for both, then what there is of each site's copy."""
    columns = ['Sync Status']
    values = [status['status'].replace('_', ' ').upper()]
    for site in status['sites']:
        for field in SHOWN:
            columns.append('%s %s' % (site['site'], field))
            values.append(site.get(field))
    return tuple(columns), tuple(values)


class ShowSyncStatus(base.OfGroup, base.ShowOne):
    """Compare both sites' copies of a protection group's metadata"""

    either = True

    def take_action(self, parsed_args):
        path = self.client.groups.item(self.group(parsed_args)['id']) + '/sync-status'
        return shown(self.client.get(path)['sync_status'])


class ForceSync(base.OfGroup, base.ShowOne):
    """Bring both sites' copies of a protection group's metadata together"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--winner',
            metavar='<site>',
            help='Site whose copy counts, where both claim authority: the other is overwritten',
        )
        parser.add_argument(
            '--peer-lost',
            action='store_true',
            help='The other site is lost for good: go on alone. Needs this site as the winner',
        )
        return parser

    def take_action(self, parsed_args):
        body = base.given(parsed_args, 'winner')
        if parsed_args.peer_lost:
            body['peer_lost'] = True
        path = self.client.groups.item(self.group(parsed_args)['id']) + '/sync-force'
        status = self.client.request('POST', path, body)['sync_status']
        if status['status'] != 'in_sync':
            self.exit_code = 1
        return shown(status)
