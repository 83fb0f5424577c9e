"""The drivers that a site's Protector has."""

from protectorclient import exceptions
from protectorclient.osc import base, output

PATH = '/admin/drivers'


class ListDrivers(base.Lister):
    """List the drivers for arrays and clouds"""

    either = True

    def take_action(self, parsed_args):
        reply = self.client.get(PATH)
        for one in reply['refused']:
            self.say('not loaded: %s: %s' % (one['file'], one['reason']))
        fields = [
            ('Name', 'name'),
            ('Kind', 'kind'),
            ('Version', 'version'),
            ('Origin', 'origin'),
            ('Summary', 'summary'),
        ]
        return output.many(reply['drivers'], fields)


class ShowDriver(base.ShowOne):
    """Show a driver: what it can do, and its settings"""

    either = True

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        base.add_names(parser, ('driver', 'Its name'))
        parser.add_argument(
            '--kind', choices=('storage', 'compute', 'identity'), help='Where a name is of several'
        )
        return parser

    def take_action(self, parsed_args):
        found = [
            one
            for one in self.client.get(PATH)['drivers']
            if one['name'] == parsed_args.driver and parsed_args.kind in (None, one['kind'])
        ]
        if not found:
            raise exceptions.NotFound('there is no driver %s' % parsed_args.driver)
        if len(found) > 1:
            kinds = ', '.join(one['kind'] for one in found)
            raise exceptions.Ambiguous(
                'there are %d drivers %s' % (len(found), parsed_args.driver),
                'give --kind, one of: ' + kinds,
            )
        return output.one(found[0])
