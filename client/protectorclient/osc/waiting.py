"""`--wait` of every command that starts an operation."""

from protectorclient.osc.progress import Progress
from protectorclient.v1 import waiting

# What a command ends with whose operation did not complete.
NOT_COMPLETED = 1


def add_wait(parser):
    parser.add_argument(
        '--wait',
        action='store_true',
        help='Follow the operation on stderr until it ends. The command fails where it does not '
        'complete, or waits for a person',
    )
    parser.add_argument(
        '--wait-timeout',
        metavar='<seconds>',
        type=positive,
        help='With --wait: stop following after this time; the operation goes on',
    )


def positive(text):
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def follow(command, operation, parsed_args):
    """The operation at its end. It decides what the command ends with."""
    return look(command, command.client, operation, limit=parsed_args.wait_timeout)


def look(command, client, operation, seen=lambda operation: None, **more):
    """The same by this client, with the terms of `waiting.follow`. `seen` is told of each look."""
    progress = Progress()

    def tell(now):
        seen(now)
        progress(now)

    try:
        ended = waiting.follow(client, operation, tell=tell, **more)
    except KeyboardInterrupt:
        progress.end()
        command.say('operation %s goes on' % operation['id'])
        raise
    finally:
        progress.end()
    if ended['status'] != 'completed':
        command.say(sentence(ended, waiting.named(client, ended)))
        command.exit_code = NOT_COMPLETED
    return ended


def sentence(operation, named):
    """Why an operation did not complete, and what to do. `named` is what commands call it."""
    id_, status = operation['id'], operation['status']
    lines = ['Operation %s (%s): %s' % (id_, operation['type'], status.replace('_', ' '))]
    error = operation.get('error')
    if error:
        where = [
            '%s %s' % (name, error[field])
            for name, field in (
                ('step', 'step'),
                ('site', 'site_id'),
                ('call', 'remote_call'),
                ('Request-ID', 'remote_request_id'),
            )
            if error.get(field)
        ]
        lines.append(error['message'] + (' (%s)' % ', '.join(where) if where else ''))
    for member in (operation.get('result') or {}).get('members') or []:
        if not member['ok']:
            lines.append('member %s: %s' % (member['name'], member.get('reason') or 'does not run'))
    lines.append('What to do: ' + what_to_do(operation, named))
    return '\n'.join(lines)


def what_to_do(operation, named):
    said = (operation.get('error') or {}).get('what_to_do')
    if said:
        return said
    if operation['status'] == 'cancelled':
        return 'nothing; it was given up'
    return (
        'look at `openstack protector operation steps %s`, then `operation retry %s` once the '
        'reason is gone' % (named, named)
    )
