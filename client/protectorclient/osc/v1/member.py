"""The servers of a group."""

from protectorclient.osc import base, lookup, output, waiting

ORDER = (
    ('boot_tier', 'When it starts: tier 1 first, tier 5 last'),
    ('boot_delay', 'Seconds to wait after its start before the next tier'),
)


def add_order(parser):
    for name, text in ORDER:
        option = name.replace('_', '-')
        parser.add_argument('--' + option, metavar='<%s>' % option, type=int, help=text)
    parser.add_argument(
        '--probe-console',
        metavar='<text>',
        help='Text that its console shows once it is up, such as `login:`',
    )
    parser.add_argument(
        '--probe-timeout', metavar='<seconds>', type=int, help='How long that may take'
    )


def order(parsed_args):
    """What was given of the boot order and the probe."""
    body = base.given(parsed_args, 'boot_tier', 'boot_delay')
    if parsed_args.probe_console is not None:
        body['probe'] = {'console': parsed_args.probe_console}
        if parsed_args.probe_timeout is not None:
            body['probe']['timeout'] = parsed_args.probe_timeout
    elif parsed_args.probe_timeout is not None:
        raise base.usage('--probe-timeout is for --probe-console')
    return body


class AddMember(base.OfGroup, base.ShowOne):
    """Add a server to a protection group"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        base.add_names(parser, ('server', 'Name or id, on the site that the group runs on'))
        add_order(parser)
        waiting.add_wait(parser)
        return parser

    def take_action(self, parsed_args):
        body = order(parsed_args)
        group = self.group(parsed_args)
        body['server_id'] = lookup.find(
            lookup.Clouds(self.client),
            group['current_primary_site_id'],
            'server',
            parsed_args.server,
        )
        members = self.client.members(group['id'])
        made = members.create(body, key=self.key())
        member = made['member']
        if parsed_args.wait:
            waiting.follow(self, made['operation'], parsed_args)
            member = members.show(member['id'])
        return output.one(member)


class ListMembers(base.OfGroup, base.Lister):
    """List the servers of a protection group"""

    either = True

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        for name in ('name', 'status'):
            parser.add_argument('--' + name, metavar='<%s>' % name, help='Only those with this')
        parser.add_argument('--boot-tier', metavar='<boot-tier>', type=int, help='Only this tier')
        base.add_paging(parser)
        return parser

    def take_action(self, parsed_args):
        asked = base.given(parsed_args, 'name', 'status', 'boot_tier', *base.PAGING)
        members = self.client.members(self.group(parsed_args)['id']).list(**asked)
        fields = [
            ('ID', 'id'),
            ('Name', 'name'),
            ('Status', 'status'),
            ('Boot Tier', 'boot_tier'),
            ('Boot Delay', 'boot_delay'),
            ('Primary Server ID', 'primary_server_id'),
            ('Secondary Server ID', 'secondary_server_id'),
        ]
        return output.many(members, fields)


class OfMember(base.OfGroup):
    """A command about one member."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        base.add_names(parser, ('member', 'Name or id of the member'))
        return parser

    def found(self, parsed_args):
        """The members of the group, and the one that is meant."""
        members = self.client.members(self.group(parsed_args)['id'])
        return members, members.find(parsed_args.member)


class ShowMember(OfMember, base.ShowOne):
    """Show a member with its blueprint"""

    either = True

    def take_action(self, parsed_args):
        return output.one(self.found(parsed_args)[1])


class SetMember(OfMember, base.ShowOne):
    """Change the place of a member in the boot order, or its probe"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        add_order(parser)
        parser.add_argument('--no-probe', action='store_true', help='Take its probe away')
        return parser

    def take_action(self, parsed_args):
        body = order(parsed_args)
        if parsed_args.no_probe:
            if 'probe' in body:
                raise base.usage('--no-probe and --probe-console do not go together')
            body['probe'] = None
        if not body:
            raise base.usage('there is nothing to change')
        members, member = self.found(parsed_args)
        return output.one(members.update(member['id'], body))


class RefreshMember(OfMember, base.ShowOne):
    """Read the server of a member again, after it was changed on purpose.

    What is brought up on the other site is the server as it is now."""

    def take_action(self, parsed_args):
        members, member = self.found(parsed_args)
        return output.one(members.act(member['id'], 'refresh')['member'])


class RemoveMember(base.OfGroup, base.Command):
    """Take servers out of a protection group; the servers stay"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('members', metavar='<member>', nargs='+', help='Name or id')
        waiting.add_wait(parser)
        return parser

    def take_action(self, parsed_args):
        members = self.client.members(self.group(parsed_args)['id'])

        def remove(name):
            operation = members.delete(members.find(name)['id'], key=self.key())['operation']
            if parsed_args.wait:
                waiting.follow(self, operation, parsed_args)
            else:
                self.say('operation %s takes %s out' % (operation['id'], name))

        base.each(parsed_args.members, remove)
