"""An administrator acts for another project than the login's."""

import pathlib

from protectorclient import exceptions
from protectorclient.osc import commands
from protectorclient.v1 import endpoint, project
from tests import document, samples, shell

README = pathlib.Path(__file__).parents[1] / 'README.md'
TENANT = samples.PROJECT
OPERATION = '/operations/' + samples.OPERATION
OTHER = ('--secondary-cloud', 'site-b')
SITES = [
    {'id': samples.SITE_1, 'name': 'site-a', 'is_local': False},
    {'id': samples.SITE_2, 'name': 'site-b', 'is_local': True},
]


def mapping(primary, secondary):
    return {
        'id': primary,
        'primary_site_id': samples.SITE_1,
        'primary_project_id': primary,
        'secondary_site_id': samples.SITE_2,
        'secondary_project_id': secondary,
    }


class Another(shell.TestCase):
    def setUp(self):
        super().setUp()
        self.tenant = self.another_project('site-a', TENANT)

    def test_every_command_about_an_operation_takes_a_project(self):
        for words in (
            ('operation', 'show', samples.OPERATION),
            ('operation', 'steps', samples.OPERATION),
            ('operation', 'retry', samples.OPERATION),
            ('operation', 'cancel', samples.OPERATION),
            ('operation', 'cleanup', samples.OPERATION),
            ('operation', 'skip', samples.OPERATION, '--step', 's', '--reason', 'r'),
            ('operation', 'list', '--protection-group', 'web'),
        ):
            before = len(self.tenant.asked)
            self.does('protector', *words, '--project', TENANT)
            self.assertGreater(len(self.tenant.asked), before, words)
        self.assertEqual([one for one in self.a.asked if 'operations' in one[1]], [])

    def test_what_is_done_with_a_group_is_done_and_followed_there(self):
        self.tenant.answers('GET', OPERATION, samples.operation('completed'))
        words = ('protection-group', 'failover', 'web', '--wait', '--project', TENANT)
        self.does('protector', *words, '-f', 'json')
        self.assertEqual(
            self.sent(self.tenant, 'POST'),
            [
                (
                    '/protection-groups/%s/action' % samples.GROUP,
                    {'failover': {'type': 'planned'}},
                )
            ],
        )
        self.assertEqual(self.last(self.tenant)[:2], ('GET', OPERATION))
        for words in (
            ('protection-group', 'list'),
            ('protection-group', 'show', 'web'),
            ('protection-group', 'readiness', 'web', '--for', 'unplanned'),
            ('protection-group', 'sync-status', 'web'),
            ('member', 'list', 'web'),
            ('policy', 'show', 'web'),
        ):
            before = len(self.tenant.asked)
            self.run_command('dr', *words, '--project', TENANT)
            self.assertGreater(len(self.tenant.asked), before, words)

    def test_a_project_is_found_by_its_name(self):
        found = {'projects': [{'id': TENANT, 'name': 'shop'}]}
        self.http.get(shell.CLOUDS['site-a']['keystone'] + '/projects?name=shop', json=found)
        self.does('protector', 'operation', 'show', samples.OPERATION, '--project', 'shop')
        self.assertEqual(self.last(self.tenant)[:2], ('GET', OPERATION))

    def test_who_may_not_look_projects_up_gives_the_id(self):
        refused = {'error': {'code': 403, 'title': 'Forbidden', 'message': 'no list for you'}}
        kind = {'Content-Type': 'application/json'}
        url = shell.CLOUDS['site-a']['keystone'] + '/projects?name=shop'
        self.http.get(url, status_code=403, json=refused, headers=kind)
        done = self.fails('protector', 'operation', 'list', '--project', 'shop')
        self.assertIn('no list for you', done.err)
        self.assertIn('give its id', done.err)

    def test_who_is_no_administrator_is_told_so(self):
        no = document.refused(403, 'protector.project_mismatch', 'the token is not for it')
        self.tenant.answers('GET', '/operations', no, status=403)
        done = self.fails('protector', 'operation', 'list', '--project', TENANT)
        self.assertIn('as an administrator', done.err)

    def test_servers_and_networks_of_another_project_are_given_by_id(self):
        self.listed('site-a', 'compute', '/servers', 'servers', {'id': 's', 'name': 'db'})
        done = self.fails('protector', 'member', 'add', 'web', 'db', '--project', TENANT)
        self.assertIn('give its id', done.err)
        self.assertEqual(self.sent(self.tenant, 'POST'), [])

    def test_the_other_site_has_an_id_of_its_own_for_it(self):
        self.dark('site-a', 'protector')
        self.http.register_uri(
            'GET', shell.Prefix(self.tenant.base), exc=shell.requests.exceptions.ConnectTimeout('x')
        )
        there = self.another_project('site-b', 'd' * 32)
        self.b.answers('GET', '/admin/sites', {'sites': SITES})
        pairs = [mapping('e' * 32, 'f' * 32), mapping(TENANT, 'd' * 32)]
        self.b.answers('GET', '/admin/tenant-mappings', {'tenant_mappings': pairs})
        words = ('protector', 'operation', 'show', samples.OPERATION, '--project')
        self.does(*OTHER, *words, TENANT)
        # The id that it has there is as good.
        self.does(*OTHER, *words, 'd' * 32)
        self.assertEqual(
            [one[:2] for one in there.asked if one[1] == OPERATION], [('GET', OPERATION)] * 2
        )
        self.assertIn('no tenant mapping says', self.fails(*OTHER, *words, '1' * 32).err)
        pairs = [mapping(TENANT, 'd' * 32), mapping(TENANT, 'f' * 32)]
        self.b.answers('GET', '/admin/tenant-mappings', {'tenant_mappings': pairs})
        self.assertIn('give the id of one of them', self.fails(*OTHER, *words, TENANT).err)

    def test_a_name_is_looked_up_where_it_is_asked(self):
        self.dark('site-a')
        there = self.another_project('site-b', 'd' * 32)
        found = {'projects': [{'id': 'd' * 32, 'name': 'shop'}]}
        self.http.get(shell.CLOUDS['site-b']['keystone'] + '/projects?name=shop', json=found)
        words = ('protector', 'operation', 'show', samples.OPERATION, '--project', 'shop')
        done = self.does(*OTHER, *words)
        self.assertIn('The answer is from cloud site-b.', done.err)
        self.assertEqual(self.last(there)[:2], ('GET', OPERATION))


class Option(shell.TestCase):
    def test_it_stands_where_something_is_a_projects(self):
        trees = ('member', 'operation', 'policy', 'protection-group', 'recovery-point')
        trees += ('resource-mapping',)
        for name in commands.COMMANDS:
            shown = ' '.join(self.does('help', 'protector', *name.split()).out.split())
            has = '--project <project> Project that it is of' in shown
            self.assertEqual(has, name.split()[0] in trees, name)

    def test_the_readme_says_what_its_help_says(self):
        shown = ' '.join(self.does('help', 'dr', 'operation', 'retry').out.split())
        said = ' '.join(README.read_text(encoding='utf-8').split())
        begin = said.index('--project <project> Project that')
        text = said[begin : said.index('(administrators only)') + len('(administrators only)')]
        self.assertIn(text, shown)


class Addresses(shell.TestCase):
    def test_the_project_takes_the_place_of_the_logins(self):
        for address, wanted in (
            ('http://a/v1/own', 'http://a/v1/x%2Fy'),
            ('http://a/dr/v1/own/', 'http://a/dr/v1/x%2Fy'),
            ('http://a/v1', 'http://a/v1/x%2Fy'),
            ('http://a/v1/', 'http://a/v1/x%2Fy'),
            ('http://a', None),
            ('http://a/v1/AUTH_own', None),
        ):
            self.assertEqual(endpoint.of_project(address, 'own', 'x/y'), wanted, address)

    def test_an_address_without_a_project_is_told(self):
        session = shell.mock.Mock()
        session.get_project_id.return_value = 'own'
        site = endpoint.Endpoint(session, 'here', '1.0', url='http://a/protector')
        with self.assertRaises(exceptions.ProtectorError) as told:
            site.send('GET', '/operations', project='x')
        self.assertIn('http://a/protector', str(told.exception))
        site = endpoint.Endpoint(session, 'here', '1.0', url='http://a/v1/%(project_id)s')
        session.request.return_value = shell.mock.Mock(status_code=200)
        site.send('GET', '/operations', project='x')
        self.assertEqual(session.request.call_args.args[0], 'http://a/v1/x/operations')

    def test_a_project_is_asked_for_once(self):
        here = object()
        self.assertEqual(project.Project('x', here).at(here), 'x')
