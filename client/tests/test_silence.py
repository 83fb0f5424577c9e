"""What got no answer: what is sent to the other site as well, and what may have been heard."""

import contextlib
import socket
import threading

import requests
from keystoneauth1 import noauth, session
from urllib3 import exceptions as urllib3

from protectorclient import exceptions
from protectorclient.v1 import endpoint
from tests import document, samples, shell

OTHER = ('--secondary-cloud', 'site-b')
ACTION = '/operations/%s/action' % samples.OPERATION
AWAY = document.refused(503, 'protector.unavailable', 'the database does not answer')


def refused():
    """What `requests` says where nobody listens."""
    why = urllib3.NewConnectionError(None, 'connection refused')
    return requests.exceptions.ConnectionError(urllib3.MaxRetryError(None, '/', why))


def broken():
    """What it says where the connection breaks before there is an answer."""
    return requests.exceptions.ConnectionError(urllib3.ProtocolError('aborted', OSError()))


STEERING = (
    ('cancel',),
    ('retry',),
    ('cleanup',),
    ('skip', '--step', 'verify/db-1', '--reason', 'known'),
)


class Steering(shell.TestCase):
    def steer(self, how, *words):
        return ('protector', 'operation', how, samples.OPERATION, *words)

    def test_what_may_have_been_heard_is_not_sent_to_the_other_site(self):
        for silence in (requests.exceptions.ReadTimeout('slow'), broken(), AWAY):
            status = 200 if isinstance(silence, Exception) else 503
            for words in STEERING:
                self.a.answers('POST', ACTION, silence, status=status)
                done = self.fails(*OTHER, *self.steer(*words))
                self.assertEqual(self.sent(self.b, 'POST'), [], words)
                self.assertIn('It is not known whether the request was heard', done.err)
                self.assertIn('operation show ' + samples.OPERATION, done.err)

    def test_what_was_certainly_not_heard_is(self):
        for silence in (refused(), requests.exceptions.ConnectTimeout('no power')):
            for words in STEERING:
                self.a.answers('POST', ACTION, silence)
                done = self.does(*OTHER, *self.steer(*words))
                self.assertEqual([path for path, _ in self.sent(self.b, 'POST')], [ACTION])
                self.assertIn('The answer is from cloud site-b.', done.err)
                self.b.asked.clear()

    def test_a_keystone_that_is_away_has_let_nothing_through(self):
        url = shell.CLOUDS['site-a']['keystone']
        slow = requests.exceptions.ReadTimeout('slow')
        for how in ({'exc': slow}, {'status_code': 503, 'text': 'away'}):
            self.http.register_uri(shell.requests_mock.ANY, shell.Prefix(url), **how)
            self.does('--os-protector-api-version', '1.2', *OTHER, *self.steer('retry'))
        self.assertEqual([path for path, _ in self.sent(self.b, 'POST')], [ACTION] * 2)

    def test_what_neither_may_have_heard_says_so_too(self):
        self.a.answers('POST', ACTION, refused())
        self.b.answers('POST', ACTION, requests.exceptions.ReadTimeout('slow'))
        done = self.fails(*OTHER, *self.steer('retry'))
        for word in ('neither site answers', 'It is not known whether', 'operation show'):
            self.assertIn(word, done.err)

    def test_a_change_that_may_have_been_made_says_so(self):
        self.a.answers('PATCH', '/admin/sites/' + samples.SITE_1, AWAY, status=503)
        done = self.fails('protector', 'site', 'set', 'site-a', '--description', 'x')
        self.assertIn('It is not known whether the request was heard', done.err)
        # One that was not is a plain outage.
        self.a.answers('PATCH', '/admin/sites/' + samples.SITE_1, refused())
        done = self.fails('protector', 'site', 'set', 'site-a', '--description', 'x')
        self.assertNotIn('not known', done.err)

    def test_a_read_and_what_has_a_key_are_sent_again_whatever_happened(self):
        show = ('protector', 'operation', 'show', samples.OPERATION)
        path = '/protection-groups/%s/action' % samples.GROUP
        for silence in (requests.exceptions.ReadTimeout('slow'), broken()):
            self.a.answers('GET', '/operations/' + samples.OPERATION, silence)
            self.does(*OTHER, *show)
            self.a.answers('POST', path, silence)
            self.does(*OTHER, 'protector', 'failover', 'web', '--unplanned')
        self.assertEqual(len(self.sent(self.b, 'POST')), 2)


class Sockets(shell.unittest.TestCase):
    """What the layers below make of real connections."""

    def setUp(self):
        self.listener = socket.socket()
        self.addCleanup(self.listener.close)
        self.listener.bind(('127.0.0.1', 0))
        # A test that fails before it connects ends, too.
        self.listener.settimeout(20)
        self.port = self.listener.getsockname()[1]

    def send(self, host='127.0.0.1', timeout=None):
        auth = noauth.NoAuth(endpoint='http://%s:%d/v1' % (host, self.port))
        site = endpoint.Endpoint(session.Session(auth, timeout=timeout), microversion='1.0')
        site.send('POST', '/operations')

    @contextlib.contextmanager
    def served(self, serve):
        """Somebody who accepts one connection."""
        self.listener.listen()
        done = threading.Event()

        def accept():
            connection, _ = self.listener.accept()
            with connection:
                serve(connection)
                done.wait()

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def test_where_nobody_listens_nothing_was_heard(self):
        with self.assertRaises(exceptions.Unheard):
            self.send()

    def test_a_name_that_leads_nowhere(self):
        failed = socket.gaierror(socket.EAI_NONAME, 'no such name')
        names = shell.mock.patch('socket.getaddrinfo', side_effect=failed)
        with names, self.assertRaises(exceptions.Unheard):
            self.send('nowhere.invalid')

    def test_who_hears_and_says_nothing_may_have_heard(self):
        self.assertNotIsInstance(self.silent(), exceptions.Unheard)

    def silent(self):
        """What is said of somebody who listens and does not answer."""
        silent = self.served(lambda connection: None)
        with silent, self.assertRaises(exceptions.NoAnswer) as told:
            self.send(timeout=0.05)
        return told.exception

    def test_who_hangs_up_may_have_heard(self):
        def hang_up(connection):
            connection.recv(65536)
            connection.shutdown(socket.SHUT_RDWR)

        with self.served(hang_up), self.assertRaises(exceptions.NoAnswer) as told:
            self.send()
        self.assertNotIsInstance(told.exception, exceptions.Unheard)

    def test_the_silence_of_one_site_says_nothing_of_the_other(self):
        try:
            raise exceptions.Unheard('the first one') from refused()
        except exceptions.Unheard:
            self.assertNotIsInstance(self.silent(), exceptions.Unheard)
