"""Operations of many projects, followed one after the other. What one comes to keeps nobody from
looking at the next."""

import time

from protectorclient import exceptions
from protectorclient.osc import advice, waiting
from protectorclient.v1.project import Project

# What a command ends with that somebody has broken off, as a shell counts.
INTERRUPTED = 130


def each(command, operations, limit=None):
    """Each operation as it was seen last. Why it was not seen to its end stands in its `error`."""
    began = time.monotonic()
    here = Here(command.client)
    patience = None
    ends = []
    for nth, operation in enumerate(operations):
        one = One(command, operation)
        try:
            one.follow(here.of(operation), limit=limit, began=began, patience=patience)
            patience = None
        except exceptions.NoAnswer as silence:
            one.not_followed(silence)
            # Who has been silent for so long is not waited for as long again.
            patience = 0
        except exceptions.ProtectorError as error:
            one.not_followed(error)
        except KeyboardInterrupt:
            command.exit_code = INTERRUPTED
            rest = [one, *(One(command, left) for left in operations[nth + 1 :])]
            return ends + [left.broken_off() for left in rest]
        ends.append(one.last)
    return ends


class Here:
    """The site whose word for projects the operations have: the one that started them."""

    def __init__(self, client):
        self._client = client
        self._site = client.answering

    def of(self, operation):
        """The API for the project of an operation."""
        project = operation['project_id']
        if project == self._site.own_project():
            return self._client
        return self._client.of(Project(project, self._site))


class One:
    """One of them."""

    def __init__(self, command, operation):
        self._command = command
        self.last = operation

    def follow(self, client, **more):
        """Sees it to its end."""
        self._command.say(
            'operation %s, of protection group %s'
            % (self.last['id'], self.last['protection_group_id'])
        )
        waiting.look(self._command, client, self.last, seen=self._see, **more)

    def not_followed(self, error):
        """Says why it was not."""
        self._command.say('operation %s: %s' % (self.last['id'], advice.text(error)))
        self._command.exit_code = waiting.NOT_COMPLETED
        self._unknown('not followed to its end: %s' % error)

    def broken_off(self):
        """As it is where somebody broke off."""
        self._unknown('not followed to its end; it goes on')
        return self.last

    def _see(self, operation):
        self.last = operation

    def _unknown(self, why):
        self.last = {**self.last, 'error': {'message': why}}
