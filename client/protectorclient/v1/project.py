"""A project that is not the login's. Each site's Keystone has an id of its own for it."""

from protectorclient import exceptions
from protectorclient.v1.client import Client


class Project:
    """The project that has this id at one endpoint; what it is elsewhere is said by the tenant
    mappings, which an administrator may read."""

    def __init__(self, id_, endpoint):
        self._id = id_
        self._known = {endpoint: id_}

    def at(self, endpoint):
        """Its id at this endpoint."""
        if endpoint not in self._known:
            self._known[endpoint] = counterpart(self._id, endpoint)
        return self._known[endpoint]


def counterpart(id_, endpoint):
    """What a project of either site is called by the site of this endpoint."""
    client = Client(endpoint)
    here = {site['id'] for site in client.sites.list() if site['is_local']}
    found = set()
    for mapping in client.tenant_mappings.list():
        sides = [
            (mapping[side + '_site_id'], mapping[side + '_project_id'])
            for side in ('primary', 'secondary')
        ]
        if id_ in (project for _, project in sides):
            found.update(project for site, project in sides if site in here)
    if id_ in found:
        return id_
    if len(found) > 1:
        raise exceptions.Ambiguous(
            'the project %s is mapped to %d projects of %s' % (id_, len(found), endpoint),
            'give the id of one of them: %s' % ', '.join(sorted(found)),
        )
    if not found:
        raise exceptions.NotFound(
            'no tenant mapping says which project of %s the project %s is' % (endpoint, id_),
            'give the id that it has there',
        )
    return found.pop()
