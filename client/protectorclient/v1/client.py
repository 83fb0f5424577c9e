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
from protectorclient.v1.route import Route

GROUPS = '/protection-groups'


class Client:
    """`other` is the second site: reads, failovers and what steers them are asked there where the
    first does not answer. `notice` is told of that, once."""

    def __init__(self, first, other=None, notice=None, project=None, route=None):
        self._route = route or Route(first, other, notice)
        # Whose things it is about, where that is not the login's project.
        self.project = project
        self.sites = Collection(self, '/admin/sites', 'site', 'sites')
        self.tenant_mappings = Collection(
            self, '/admin/tenant-mappings', 'tenant_mapping', 'tenant_mappings'
        )
        self.groups = Collection(self, GROUPS, 'protection_group', 'protection_groups')
        self.operations = Collection(self, '/operations', 'operation', 'operations')

    @property
    def first(self):
        """The site that is asked as long as it answers."""
        return self._route.first

    @property
    def other(self):
        """The second site, where there is one."""
        return self._route.other

    @property
    def answering(self):
        """The site that is asked now."""
        return self._route.answering

    def members(self, group):
        """The members of the group with this id."""
        return Collection(self, '%s/%s/members' % (GROUPS, group), 'member', 'members')

    def at(self, endpoint):
        """The same API at one of the two sites alone."""
        return Client(endpoint, notice=self._route.notice, project=self.project)

    def of(self, project):
        """The same API for another project, which an administrator may ask for: a
        `project.Project`, or whatever else says its id `at` each endpoint."""
        return Client(self.first, project=project, route=self._route)

    def get(self, path, **params):
        """The body of a read."""
        return self.request('GET', path, params=params, either=True)

    def request(self, method, path, body=None, params=None, key=None, either=False, secret=False):
        """The body of a success, `None` where there is none. With `either` the other site may be
        asked; a `key` makes the service do a thing once, however often it is sent. A change
        without one is sent to the other site only where the first has certainly not heard it."""
        more = {}
        if body is not None:
            more['json'] = body
        if params:
            more['params'] = {name: value for name, value in params.items() if value is not None}
        if key:
            more['headers'] = {'Idempotency-Key': key}
        reply = self._route.send(
            method,
            path,
            either=either,
            repeatable=method == 'GET' or key is not None,
            project=self.project,
            secret=secret,
            **more,
        )
        if not reply.content:
            return None
        try:
            return reply.json()
        except ValueError as error:
            raise exceptions.ProtectorError(
                '%s answers %s %s with something else than JSON: %s'
                % (self.answering, method, path, error),
                'look whether the address in the catalog leads to protector-api',
            ) from error
