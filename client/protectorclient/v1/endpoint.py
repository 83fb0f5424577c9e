"""One site's Protector, as its user reaches it through the catalog."""

import contextlib
import urllib.parse

from keystoneauth1 import adapter
from keystoneauth1 import exceptions as ksa

from protectorclient import exceptions
from protectorclient.v1 import silence

SERVICE_TYPE = 'protector'
# The newest version of the API that this client knows.
NEWEST = (1, 2)
# What a proxy or a service answers when what it needs is away.
AWAY = (502, 503, 504)


class Endpoint:
    """Sends calls and reads refusals. `name` is what people call the cloud, where it has one."""

    def __init__(self, session, name=None, microversion=None, url=None, **where):
        self.name = name
        # The region and the interface, which are those of other services as well.
        self.where = where
        self._microversion = microversion
        self._adapter = adapter.Adapter(
            session, service_type=SERVICE_TYPE, endpoint_override=url, **where
        )

    @property
    def session(self):
        return self._adapter.session

    def __str__(self):
        return 'cloud %s' % self.name if self.name else 'this cloud'

    def microversion(self):
        """The version that is asked for; where none was given, the newest that both sides know."""
        if self._microversion is None:
            reply = self._plain('/', 'GET', headers={'Accept': 'application/json'})
            self._microversion = agreed(reply) or '1.0'
        return self._microversion

    def send(self, method, path, secret=False, headers=None, project=None, **more):
        """The reply, which is a success. With `secret` nothing of it is logged. `project` is the
        id of another project than the login's."""
        with silence.before_sending():
            microversion = self.microversion()
            with self.errors():
                self.session.get_auth_headers()
            if project is not None:
                path = self._address(project) + path
        reply = self._plain(
            path,
            method,
            microversion=microversion,
            headers={'Accept': 'application/json', **(headers or {})},
            log=not secret,
            **more,
        )
        if reply.status_code in AWAY:
            refused = exceptions.Refused.of(reply)
            raise exceptions.NoAnswer('Protector of %s does not work: %s' % (self, refused))
        if reply.status_code >= 300:
            raise exceptions.Refused.of(reply)
        return reply

    def own_project(self):
        """The id of the login's project; nothing where it is not of one."""
        with self.errors():
            return self.session.get_project_id()

    def _address(self, project):
        """Where the service has what is another project's."""
        own = self.own_project() or ''
        with self.errors():
            address = self._adapter.get_endpoint()
            if not address:
                raise ksa.EndpointNotFound()
        found = of_project(address.replace('%(project_id)s', own), own, project)
        if found is None:
            raise exceptions.ProtectorError(
                'the address of Protector on %s names no project that another one could stand '
                'for: %s' % (self, address),
                'the endpoint in the catalog ends in /v1/%(tenant_id)s',
            )
        return found

    def _plain(self, path, method, **more):
        with self.errors():
            return self._adapter.request(path, method, raise_exc=False, **more)

    @contextlib.contextmanager
    def errors(self):
        """What goes wrong on the way to this cloud, in the client's own words."""
        try:
            yield
        except ksa.SSLError as error:
            # Somebody answers, and it is not known who: this is never taken for an outage.
            raise exceptions.ProtectorError(
                'the certificate of %s is not trusted: %s' % (self, error),
                'name its authority with --os-cacert, or with `cacert` in clouds.yaml',
            ) from error
        except (ksa.ConnectionError, ksa.DiscoveryFailure) as error:
            kind = exceptions.Unheard if silence.unheard(error) else exceptions.NoAnswer
            raise kind('%s does not answer: %s' % (self, error)) from error
        except ksa.HttpError as error:
            # Of Keystone, which is asked for a token first.
            text = 'Keystone of %s refuses: %s' % (self, error)
            if error.http_status >= 500:
                raise exceptions.NoAnswer(text) from error
            raise exceptions.ProtectorError(text, 'compare the account with clouds.yaml') from error
        except ksa.EndpointNotFound as error:
            raise exceptions.ProtectorError(
                'the catalog of %s has no service of type %s here: %s'
                % (self, SERVICE_TYPE, error),
                'compare `openstack catalog list`, the region and the interface',
            ) from error


def of_project(address, own, project):
    """An address of the login's project for another one; nothing where it is not of that form."""
    before, _, last = address.rstrip('/').rpartition('/')
    project = urllib.parse.quote(project, safe='')
    if own and last == own:
        return '%s/%s' % (before, project)
    if last == 'v1':
        return '%s/v1/%s' % (before, project)
    return None


def agreed(reply):
    """The newest microversion that a version document and this client share, as text."""
    try:
        versions = reply.json()['versions']
        most = max(tuple(int(n) for n in one['max_version'].split('.')) for one in versions)
    except (ValueError, KeyError, TypeError, AttributeError):
        # No document: a proxy, or something older. The base version is always there.
        return None
    return '%d.%d' % min(most, NEWEST)
