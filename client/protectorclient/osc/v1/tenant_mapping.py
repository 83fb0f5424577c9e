"""Which project of one site is which of the other."""

from protectorclient.osc import base, lookup, output
from protectorclient.osc.names import SiteNames


class CreateTenantMapping(base.ShowOne):
    """Allow groups of a project to be protected in a project of the other site"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        for side in ('primary', 'secondary'):
            parser.add_argument(
                '--%s-site' % side, metavar='<site>', required=True, help='Name or id of a site'
            )
            parser.add_argument(
                '--%s-project' % side,
                metavar='<project>',
                required=True,
                help='Name or id of the project there; a name of the other site needs '
                '--secondary-cloud',
            )
        return parser

    def take_action(self, parsed_args):
        body = {}
        clouds = lookup.Clouds(self.client)
        for side in ('primary', 'secondary'):
            site = self.client.sites.find(getattr(parsed_args, side + '_site'))
            project = getattr(parsed_args, side + '_project')
            body[side + '_site_id'] = site['id']
            body[side + '_project_id'] = lookup.find(clouds, site['name'], 'project', project)
        return output.one(self.client.tenant_mappings.create(body)['tenant_mapping'])


class ListTenantMappings(base.Lister):
    """List tenant mappings"""

    either = True

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        for name in ('primary_project_id', 'secondary_project_id'):
            parser.add_argument(
                '--' + name.replace('_', '-'),
                metavar='<project-id>',
                help='Only those of this project',
            )
        base.add_paging(parser)
        return parser

    def take_action(self, parsed_args):
        names = SiteNames(self.client)
        asked = base.given(parsed_args, 'primary_project_id', 'secondary_project_id', *base.PAGING)
        fields = [
            ('ID', 'id'),
            ('Primary Site', lambda one: names(one['primary_site_id'])),
            ('Primary Project ID', 'primary_project_id'),
            ('Secondary Site', lambda one: names(one['secondary_site_id'])),
            ('Secondary Project ID', 'secondary_project_id'),
        ]
        return output.many(self.client.tenant_mappings.list(**asked), fields)


class ShowTenantMapping(base.ShowOne):
    """Show a tenant mapping"""

    either = True

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        base.add_names(parser, ('tenant-mapping', 'Id of the mapping'))
        return parser

    def take_action(self, parsed_args):
        return output.one(self.client.tenant_mappings.find(parsed_args.tenant_mapping))


class DeleteTenantMapping(base.Command):
    """Remove tenant mappings; groups that were made under them stay"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('mappings', metavar='<tenant-mapping>', nargs='+', help='Id')
        return parser

    def take_action(self, parsed_args):
        base.each(parsed_args.mappings, self.client.tenant_mappings.delete)
