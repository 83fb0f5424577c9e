"""What is done with groups, and steering it."""

from protectorclient import exceptions
from protectorclient.osc import base, output, progress, waiting
from protectorclient.osc.names import SiteNames
from protectorclient.v1.waiting import named


class OfOperation(base.InProject):
    """A command about one operation. `--operation-id` is what older guides write."""

    either = True

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('operation', metavar='<operation>', nargs='?', help='Id')
        parser.add_argument('--operation-id', metavar='<operation>', help='The same')
        parser.add_argument(
            '--protection-group',
            metavar='<protection-group>',
            help='Group that it must be of, by name or id',
        )
        return parser

    def found(self, parsed_args):
        """The operation."""
        named = {parsed_args.operation, parsed_args.operation_id} - {None}
        if len(named) != 1:
            raise base.usage('give the id of the operation once')
        operation = self.client.operations.find(named.pop())
        if parsed_args.protection_group:
            group = self.client.groups.find(parsed_args.protection_group)
            if operation['protection_group_id'] != group['id']:
                raise exceptions.NotFound(
                    'operation %s is not of the protection group %s'
                    % (operation['id'], group['name'])
                )
        return operation


class ListOperations(base.InProject, base.Lister):
    """List operations, the newest first"""

    either = True

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--protection-group', metavar='<protection-group>', help='Only those of this group'
        )
        for name in ('type', 'status'):
            parser.add_argument('--' + name, metavar='<%s>' % name, help='Only those of this')
        base.add_paging(parser)
        return parser

    def take_action(self, parsed_args):
        asked = base.given(parsed_args, 'type', 'status', *base.PAGING)
        if parsed_args.protection_group:
            group = self.client.groups.find(parsed_args.protection_group)
            asked['protection_group_id'] = group['id']
        fields = [
            ('ID', 'id'),
            ('Type', 'type'),
            ('Status', 'status'),
            ('Phase', 'phase'),
            ('Progress', 'progress'),
            ('Protection Group ID', 'protection_group_id'),
            ('Created At', 'created_at'),
            ('Finished At', 'finished_at'),
        ]
        return output.many(self.client.operations.list(**asked), fields)


class ShowOperation(OfOperation, base.ShowOne):
    """Show an operation; with --wait, once it has ended"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        waiting.add_wait(parser)
        return parser

    def take_action(self, parsed_args):
        operation = self.found(parsed_args)
        if parsed_args.wait:
            operation = waiting.follow(self, operation, parsed_args)
        return output.one(operation, 'steps')


class ListSteps(OfOperation, base.Lister):
    """List the steps of an operation"""

    def take_action(self, parsed_args):
        path = self.client.operations.item(self.found(parsed_args)['id']) + '/steps'
        names = SiteNames(self.client)
        fields = [
            ('Position', 'position'),
            ('Step', progress.shown),
            ('Phase', 'phase'),
            ('Site', lambda step: names(step['site_id']) if step.get('site_id') else None),
            ('Status', 'status'),
            ('Attempt', 'attempt'),
            ('Seconds', lambda step: step.get('seconds') and round(step['seconds'], 2)),
            ('Error', lambda step: (step.get('error') or {}).get('message')),
            ('What To Do', lambda step: (step.get('error') or {}).get('what_to_do')),
        ]
        return output.many(self.client.get(path)['steps'], fields)


class Steer(OfOperation, base.ShowOne):
    """An action on an operation."""

    action = ''
    # What to do where it is not known whether it was heard.
    look = 'look at `openstack protector operation show %s` before you do it again'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        waiting.add_wait(parser)
        return parser

    def options(self, parsed_args):
        return {}

    def take_action(self, parsed_args):
        options = self.options(parsed_args)
        operation = self.act(self.found(parsed_args), options)
        if parsed_args.wait:
            operation = self.followed(operation, parsed_args)
        return output.one(operation, 'steps')

    def act(self, operation, options):
        """The answer. Nothing makes the service do such a thing once, so it is sent once."""
        try:
            reply = self.client.operations.act(operation['id'], self.action, options)
        except exceptions.Doubtful as doubt:
            raise exceptions.Doubtful(
                doubt.message, self.look % named(self.client, operation)
            ) from doubt
        return reply['operation']

    def followed(self, operation, parsed_args):
        return waiting.follow(self, operation, parsed_args)


class CancelOperation(Steer):
    """Give an operation up; what it has done is taken back"""

    action = 'cancel'

    def followed(self, operation, parsed_args):
        operation = super().followed(operation, parsed_args)
        if operation['status'] == 'cancelled':
            # That is what was asked for.
            self.exit_code = 0
        elif operation['status'] == 'completed':
            self.say('it had been completed before it could be given up')
            self.exit_code = waiting.NOT_COMPLETED
        return operation


class RetryOperation(Steer):
    """Open an operation again that failed or waits"""

    action = 'retry'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        for name, text in (
            ('force', 'Go on although the other site answers, so that its servers may run'),
            ('accept-loss', 'Start what is kept although something newer may be lost by it'),
        ):
            parser.add_argument('--' + name, action='store_true', help=text)
        return parser

    def options(self, parsed_args):
        return {name: True for name in ('force', 'accept_loss') if getattr(parsed_args, name)}


class SkipStep(Steer):
    """Go on with an operation without a step that failed"""

    action = 'skip'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--step', metavar='<step>', required=True, help='Step, as `operation steps` names it'
        )
        parser.add_argument(
            '--reason', metavar='<text>', required=True, help='Why, for those who ask later'
        )
        return parser

    def options(self, parsed_args):
        return {'step': parsed_args.step, 'reason': parsed_args.reason}


class CleanUpOperation(Steer):
    """Remove what an operation has left behind"""

    action = 'cleanup'
    # It begins an operation of its own.
    look = (
        'look at `openstack protector operation show %s`, and at `operation list` for what it has '
        'begun, before you do it again'
    )
