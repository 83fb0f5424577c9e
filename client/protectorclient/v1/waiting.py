"""Following an operation to its end."""

import time

from protectorclient import exceptions

# An operation that is one of these goes on by itself.
GOING_ON = ('queued', 'running')
# Seconds between two looks.
PAUSE = 2
# Seconds for which nobody has to answer: a service that is restarted is back by then.
PATIENCE = 120


def follow(client, operation, tell=None, limit=None, began=None, patience=None):
    """The operation as it ended, or as it waits for a person. `tell` is shown each look. `limit`
    counts from `began`, which is now where nothing is said; there is one look at least.

    A site that falls silent on the way does not end this before `patience` is over, which is
    `PATIENCE` where nothing is said.
    """
    heard = time.monotonic()
    began = heard if began is None else began
    patience = PATIENCE if patience is None else patience
    while True:
        try:
            operation = client.operations.show(operation['id'])
        except exceptions.NoAnswer:
            if time.monotonic() - heard > patience:
                raise
        else:
            heard = time.monotonic()
            if tell:
                tell(operation)
            if operation['status'] not in GOING_ON:
                return operation
        if limit is not None and time.monotonic() - began >= limit:
            raise exceptions.ProtectorError(
                'operation %s is not over after %d s, and goes on' % (operation['id'], limit),
                'look at it with `openstack protector operation show %s`'
                % named(client, operation),
            )
        time.sleep(PAUSE)


def named(client, operation):
    """The operation as an argument: with its project where that is not the login's."""
    if client.project is None:
        return operation['id']
    return '%s --project %s' % (operation['id'], operation['project_id'])
