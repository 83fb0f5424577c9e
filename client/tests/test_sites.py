"""Sites, as the installation guide writes them."""

from tests import document, samples, shell

SITE = document.DOCUMENT['paths']['/v1/admin/sites/{site}']['get']['responses']['200']['content'][
    'application/json'
]['examples']['answer']['value']['site']
CREATE = (
    'protector',
    'site',
    'create',
    '--name',
    'site-a',
    '--description',
    'Primary datacenter - Boston',
    '--site-type',
    'primary',
    '--auth-url',
    'http://10.0.1.10:5000/v3',
    '--region-name',
    'RegionOne',
)
VALIDATED = """\
+--------------------+--------+
| Field              | Value  |
+--------------------+--------+
| name               | site-a |
| status             | active |
| keystone_reachable | True   |
| nova_reachable     | True   |
| cinder_reachable   | True   |
| neutron_reachable  | True   |
+--------------------+--------+
"""
VALIDATE = '/admin/sites/%s/validate' % samples.SITE_1


def reached(**more):
    services = ('keystone', 'nova', 'cinder', 'neutron')
    all_of_them = {'%s_reachable' % name: True for name in services}
    return {'site': {**SITE, 'name': 'site-a', 'status': 'active', **all_of_them, **more}}


class Sites(shell.TestCase):
    def test_the_guides_command_registers_a_site(self):
        self.does(*CREATE)
        body = {
            'name': 'site-a',
            'description': 'Primary datacenter - Boston',
            'site_type': 'primary',
            'auth_url': 'http://10.0.1.10:5000/v3',
            'region_name': 'RegionOne',
        }
        self.assertEqual(self.last(self.a), ('POST', '/admin/sites', {}, {'site': body}))

    def test_validate_prints_the_guides_table(self):
        self.a.answers('POST', VALIDATE, reached())
        done = self.does('protector', 'site', 'validate', 'site-a')
        self.assertEqual(done.out, VALIDATED)
        self.assertEqual(done.err, '')

    def test_validate_says_who_is_silent_and_fails(self):
        said = reached(cinder_reachable=False, details={'cinder': 'connection refused'})
        self.a.answers('POST', VALIDATE, said)
        done = self.fails('protector', 'site', 'validate', 'site-a')
        self.assertIn('| cinder_reachable   | False  |', done.out)
        self.assertIn('cinder_reachable: connection refused', done.err)

    def test_a_password_comes_from_a_file_or_the_environment(self):
        account = ('--username', 'protector', '--project-name', 'service')
        self.does(*CREATE, *account, '--password', self.file('pw', 'of-a-file\n'))
        sent = self.last(self.a)[3]['site']['credentials']
        self.assertEqual(sent['password'], 'of-a-file')
        self.does(*CREATE, *account, PROTECTOR_SITE_PASSWORD='of-the-environment')
        sent = self.last(self.a)[3]['site']['credentials']
        self.assertEqual(sent['password'], 'of-the-environment')

    def test_a_site_that_changes_keeps_its_account(self):
        self.does('protector', 'site', 'set', 'site-a', '--description', 'new')
        self.assertEqual(self.last(self.a)[3], {'site': {'description': 'new'}})
        self.fails('protector', 'site', 'set', 'site-a')

    def test_projects_are_found_by_name_each_on_its_own_cloud(self):
        other = {**SITE, 'id': samples.SITE_2, 'name': 'site-2', 'is_local': False}
        self.a.answers('GET', '/admin/sites/site-2', {'site': other})
        for name, project in (('site-a', 'p1'), ('site-b', 'p2')):
            found = {'projects': [{'id': project, 'name': 'shop'}]}
            self.http.get(shell.CLOUDS[name]['keystone'] + '/projects?name=shop', json=found)
        self.does(
            '--secondary-cloud',
            'site-b',
            *('protector', 'tenant-mapping', 'create'),
            *('--primary-site', 'site-1', '--primary-project', 'shop'),
            *('--secondary-site', 'site-2', '--secondary-project', 'shop'),
        )
        body = self.last(self.a)[3]['tenant_mapping']
        self.assertEqual((body['primary_project_id'], body['secondary_project_id']), ('p1', 'p2'))

    def test_several_are_deleted_and_the_failed_one_is_named(self):
        self.a.answers(
            'GET',
            '/admin/sites/none',
            document.refused(404, 'protector.not_found', 'x'),
            status=404,
        )
        self.a.answers('GET', '/admin/sites', {'sites': []})
        done = self.fails('protector', 'site', 'delete', 'none', 'site-a')
        self.assertIn('there is no site with the name or id none', done.err)
        self.assertEqual(self.last(self.a)[:2], ('DELETE', '/admin/sites/' + samples.SITE_1))
