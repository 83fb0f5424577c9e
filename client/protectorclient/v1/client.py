"""The API, at one site or at whichever of two answers.

    from keystoneauth1 import session
    from protectorclient.v1 import client, endpoint

    protector = client.Client(endpoint.Endpoint(session.Session(auth)))
    for group in protector.groups.list(status='active'):
        print(group['name'])

What comes back are the objects of the API's documents as dictionaries.
"""

from protectorclient import exceptions
from protectorclient.v1.collection import Collection

GROUPS = '/protection-groups'


class Client:
    """`other` is the second site: reads, failovers and what steers them are asked there where the
    first does not answer. `notice` is told of that, once."""

    def __init__(self, first, other=None, notice=None):
        self.first = first
        self.other = other
        self._answering = first
        self._notice = notice or (lambda text: None)
        self.sites = Collection(self, '/admin/sites', 'site', 'sites')
        self.tenant_mappings = Collection(
            self, '/admin/tenant-mappings', 'tenant_mapping', 'tenant_mappings'
        )
        self.groups = Collection(self, GROUPS, 'protection_group', 'protection_groups')
        self.operations = Collection(self, '/operations', 'operation', 'operations')

    @property
    def answering(self):
        """The site that is asked now."""
        return self._answering

    def members(self, group):
        """The members of the group with this id."""
        return Collection(self, '%s/%s/members' % (GROUPS, group), 'member', 'members')

    def at(self, endpoint):
        """The same API at one of the two sites alone."""
        return Client(endpoint, notice=self._notice)

    def get(self, path, **params):
        """The body of a read."""
        return self.request('GET', path, params=params, either=True)

    def request(self, method, path, body=None, params=None, key=None, either=False, secret=False):
        """The body of a success, `None` where there is none. With `either` the other site may be
        asked; a `key` makes the service do a thing once, however often it is sent."""
        more = {}
        if body is not None:
            more['json'] = body
        if params:
            more['params'] = {name: value for name, value in params.items() if value is not None}
        if key:
            more['headers'] = {'Idempotency-Key': key}
        try:
            reply = self._answering.send(method, path, secret=secret, **more)
        except exceptions.NoAnswer as silence:
            if not either or self.other is None:
                raise
            reply = self._ask_the_other(silence, method, path, secret=secret, **more)
        return reply.json() if reply.content else None

    def _ask_the_other(self, silence, method, path, **more):
        asked = self.other if self._answering is self.first else self.first
        try:
            reply = asked.send(method, path, **more)
        except exceptions.Refused:
            # That is an answer too, and has to be known as this site's.
            self._now_from(asked, silence)
            raise
        except exceptions.ProtectorError as second:
            raise type(second)(
                'neither site answers: %s; %s' % (silence, second),
                second.what_to_do or 'start protector-api on one of them: each can fail over alone',
            ) from second
        self._now_from(asked, silence)
        return reply

    def _now_from(self, asked, silence):
        self._answering = asked
        self._notice('%s. The answer is from %s.' % (silence, asked))
