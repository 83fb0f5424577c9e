"""What the tests know, and the clients that they use."""

import time
import urllib.parse

import openstack
import requests
from keystoneauth1 import adapter, session
from keystoneauth1.identity import v3

FACTS = {}
# What Protector was asked for: method, path and the status of the answer.
ANSWERED = set()


def seen(reply, **_):
    if reply.url.startswith(FACTS['url']):
        path = urllib.parse.urlsplit(reply.url).path
        ANSWERED.add((reply.request.method, path, reply.status_code))


def session_of(auth=None):
    """A session of keystoneauth. It sends as it always does, and the answers are noted."""
    sender = requests.Session()
    sender.hooks['response'].append(seen)
    return session.Session(auth, session=sender)


def cloud(who='tenant', at='auth_url'):
    """A connection of openstacksdk, which is told no more than that there is such a type."""
    made = openstack.connection.Connection(session=session_of(password(who, at)),
                                           region_name=FACTS['region'])
    made.add_service(openstack.service_description.ServiceDescription('protector'))
    return made


def password(who, at='auth_url', **scope):
    """A login with a password; for the account's project where no other scope is given."""
    account = FACTS['accounts'][who]
    scope = scope or {'project_name': account['project'], 'project_domain_id': 'default'}
    return v3.Password(auth_url=FACTS[at], username=account['user'],
                       password=account['password'], user_domain_id='default', **scope)


def client(who='tenant', auth=None, **more):
    """keystoneauth's own adapter: the service by its type in the catalog, and nothing else."""
    more.setdefault('raise_exc', False)
    return adapter.Adapter(session_of(auth or password(who)), service_type='protector',
                           interface='public', region_name=FACTS['region'], **more)


def body(reply, status=200):
    """The JSON of a reply that must have this status."""
    assert reply.status_code == status, '%s %s: %d %s' % (
        reply.request.method, reply.url, reply.status_code, reply.text)
    return reply.json() if reply.content else None


def until(what, test, seconds=300):
    """Waits for something that another process does."""
    end = time.monotonic() + seconds
    while True:
        seen = test()
        if seen is not None:
            return seen
        assert time.monotonic() < end, 'not within %d s: %s' % (seconds, what)
        time.sleep(0.5)


def finished(api, reply, status='completed'):
    """Follows the operation in the body of a 202 to its end, which must be this one."""
    operation = body(reply, 202)['operation']
    path = '/operations/' + operation['id']

    def ended():
        now = body(api.get(path))['operation']
        return None if now['status'] in ('queued', 'running') else now

    end = until(path, ended)
    assert end['status'] == status, end
    return end
