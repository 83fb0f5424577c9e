"""Which network, flavor and so on of one site is which of the other."""

from protectorclient.osc import base, lookup, output

# The types of the API, and what to look a name up as; these of no kind have no id.
TYPES = {
    'availability_zone': None,
    'flavor': 'flavor',
    'keypair': None,
    'network': 'network',
    'security_group': 'security group',
    'subnet': 'subnet',
    'test_network': 'network',
}
FIELDS = [
    ('Type', 'type'),
    ('Primary ID', 'primary_id'),
    ('Secondary ID', 'secondary_id'),
]


class ListResourceMappings(base.OfGroup, base.Lister):
    """List the resource mappings of a protection group"""

    either = True

    def take_action(self, parsed_args):
        path = self.client.groups.item(self.group(parsed_args)['id']) + '/resource-mappings'
        return output.many(self.client.get(path)['resource_mappings'], FIELDS)


class SetResourceMappings(base.OfGroup, base.Lister):
    """Replace the resource mappings of a protection group.

    All of them, unless --add is given."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--mapping',
            dest='mappings',
            metavar='<type>:<primary>=<secondary>',
            action='append',
            default=[],
            help='One mapping, such as network:app=app-dr, by name or id on each site; names of '
            'the other site need --secondary-cloud. The types: ' + ', '.join(sorted(TYPES)),
        )
        parser.add_argument('--add', action='store_true', help='Keep those that there are')
        parser.add_argument('--none', action='store_true', help='Remove all of them')
        return parser

    def take_action(self, parsed_args):
        if bool(parsed_args.mappings) == parsed_args.none:
            raise base.usage('give --mapping once or more, or --none')
        asked = [parsed(text) for text in parsed_args.mappings]
        group = self.group(parsed_args)
        clouds = lookup.Clouds(self.client)
        found = [
            {
                'type': type_,
                'primary_id': self.id_of(clouds, group['primary_site_id'], type_, primary),
                'secondary_id': self.id_of(clouds, group['secondary_site_id'], type_, secondary),
            }
            for type_, primary, secondary in asked
        ]
        path = self.client.groups.item(group['id']) + '/resource-mappings'
        if parsed_args.add:
            kept = self.client.get(path)['resource_mappings']
            replaced = {(one['type'], one['primary_id']) for one in found}
            found = [o for o in kept if (o['type'], o['primary_id']) not in replaced] + found
        reply = self.client.request('PUT', path, {'resource_mappings': found})
        return output.many(reply['resource_mappings'], FIELDS)

    @staticmethod
    def id_of(clouds, site, type_, name):
        kind = TYPES[type_]
        return lookup.find(clouds, site, kind, name) if kind else name


def parsed(text):
    """The type and both names of a mapping on the command line."""
    type_, colon, pair = text.partition(':')
    primary, equals, secondary = pair.partition('=')
    type_ = type_.replace('-', '_')
    if not (colon and equals and primary and secondary) or type_ not in TYPES:
        raise base.usage(
            '%s is no mapping: write <type>:<primary>=<secondary>, with one of the types %s'
            % (text, ', '.join(sorted(TYPES)))
        )
    return type_, primary, secondary
