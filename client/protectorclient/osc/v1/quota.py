"""How much a project may have."""

from protectorclient.osc import base, lookup, output

LIMITS = (
    ('protection_groups', 'Protection groups'),
    ('members_per_group', 'Members of one group'),
    ('running_operations', 'Operations that are not finished'),
)


class OfProject:
    """A command about one project's quotas."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'project',
            metavar='<project>',
            nargs='?',
            help="Name or id of the project (default: the login's)",
        )
        return parser

    def path(self, parsed_args):
        here = self.client.answering
        if parsed_args.project is None:
            return '/quota-sets/%s' % here.session.get_project_id()
        id_ = lookup.at(here, 'project', parsed_args.project)
        return '/quota-sets/%s' % id_


class ShowQuota(OfProject, base.ShowOne):
    """Show the quotas of a project; -1 is unlimited"""

    def take_action(self, parsed_args):
        return output.one(self.client.get(self.path(parsed_args))['quota_set'])


class SetQuota(OfProject, base.ShowOne):
    """Set quotas of a project; -1 is unlimited"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        for name, text in LIMITS:
            option = name.replace('_', '-')
            parser.add_argument('--' + option, metavar='<count>', type=int, help=text)
        return parser

    def take_action(self, parsed_args):
        body = base.given(parsed_args, *(name for name, _ in LIMITS))
        if not body:
            raise base.usage('there is nothing to change')
        path = self.path(parsed_args)
        return output.one(self.client.request('PUT', path, {'quota_set': body})['quota_set'])


class DeleteQuota(OfProject, base.Command):
    """Give a project the default quotas again"""

    def take_action(self, parsed_args):
        self.client.request('DELETE', self.path(parsed_args))
