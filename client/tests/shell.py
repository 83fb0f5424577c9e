"""Runs `openstack` in this process, on two clouds that are answered here."""

import contextlib
import io
import json
import logging
import os
import pathlib
import tempfile
import unittest
import warnings
from unittest import mock

import requests
import requests_mock
from openstackclient import shell
from osc_lib import clientmanager

from tests import document

PASSWORD = 'the-password-of-'
CLOUDS = {
    name: {
        'project': (digit * 32),
        'keystone': 'http://%s.test:5000/v3' % name,
        'protector': 'http://%s.test:8788/v1/%s' % (name, digit * 32),
        'service': 'http://%s.test:9000' % name,
    }
    for name, digit in (('site-a', 'a'), ('site-b', 'b'))
}


class Done:
    """A command that has ended."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):
        return json.loads(self.out)


class TestCase(unittest.TestCase):
    """Two sites that work; `self.a` and `self.b` are what they were asked and what they say."""

    def setUp(self):
        warnings.simplefilter('ignore')
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        self.home = pathlib.Path(home.name)
        (self.home / 'clouds.yaml').write_text(json.dumps({'clouds': clouds_yaml()}))
        plain = {k: v for k, v in os.environ.items() if not k.startswith(('OS_', 'PROTECTOR_'))}
        self.environment = {
            **plain,
            'HOME': home.name,
            'COLUMNS': '200',
            'OS_CLIENT_CONFIG_FILE': str(self.home / 'clouds.yaml'),
        }
        self.http = requests_mock.Mocker()
        self.http.start()
        self.addCleanup(self.http.stop)
        self.a, self.b = (self.start(name) for name in ('site-a', 'site-b'))
        # Nothing waits in a test.
        sleep = mock.patch('protectorclient.v1.waiting.PAUSE', 0)
        sleep.start()
        self.addCleanup(sleep.stop)

    def start(self, name):
        cloud = CLOUDS[name]
        links = [{'rel': 'self', 'href': cloud['keystone']}]
        version = {'version': {'id': 'v3.14', 'status': 'stable', 'links': links}}
        for slash in ('', '/'):
            self.http.get(cloud['keystone'] + slash, json=version)
        self.http.post(
            cloud['keystone'] + '/auth/tokens',
            json=token(cloud),
            headers={'X-Subject-Token': 'token-of-' + name},
        )
        site = document.Site(cloud['protector'])
        self.http.register_uri(requests_mock.ANY, Prefix(cloud['protector']), json=site)
        return site

    def another_project(self, name, project):
        """What a cloud's Protector is asked about another project than the login's."""
        base = CLOUDS[name]['protector'].replace(CLOUDS[name]['project'], project)
        site = document.Site(base)
        self.http.register_uri(requests_mock.ANY, Prefix(base), json=site)
        return site

    def listed(self, cloud, type_, path, key, *items):
        """What another service of a cloud has."""
        self.http.get(CLOUDS[cloud]['service'] + '/' + type_ + path, json={key: [*items]})

    def dark(self, name, *what):
        """A cloud, or services of it, that do not answer."""
        for part in what or ('keystone', 'protector'):
            self.http.register_uri(
                requests_mock.ANY,
                Prefix(CLOUDS[name][part]),
                exc=requests.exceptions.ConnectTimeout('nobody is there'),
            )

    def run_command(self, *words, cloud='site-a', **environment):
        """What `openstack ...` does."""
        out, err = io.StringIO(), io.StringIO()
        # One program makes one client; here each command is a program.
        vars(clientmanager.ClientManager)['protector']._handle = None
        root = logging.getLogger('')
        before = root.handlers[:]
        first = ['--os-cloud', cloud] if cloud else []
        known = mock.patch.dict(os.environ, {**self.environment, **environment}, clear=True)
        with known, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = shell.OpenStackShell().run([*first, *words])
            except SystemExit as end:
                code = end.code
            finally:
                root.handlers[:] = before
        self.assertNotIn('Traceback', err.getvalue())
        return Done(code, out.getvalue(), err.getvalue())

    def does(self, *words, **more):
        """The same of a command that must succeed."""
        done = self.run_command(*words, **more)
        self.assertEqual(done.code, 0, done.err)
        return done

    def fails(self, *words, **more):
        """The same of a command that must not."""
        done = self.run_command(*words, **more)
        self.assertEqual(done.code, 1, done.out + done.err)
        return done

    def file(self, name, text):
        (self.home / name).write_text(text)
        return '@%s' % (self.home / name)

    def last(self, site):
        """Method, path, query and body of the last request to a site."""
        return site.asked[-1][:4]

    def sent(self, site, method):
        """Path and body of every request of this method."""
        return [(path, body) for how, path, _, body, _ in site.asked if how == method]


class Prefix:
    """A URL of requests-mock that begins so."""

    def __init__(self, url):
        self.url = url

    def search(self, url):
        found = url == self.url or url.startswith((self.url + '/', self.url + '?'))
        # As a regular expression does.
        return found or None


def token(cloud):
    """What Keystone answers to a login."""
    urls = {'protector': cloud['protector'], 'identity': cloud['keystone']}
    for type_ in ('compute', 'block-storage', 'network'):
        urls[type_] = '%s/%s' % (cloud['service'], type_)
    return {
        'token': {
            'methods': ['password'],
            'issued_at': '2026-01-01T00:00:00.000000Z',
            'expires_at': '2999-01-01T00:00:00.000000Z',
            'user': {'id': 'user', 'name': 'user', 'domain': {'id': 'd', 'name': 'Default'}},
            'project': {
                'id': cloud['project'],
                'name': 'project',
                'domain': {'id': 'd', 'name': 'Default'},
            },
            'roles': [{'id': 'r', 'name': 'member'}],
            'catalog': [
                {
                    'id': type_,
                    'type': type_,
                    'name': type_,
                    'endpoints': [
                        {
                            'id': type_,
                            'interface': 'public',
                            'region': 'RegionOne',
                            'region_id': 'RegionOne',
                            'url': url,
                        }
                    ],
                }
                for type_, url in urls.items()
            ],
        }
    }


def clouds_yaml():
    return {
        name: {
            'region_name': 'RegionOne',
            'auth': {
                'auth_url': cloud['keystone'],
                'username': 'user',
                'password': PASSWORD + name,
                'project_name': 'project',
                'user_domain_name': 'Default',
                'project_domain_name': 'Default',
            },
        }
        for name, cloud in CLOUDS.items()
    }
