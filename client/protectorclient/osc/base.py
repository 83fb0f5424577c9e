"""What all commands have in common: the client, errors in one form, the other site."""

import uuid

from keystoneauth1 import exceptions as ksa
from osc_lib import exceptions as osc
from osc_lib.command import command

from protectorclient import exceptions
from protectorclient.osc import advice, clouds, lookup
from protectorclient.osc.output import Rows


class Protector:
    """Mixed into a command before its base class."""

    # Whether either site can answer; then the first one may be away, and its Keystone with it.
    either = False
    # What a command that has shown its output ends with.
    exit_code = 0

    @property
    def auth_required(self):
        """Whether the `openstack` program logs in before the command begins."""
        cloud = getattr(self.app, 'cloud', None)
        return not (self.either and clouds.secondary_name(getattr(cloud, 'config', None)))

    @property
    def client(self):
        return self.app.client_manager.protector

    def run(self, parsed_args):
        try:
            return super().run(parsed_args) or self.exit_code
        except exceptions.ProtectorError as error:
            raise osc.CommandError(advice.text(error)) from error
        except ksa.ClientException as error:
            # What was asked of another service of the cloud, to find something by its name.
            raise osc.CommandError(str(error)) from error

    def say(self, text):
        """Says something beside the output."""
        clouds.notice(text)

    @staticmethod
    def key():
        """An idempotency key: one a command, so that what is sent twice is done once."""
        return str(uuid.uuid4())


class Command(Protector, command.Command):
    """A command without output."""


class Lister(Protector, command.Lister):
    """A command with a table of many."""


class ShowOne(Protector, command.ShowOne):
    """A command with a table of one, or with rows where there is more to show."""

    def produce_output(self, parsed_args, column_names, data):
        if not isinstance(data, Rows):
            return super().produce_output(parsed_args, column_names, data)
        return data.produce(self, parsed_args, column_names)


class InProject:
    """Mixed into a command about what a project has: an administrator may name another project than
    the login's."""

    _client = None

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        # Not `project`: commands have that as an argument.
        parser.add_argument(
            '--project',
            dest='in_project',
            metavar='<project>',
            help="Project that it is of, by name or id, where that is not the login's "
            '(administrators only)',
        )
        return parser

    def run(self, parsed_args):
        self._in_project = parsed_args.in_project
        return super().run(parsed_args)

    @property
    def client(self):
        if self._client is None:
            client = super().client
            name = self._in_project
            self._client = client.of(lookup.project(client, name)) if name else client
        return self._client


class OfGroup(InProject):
    """Mixed into a command about one protection group."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        add_names(parser, ('protection-group', 'Name or id of the protection group'))
        return parser

    def group(self, parsed_args):
        """The group that is meant."""
        return self.client.groups.find(parsed_args.protection_group)


def add_names(parser, *names):
    """Adds the arguments that name things, such as `<protection-group>`."""
    for name, text in names:
        parser.add_argument(name.replace('-', '_'), metavar='<%s>' % name, help=text)


def given(parsed_args, *names):
    """The options that were given, by their names in the API."""
    found = {name: getattr(parsed_args, name) for name in names}
    return {name: value for name, value in found.items() if value is not None}


# What every list of the API takes.
PAGING = ('limit', 'sort')


def add_paging(parser):
    """Adds what every list takes. All pages are followed."""
    parser.add_argument(
        '--limit', metavar='<count>', type=int, help='Only so many; without it, all of them'
    )
    parser.add_argument(
        '--sort', metavar='<key>[:asc|desc],...', help='The order, such as `created_at:desc`'
    )


def usage(text):
    """The error for options that do not fit together."""
    return osc.CommandError(text)


def each(things, remove):
    """Removes all of them; those that cannot be are named at the end."""
    failed = []
    for thing in things:
        try:
            remove(thing)
        except exceptions.ProtectorError as error:
            failed.append('%s: %s' % (thing, advice.text(error)))
    if failed:
        raise osc.CommandError('\n'.join(failed))
