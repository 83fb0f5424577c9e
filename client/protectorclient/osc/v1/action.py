"""What is done with a whole group: its failovers and all that belongs to them."""

from protectorclient.osc import base, output, plans, waiting
from protectorclient.osc.names import SiteNames


class Action(base.OfGroup, base.ShowOne):
    """An operation on a group. `flags` are options that are sent where they are given."""

    either = True
    action = ''
    flags = ()

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        for name, text in self.flags:
            parser.add_argument('--' + name.replace('_', '-'), action='store_true', help=text)
        parser.add_argument(
            '--dry-run', action='store_true', help='Only show the plan, and do nothing'
        )
        waiting.add_wait(parser)
        return parser

    def options(self, parsed_args):
        """What is sent with the action."""
        names = [name for name, _ in self.flags] + ['dry_run']
        return {name: True for name in names if getattr(parsed_args, name)}

    def take_action(self, parsed_args):
        client = self.client
        id_ = self.group(parsed_args)['id']
        reply = client.groups.act(id_, self.action, self.options(parsed_args), key=self.key())
        if parsed_args.dry_run:
            self.say('Plan %s. Nothing was done.' % reply['plan']['hash'])
            return plans.table(reply['plan'], SiteNames(client))
        operation = reply['operation']
        if parsed_args.wait:
            operation = waiting.follow(self, operation, parsed_args)
        return output.one(operation, 'steps')


class Move(Action):
    """A failover or a failback. The service knows the direction."""

    flags = (
        ('force', 'Go on although the site that is left still answers'),
        ('accept_drift', 'Go on although a server no longer is what was protected'),
        ('accept_loss', 'Start what the other site keeps although something newer may be lost'),
    )

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        kind = parser.add_mutually_exclusive_group()
        for name, text in (
            ('planned', 'Both sites work: nothing is lost (default)'),
            ('unplanned', 'The site that the group runs on is lost'),
        ):
            kind.add_argument('--' + name, dest='type', action='store_const', const=name, help=text)
        kind.add_argument('--type', choices=('planned', 'unplanned'), help='The same')
        add_recovery_point(parser)
        return parser

    def options(self, parsed_args):
        more = base.given(parsed_args, 'type', 'recovery_point_id')
        return {'type': 'planned', **super().options(parsed_args), **more}


def add_recovery_point(parser):
    parser.add_argument(
        '--recovery-point',
        dest='recovery_point_id',
        metavar='<recovery-point>',
        help='One of `recovery-point list`; without it, the newest complete one',
    )


class FailOver(Move):
    """Bring a group up on the site that it does not run on"""

    action = 'failover'


class FailBack(Move):
    """Bring a group home"""

    action = 'failback'


class TestFailover(Action):
    """Boot copies of a group on a test network, beside what runs"""

    action = 'test_failover'
    flags = (('auto_cleanup', 'Remove the copies once they have been verified'),)

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--expires-in',
            metavar='<seconds>',
            type=int,
            help='Remove the copies after this time',
        )
        add_recovery_point(parser)
        return parser

    def options(self, parsed_args):
        more = base.given(parsed_args, 'expires_in', 'recovery_point_id')
        return {**super().options(parsed_args), **more}


class CleanUpTest(Action):
    """Remove what a test failover has made"""

    action = 'test_cleanup'


class Sync(Action):
    """Replicate the data of a group now"""

    action = 'sync'


class Reprotect(Action):
    """Replicate from where a group runs now towards its other site"""

    action = 'reprotect'


class CleanUp(Action):
    """Remove the parked copies of a group"""

    action = 'cleanup'


class Reset(Action):
    """Read both sites again to leave the status `error`"""

    action = 'reset'
