"""Errors: what, which code, which request, what to do; and never a traceback."""

import requests

from tests import document, samples, shell

SHOW = ('protector', 'protection-group', 'show', 'web')
GROUP = '/protection-groups/web'
ACTION = '/protection-groups/%s/action' % samples.GROUP


class Refusals(shell.TestCase):
    def refused(self, status, code, message, **more):
        body = document.refused(status, code, message, **more)
        self.a.answers('POST', ACTION, body, status=status)
        return self.fails('protector', 'protection-group', 'sync', 'web').err

    def test_all_that_is_known_is_said(self):
        said = self.refused(
            409, 'protector.busy', 'operation 7 is running', operation_id=samples.OPERATION
        )
        self.assertEqual(
            said,
            'Conflict: operation 7 is running (HTTP 409, protector.busy) '
            '(Request-ID: req-of-the-test)\n'
            'What to do: look at it with `openstack protector operation show %s`\n'
            % samples.OPERATION,
        )

    def test_a_blocked_change_says_how_to_go_on(self):
        said = self.refused(409, 'protector.peer_unreachable', 'remote site unreachable')
        self.assertIn('remote site unreachable', said)
        self.assertIn('sync-force', said)

    def test_404_and_400(self):
        gone = document.refused(404, 'protector.not_found', 'it does not exist')
        self.a.answers('GET', GROUP, gone, status=404)
        self.a.answers('GET', '/protection-groups', {'protection_groups': []})
        self.assertEqual(
            self.fails(*SHOW).err, 'there is no protection group with the name or id web\n'
        )
        bad = document.refused(400, 'protector.invalid_request', 'sort: no such key')
        self.a.answers('GET', '/protection-groups', bad, status=400)
        done = self.fails('protector', 'protection-group', 'list', '--sort', 'colour')
        self.assertIn('sort: no such key', done.err)

    def test_a_version_that_there_is_not(self):
        body = document.refused(406, 'protector.microversion_unsupported', '1.9 is not known')
        self.a.answers('GET', GROUP, body, status=406)
        done = self.fails('--os-protector-api-version', '1.9', *SHOW)
        self.assertIn('--os-protector-api-version', done.err)

    def test_what_a_proxy_says_is_an_error_too(self):
        self.http.get(
            shell.CLOUDS['site-a']['protector'] + GROUP, status_code=403, text='<h1>Blocked</h1>'
        )
        done = self.fails(*SHOW)
        self.assertIn('<h1>Blocked</h1> (HTTP 403)', done.err)

    def test_a_service_that_is_away(self):
        self.dark('site-a', 'protector')
        self.assertIn('cloud site-a does not answer', self.fails(*SHOW).err)

    def test_a_catalog_without_protector(self):
        other = shell.token(shell.CLOUDS['site-a'])
        catalog = other['token']['catalog']
        other['token']['catalog'] = [one for one in catalog if one['type'] != 'protector']
        url = shell.CLOUDS['site-a']['keystone'] + '/auth/tokens'
        self.http.post(url, json=other, headers={'X-Subject-Token': 't'})
        self.assertIn('has no service of type protector', self.fails(*SHOW).err)

    def test_a_certificate_that_is_not_trusted_is_no_outage(self):
        self.http.get(
            shell.CLOUDS['site-a']['protector'] + GROUP,
            exc=requests.exceptions.SSLError('self-signed'),
        )
        done = self.fails('--secondary-cloud', 'site-b', *SHOW)
        self.assertIn('is not trusted', done.err)
        self.assertEqual(self.b.asked, [])


class Versions(shell.TestCase):
    def versions(self):
        return [h.get('OpenStack-API-Version') for *_, h in self.a.asked]

    def test_the_newest_that_both_know_is_asked_for(self):
        self.does('protector', 'service', 'list')
        self.assertEqual(self.versions(), ['protector 1.2'])

    def test_a_newer_service_is_asked_for_what_this_client_knows(self):
        base = shell.CLOUDS['site-a']['protector']
        newer = {'versions': [{'id': 'v1', 'max_version': '1.17'}]}
        self.http.get(base + '/', json=newer)
        self.does('protector', 'service', 'list')
        self.http.get(base + '/', json={'versions': [{'id': 'v1', 'max_version': '1.1'}]})
        self.does('protector', 'service', 'list')
        self.http.get(base + '/', status_code=401)
        self.does('protector', 'service', 'list')
        self.assertEqual(self.versions(), ['protector 1.2', 'protector 1.1', 'protector 1.0'])

    def test_a_version_can_be_asked_for(self):
        self.does('--os-protector-api-version', '1.1', 'protector', 'service', 'list')
        self.does('protector', 'service', 'list', OS_PROTECTOR_API_VERSION='1.0')
        self.assertEqual(self.versions(), ['protector 1.1', 'protector 1.0'])
