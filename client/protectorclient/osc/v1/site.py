"""The registered clouds."""

from protectorclient.osc import base, output, secret

REACHABLE = tuple('%s_reachable' % name for name in ('keystone', 'nova', 'cinder', 'neutron'))
CREDENTIALS = (
    ('auth_type', '`password` or `v3applicationcredential`'),
    ('username', 'User that Protector is on this site'),
    ('user_domain_name', "That user's domain"),
    ('project_name', "That user's own project"),
    ('project_domain_name', "That project's domain"),
    ('application_credential_id', 'Application credential, in place of a user'),
)
SECRETS = (
    ('password', 'PROTECTOR_SITE_PASSWORD', "That user's password"),
    (
        'application_credential_secret',
        'PROTECTOR_SITE_APPLICATION_CREDENTIAL_SECRET',
        "The application credential's secret",
    ),
)
FIELDS = ('description', 'auth_url', 'region_name')


def add_fields(parser, required):
    parser.add_argument('--description', metavar='<text>', help='For people')
    parser.add_argument(
        '--auth-url',
        metavar='<url>',
        required=required,
        help='Its Keystone, as it is reached from both sites',
    )
    parser.add_argument('--region-name', metavar='<region>', required=required, help='Its region')
    for name, text in CREDENTIALS:
        option = '--' + name.replace('_', '-')
        parser.add_argument(option, metavar='<%s>' % name.replace('_', '-'), help=text)
    for name, variable, text in SECRETS:
        secret.add(parser, name, variable, text)


def credentials(parsed_args):
    """The account that was given, with its secret; nothing where none was."""
    found = base.given(parsed_args, *(name for name, _ in CREDENTIALS))
    for name, variable, text in SECRETS:
        needed = 'username' if name == 'password' else 'application_credential_id'
        value = secret.read(parsed_args, name, variable, text, ask=needed in found)
        if value is not None:
            found[name] = value
    if 'application_credential_id' in found:
        found.setdefault('auth_type', 'v3applicationcredential')
    return found


class CreateSite(base.ShowOne):
    """Register a site.

    Both sites learn of it. Without an account the service's own user and password are tried."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        # Guides write --name; a word alone is what other commands take.
        parser.add_argument('name_alone', metavar='<name>', nargs='?', help='Its name, unique')
        parser.add_argument('--name', metavar='<name>', help='The same')
        parser.add_argument(
            '--site-type',
            metavar='<site-type>',
            help='Which drivers speak to it (default: openstack). `primary` and `secondary` are '
            'taken as well and mean openstack: which site is primary is said by each group',
        )
        add_fields(parser, required=True)
        return parser

    def take_action(self, parsed_args):
        names = {parsed_args.name, parsed_args.name_alone} - {None}
        if len(names) != 1:
            raise base.usage('give the name of the site once')
        body = {'name': names.pop(), **base.given(parsed_args, 'site_type', *FIELDS)}
        account = credentials(parsed_args)
        if account:
            body['credentials'] = account
        return output.one(self.client.sites.create(body, secret=True)['site'])


class ListSites(base.Lister):
    """List sites"""

    either = True

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--name', metavar='<name>', help='Only the one with this name')
        parser.add_argument('--status', metavar='<status>', help='Only those with this status')
        base.add_paging(parser)
        return parser

    def take_action(self, parsed_args):
        sites = self.client.sites.list(**base.given(parsed_args, 'name', 'status', *base.PAGING))
        fields = [
            ('ID', 'id'),
            ('Name', 'name'),
            ('Status', 'status'),
            ('Site Type', 'site_type'),
            ('Auth URL', 'auth_url'),
            ('Region Name', 'region_name'),
            ('Local', 'is_local'),
        ]
        return output.many(sites, fields)


class Named(base.ShowOne):
    """Something of one site."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        base.add_names(parser, ('site', 'Name or id of the site'))
        return parser


class ShowSite(Named):
    """Show a site"""

    either = True

    def take_action(self, parsed_args):
        return output.one(self.client.sites.find(parsed_args.site))


class SetSite(Named):
    """Change a site"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--name', metavar='<name>', help='Its new name')
        parser.add_argument(
            '--peer-key',
            metavar='<key>',
            help='Confirm the new key of its Protector, which `site show` on that site shows',
        )
        add_fields(parser, required=False)
        return parser

    def take_action(self, parsed_args):
        body = base.given(parsed_args, 'name', 'peer_key', *FIELDS)
        account = credentials(parsed_args)
        if account:
            body['credentials'] = account
        if not body:
            raise base.usage('there is nothing to change')
        id_ = self.client.sites.find(parsed_args.site)['id']
        return output.one(self.client.sites.update(id_, body, secret=True))


class DeleteSite(base.Command):
    """Remove sites that no group uses"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('sites', metavar='<site>', nargs='+', help='Name or id')
        return parser

    def take_action(self, parsed_args):
        base.each(
            parsed_args.sites, lambda s: self.client.sites.delete(self.client.sites.find(s)['id'])
        )


class ValidateSite(Named):
    """Ask the services of a site for a sign of life.

    Fails where one of them does not answer."""

    def take_action(self, parsed_args):
        id_ = self.client.sites.find(parsed_args.site)['id']
        path = self.client.sites.item(id_) + '/validate'
        site = self.client.request('POST', path)['site']
        silent = [name for name in REACHABLE if not site[name]]
        for name in silent:
            why = site.get('details', {}).get(name.partition('_')[0])
            self.say('%s: %s' % (name, why or 'no reason was given'))
        if silent or site['status'] != 'active':
            self.say(site.get('status_reason') or 'the site is %s' % site['status'])
            self.exit_code = 1
        columns = ('name', 'status', *REACHABLE)
        return columns, tuple(site[name] for name in columns)


class ListVolumeTypes(base.Lister):
    """List the volume types of a site"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        base.add_names(parser, ('site', 'Name or id of the site'))
        parser.add_argument(
            '--replication-type', choices=('async', 'sync'), help='Only types that replicate so'
        )
        parser.add_argument(
            '--project-id', metavar='<project-id>', help='As this project of that site sees them'
        )
        return parser

    def take_action(self, parsed_args):
        path = self.client.sites.item(self.client.sites.find(parsed_args.site)['id'])
        asked = base.given(parsed_args, 'replication_type', 'project_id')
        types = self.client.get(path + '/volume-types', **asked)['volume_types']
        return output.many(types, [('ID', 'id'), ('Name', 'name'), ('Extra Specs', 'extra_specs')])
