"""How a group is replicated."""

from protectorclient.osc import base, lookup, output, secret

# The option's name, what the API calls it, and what it is.
ARRAYS = (
    ('primary', 'primary_fa', 'PROTECTOR_PRIMARY_ARRAY_TOKEN'),
    ('secondary', 'secondary_fa', 'PROTECTOR_SECONDARY_ARRAY_TOKEN'),
)
NUMBERS = (
    ('rpo_minutes', 'minutes', 'Age of the newest complete recovery point not to be exceeded'),
    ('replication_interval', 'seconds', 'Seconds between scheduled points'),
)
RETENTION = (
    ('points', 'retention-points', 'count', 'Complete recovery points kept on the target'),
    ('parked_hours', 'retention-parked-hours', 'hours', 'Hours that parked copies are kept'),
)


class WithFields(base.OfGroup, base.ShowOne):
    """Makes or changes a policy."""

    new = False

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--driver', metavar='<driver>', required=self.new, help='Storage driver, such as `pure`'
        )
        for side, api, variable in ARRAYS:
            parser.add_argument(
                '--%s-array-url' % side,
                '--%s-fa-url' % side,
                dest=api + '_url',
                metavar='<url>',
                required=self.new,
                help='Array of the %s site' % side,
            )
            secret.add(parser, '%s_array_token' % side, variable, 'Its API token')
        for name, unit, text in NUMBERS:
            parser.add_argument(
                '--' + name.replace('_', '-'),
                metavar='<%s>' % unit,
                type=int,
                required=self.new and name == 'rpo_minutes',
                help=text,
            )
        for name, option, unit, text in RETENTION:
            parser.add_argument(
                '--' + option, dest=name, metavar='<%s>' % unit, type=int, help=text
            )
        parser.add_argument(
            '--secondary-backend-host',
            metavar='<host@backend#pool>',
            help='Pool to adopt volumes on, where the secondary site has several that fit',
        )
        parser.add_argument(
            '--test-volume-type',
            metavar='<volume-type>',
            help='Volume type of test copies on the secondary site, by name or id; it does not '
            'replicate',
        )
        return parser

    def body(self, parsed_args, group):
        """What was given, as the API takes it."""
        body = base.given(
            parsed_args,
            'driver',
            'secondary_backend_host',
            *(api + '_url' for _, api, _ in ARRAYS),
            *(name for name, _, _ in NUMBERS),
        )
        for side, api, variable in ARRAYS:
            text = 'API token of the array of the %s site' % side
            name = '%s_array_token' % side
            token = secret.read(parsed_args, name, variable, text, ask=self.new)
            if token is not None:
                body[api + '_api_token'] = token
        if parsed_args.test_volume_type:
            body['test_volume_type_id'] = lookup.find(
                lookup.Clouds(self.client),
                group['secondary_site_id'],
                'volume type',
                parsed_args.test_volume_type,
            )
        return body

    def path(self, group):
        return self.client.groups.item(group['id']) + '/policy'

    def send(self, method, group, body):
        answer = self.client.request(method, self.path(group), {'policy': body}, secret=True)
        return output.one(answer['policy'])


class CreatePolicy(WithFields):
    """Make the replication policy of a protection group.

    Both arrays are asked first."""

    new = True

    def take_action(self, parsed_args):
        group = self.group(parsed_args)
        body = self.body(parsed_args, group)
        retention = base.given(parsed_args, *(name for name, *_ in RETENTION))
        if retention:
            body['retention'] = retention
        return self.send('POST', group, body)


class SetPolicy(WithFields):
    """Change the replication policy of a protection group; what is not given stays"""

    def take_action(self, parsed_args):
        group = self.group(parsed_args)
        given = self.body(parsed_args, group)
        retention = base.given(parsed_args, *(name for name, *_ in RETENTION))
        if not given and not retention:
            raise base.usage('there is nothing to change')
        kept = self.client.get(self.path(group))['policy']
        # The service replaces all but the tokens, which it never shows.
        body = {
            name: kept[name]
            for name in (
                'driver',
                'primary_fa_url',
                'secondary_fa_url',
                'rpo_minutes',
                'replication_interval',
                'secondary_backend_host',
                'test_volume_type_id',
            )
            if kept.get(name) is not None
        }
        retention = {**(kept.get('retention') or {}), **retention}
        retention = {name: value for name, value in retention.items() if value is not None}
        if retention:
            body['retention'] = retention
        return self.send('PUT', group, {**body, **given})


class ShowPolicy(base.OfGroup, base.ShowOne):
    """Show the replication policy of a protection group; tokens are never shown"""

    either = True

    def take_action(self, parsed_args):
        path = self.client.groups.item(self.group(parsed_args)['id']) + '/policy'
        return output.one(self.client.get(path)['policy'])


class DeletePolicy(base.OfGroup, base.Command):
    """Delete the replication policy of a protection group without members"""

    def take_action(self, parsed_args):
        path = self.client.groups.item(self.group(parsed_args)['id']) + '/policy'
        self.client.request('DELETE', path)
