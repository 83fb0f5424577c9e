"""The sets of servers that fail over as a unit."""

from protectorclient.osc import base, lookup, output, waiting
from protectorclient.osc.names import SiteNames


def shown(client, group):
    """A group for people: the name of the site that it runs on stands beside its id."""
    names = SiteNames(client)
    return output.one({**group, 'current_primary_site': names(group['current_primary_site_id'])})


class CreateGroup(base.InProject, base.ShowOne):
    """Make a protection group"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        base.add_names(parser, ('name', 'Its name, unique in the project'))
        parser.add_argument('--description', metavar='<text>', help='For people')
        parser.add_argument(
            '--primary-site', metavar='<site>', required=True, help='Site that its servers run on'
        )
        parser.add_argument('--secondary-site', metavar='<site>', required=True, help='Other site')
        parser.add_argument(
            '--replication-type', choices=('async', 'sync'), default='async', help='Default: async'
        )
        parser.add_argument(
            '--volume-type',
            metavar='<volume-type>',
            required=True,
            help='Replicated volume type on the primary site, by name or id',
        )
        parser.add_argument(
            '--secondary-volume-type',
            metavar='<volume-type>',
            help='The same on the secondary site; without it, the only one that fits',
        )
        waiting.add_wait(parser)
        return parser

    def take_action(self, parsed_args):
        clouds = lookup.Clouds(self.client)
        body = {
            'name': parsed_args.name,
            'primary_site_id': parsed_args.primary_site,
            'secondary_site_id': parsed_args.secondary_site,
            'replication_type': parsed_args.replication_type,
            'volume_type_id': lookup.find(
                clouds, parsed_args.primary_site, 'volume type', parsed_args.volume_type
            ),
            **base.given(parsed_args, 'description'),
        }
        if parsed_args.secondary_volume_type:
            body['secondary_volume_type_id'] = lookup.find(
                clouds,
                parsed_args.secondary_site,
                'volume type',
                parsed_args.secondary_volume_type,
            )
        made = self.client.groups.create(body, key=self.key())
        group = made['protection_group']
        if parsed_args.wait:
            waiting.follow(self, made['operation'], parsed_args)
            group = self.client.groups.show(group['id'])
        return shown(self.client, group)


class ListGroups(base.InProject, base.Lister):
    """List protection groups"""

    either = True

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        for name in ('name', 'status', 'replication_type'):
            option = name.replace('_', '-')
            parser.add_argument('--' + option, metavar='<%s>' % option, help='Only those with this')
        parser.add_argument('--long', action='store_true', help='Show more of each')
        base.add_paging(parser)
        return parser

    def take_action(self, parsed_args):
        asked = base.given(parsed_args, 'name', 'status', 'replication_type', *base.PAGING)
        groups = list(self.client.groups.list(**asked))
        names = SiteNames(self.client)
        fields = [
            ('ID', 'id'),
            ('Name', 'name'),
            ('Status', 'status'),
            ('Current Primary Site', lambda group: names(group['current_primary_site_id'])),
            ('Replication Type', 'replication_type'),
            ('Members', 'member_count'),
            ('Ready', lambda group: (group.get('readiness') or {}).get('ready')),
        ]
        if parsed_args.long:
            fields += [
                ('Primary Site', lambda group: names(group['primary_site_id'])),
                ('Secondary Site', lambda group: names(group['secondary_site_id'])),
                ('Metadata Version', 'metadata_version'),
                ('Last Replication At', 'last_replication_at'),
                ('Failover Count', 'failover_count'),
                ('Active Operation', 'active_operation_id'),
                ('Description', 'description'),
            ]
        return output.many(groups, fields)


class ShowGroup(base.OfGroup, base.ShowOne):
    """Show a protection group"""

    either = True

    def take_action(self, parsed_args):
        return shown(self.client, self.group(parsed_args))


class SetGroup(base.OfGroup, base.ShowOne):
    """Change a protection group"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--name', metavar='<name>', help='Its new name')
        parser.add_argument('--description', metavar='<text>', help='For people')
        parser.add_argument(
            '--secondary-volume-type',
            metavar='<volume-type>',
            help='Replicated volume type on the secondary site, by name or id',
        )
        return parser

    def take_action(self, parsed_args):
        body = base.given(parsed_args, 'name', 'description')
        if not body and not parsed_args.secondary_volume_type:
            raise base.usage('there is nothing to change')
        group = self.group(parsed_args)
        if parsed_args.secondary_volume_type:
            body['secondary_volume_type_id'] = lookup.find(
                lookup.Clouds(self.client),
                group['secondary_site_id'],
                'volume type',
                parsed_args.secondary_volume_type,
            )
        return shown(self.client, self.client.groups.update(group['id'], body))


class DeleteGroup(base.InProject, base.Command):
    """Delete protection groups; their servers stay"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('groups', metavar='<protection-group>', nargs='+', help='Name or id')
        waiting.add_wait(parser)
        return parser

    def take_action(self, parsed_args):
        def remove(name):
            id_ = self.client.groups.find(name)['id']
            operation = self.client.groups.delete(id_, key=self.key())['operation']
            if parsed_args.wait:
                waiting.follow(self, operation, parsed_args)
            else:
                self.say('operation %s deletes %s' % (operation['id'], name))

        base.each(parsed_args.groups, remove)
