"""Secrets as options: from a file, from the environment or from a question, and never from the
command line itself, which other users of the machine can read."""

import getpass
import os
import sys

from protectorclient import exceptions


def add(parser, name, variable, text):
    """Adds the option of a secret."""
    parser.add_argument(
        '--' + name.replace('_', '-'),
        metavar='<@file|->',
        help='%s: `@file` reads it from a file, `-` asks for it (Env: %s)' % (text, variable),
    )


def read(parsed_args, name, variable, text, ask=False):
    """The secret. Where none was given it is asked for, with `ask`, or it is nothing."""
    said = getattr(parsed_args, name)
    if said is None:
        found = os.environ.get(variable)
        if found:
            return found
        if not ask:
            return None
    option = '--' + name.replace('_', '-')
    if said is None or said == '-':
        if not sys.stdin.isatty():
            raise exceptions.ProtectorError(
                '%s is needed, and there is no terminal to ask for it' % option,
                'give %s @file, or set %s' % (option, variable),
            )
        return getpass.getpass(text + ': ')
    if not said.startswith('@'):
        raise exceptions.ProtectorError(
            '%s takes no secret on the command line, where others can read it' % option,
            'give %s @file, or - to be asked, or set %s' % (option, variable),
        )
    try:
        with open(said[1:], encoding='utf-8') as file:
            found = file.read().rstrip('\r\n')
    except (OSError, UnicodeDecodeError) as error:
        raise exceptions.ProtectorError('%s: %s' % (option, error)) from error
    if not found:
        raise exceptions.ProtectorError('%s: %s is empty' % (option, said[1:]))
    return found
