"""What other services of a cloud call by name and Protector knows by id."""

import uuid

from keystoneauth1 import adapter
from keystoneauth1 import exceptions as ksa

from protectorclient import exceptions
from protectorclient.v1 import project as projects

# The types of the service, the path of the list, its key, and whether it can be asked for by name.
# A version at the beginning is left out where the catalog's address has it.
KINDS = {
    'project': (('identity',), '/v3/projects', 'projects', True),
    'server': (('compute',), '/servers', 'servers', False),
    'flavor': (('compute',), '/flavors', 'flavors', False),
    'volume type': (('block-storage', 'volumev3'), '/types', 'volume_types', False),
    'network': (('network',), '/v2.0/networks', 'networks', True),
    'subnet': (('network',), '/v2.0/subnets', 'subnets', True),
    'security group': (('network',), '/v2.0/security-groups', 'security_groups', True),
}


def is_id(text):
    """Whether it is an id of OpenStack's usual form; then nobody is asked."""
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


# What belongs to a project. The login sees that of its own one.
OF_A_PROJECT = ('server', 'network', 'subnet', 'security group')


class Project:
    """A project by its name, which is looked up on each cloud that is asked."""

    def __init__(self, name):
        self._name = name
        self._known = {}

    def at(self, cloud):
        """Its id on this cloud."""
        if cloud not in self._known:
            with cloud.errors():
                self._known[cloud] = self._look(cloud)
        return self._known[cloud]

    def _look(self, cloud):
        try:
            return at(cloud, 'project', self._name)
        except ksa.Forbidden as error:
            raise exceptions.ProtectorError(
                'the project %s cannot be looked up on %s: %s' % (self._name, cloud, error),
                'give its id',
            ) from error


def project(client, name):
    """The project with this name or id. An id is that of the cloud that is asked first."""
    return Project(name) if not is_id(name) else projects.Project(name, client.first)


class Clouds:
    """Which of the clouds that the command line names is which site."""

    def __init__(self, client):
        self._client = client
        self._here = None
        self._names = {}

    @property
    def elsewhere(self):
        """Whether it is about another project than the login's."""
        return self._client.project is not None

    def of(self, site):
        """The cloud of a site, by its name or id; nothing where it was not named."""
        client = self._client
        answering = client.answering
        silent = client.other if answering is client.first else client.first
        return answering if self._is_here(site) else silent

    def _is_here(self, site):
        if self._here is None:
            self._learn()
        return self._names.get(site, site) == self._here

    def _learn(self):
        client = self._client
        try:
            for site in client.sites.list():
                self._names[site['name']] = site['id']
                if site['is_local']:
                    self._here = site['id']
        except exceptions.Refused as refused:
            if refused.status != 403:
                raise
            # Who is no administrator knows it from the trust that the project gave to this site.
            for trust in client.get('/trusts')['trusts']:
                self._here = trust['site_id']
            for site in client.get('/health')['health']['sites']:
                self._names[site['name']] = site['id']
        if self._here is None:
            raise exceptions.ProtectorError(
                'it cannot be told which site %s is, so names there cannot be looked up'
                % client.answering,
                'give ids, or enrol the project: `openstack protector trust create`',
            )


def find(clouds, site, kind, name):
    """The id of what has this name on the cloud of a site; an id is taken as it is."""
    if is_id(name):
        return name
    if clouds.elsewhere and kind in OF_A_PROJECT:
        raise exceptions.ProtectorError(
            'the %s %s is of another project, and names there cannot be looked up' % (kind, name),
            'give its id',
        )
    cloud = clouds.of(site)
    if cloud is None:
        raise exceptions.ProtectorError(
            'the %s %s is on the site %s, and names there cannot be looked up' % (kind, name, site),
            'give its id, or name that cloud with --secondary-cloud',
        )
    return at(cloud, kind, name)


def at(cloud, kind, name):
    """The same on this cloud."""
    if is_id(name):
        return name
    types, path, key, by_name = KINDS[kind]
    found = [
        one['id']
        for one in listed(cloud, types, path, key, {'name': name} if by_name else {})
        if name in (one.get('name'), one['id'])
    ]
    if len(found) > 1:
        raise exceptions.Ambiguous(
            'there are %d things of the kind %s named %s on %s' % (len(found), kind, name, cloud),
            'give the id: %s' % ', '.join(found),
        )
    if not found:
        raise exceptions.NotFound(
            'there is no %s with the name or id %s on %s' % (kind, name, cloud)
        )
    return found[0]


def listed(cloud, types, path, key, asked):
    """The list, page after page."""
    service, address = service_of(cloud, types)
    version = '/' + path.split('/')[1]
    if address.rstrip('/').endswith(version):
        path = path[len(version) :]
    more = dict(asked)
    while True:
        page = service.get(path, params=more).json()
        items = page[key]
        yield from items
        if not items or not any(one['rel'] == 'next' for one in page.get(key + '_links') or []):
            return
        more['marker'] = items[-1]['id']


def service_of(cloud, types):
    """The first of these services that the catalog has, and where it is."""
    for type_ in types:
        service = adapter.Adapter(cloud.session, service_type=type_, **cloud.where)
        try:
            address = service.get_endpoint()
        except ksa.EndpointNotFound:
            continue
        if address:
            return service, address
    raise exceptions.ProtectorError('the catalog of %s has no service %s' % (cloud, types[0]))
