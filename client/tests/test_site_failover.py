"""A whole site at once: who may, and what became of each operation."""

from unittest import mock

from protectorclient import exceptions
from tests import document, samples, shell

PATH = '/admin/sites/site-a/failover'
FAILOVER = ('protector', 'site', 'failover', 'site-a', '--unplanned')
WAIT = (*FAILOVER, '--wait', '-f', 'json')
OWN = shell.CLOUDS['site-a']['project']
# Three operations: of the login's project, of another one, and of that one again.
IDS = ['00000000-0000-0000-0000-00000000020%d' % n for n in range(3)]
PROJECTS = [OWN, samples.PROJECT, samples.PROJECT]
OTHER = ('--secondary-cloud', 'site-b')


def operation(nth, status, progress=100, **more):
    more = {'id': IDS[nth], 'project_id': PROJECTS[nth], **more}
    return samples.operation(status, progress, **more)


def path(nth):
    return '/operations/' + IDS[nth]


class Site(shell.TestCase):
    def setUp(self):
        super().setUp()
        self.tenant = self.another_project('site-a', samples.PROJECT)
        started = [operation(nth, 'queued', 0)['operation'] for nth in range(3)]
        self.a.answers('POST', PATH, {'operations': started, 'refused': []}, status=202)

    def ends(self, *endings):
        """How each of the operations ends."""
        for nth, ending in enumerate(endings):
            at = self.a if PROJECTS[nth] == OWN else self.tenant
            at.answers('GET', path(nth), ending)

    def test_each_operation_is_followed_in_its_own_project(self):
        self.ends(*(operation(nth, 'completed') for nth in range(3)))
        done = self.does(*WAIT)
        self.assertEqual(
            [
                (one['Operation'], one['Project ID'], one['Status'], one['Error'])
                for one in done.json
            ],
            [(IDS[nth], PROJECTS[nth], 'completed', None) for nth in range(3)],
        )
        self.assertIn(IDS[1], done.err)

    def test_one_that_fails_decides_the_end_and_hides_no_other(self):
        error = {'message': 'no pool fits'}
        self.ends(
            operation(0, 'completed'), operation(1, 'error', error=error), operation(2, 'completed')
        )
        done = self.fails(*WAIT)
        self.assertEqual(
            [(one['Status'], one['Error']) for one in done.json],
            [('completed', None), ('error', 'no pool fits'), ('completed', None)],
        )
        self.assertIn('operation retry %s --project %s' % (IDS[1], samples.PROJECT), done.err)

    def test_one_that_cannot_be_seen_keeps_nobody_from_the_others(self):
        gone = document.refused(404, 'protector.not_found', 'operation does not exist')
        self.ends(operation(0, 'completed'), gone, operation(2, 'completed'))
        self.tenant.answers('GET', path(1), gone, status=404)
        done = self.fails(*WAIT)
        rows = done.json
        self.assertEqual([one['Operation'] for one in rows], IDS)
        self.assertEqual([one['Status'] for one in rows], ['completed', 'queued', 'completed'])
        self.assertIn('not followed to its end: Not Found', rows[1]['Error'])
        self.assertIn('operation %s: Not Found' % IDS[1], done.err)

    def test_the_time_to_wait_is_that_of_all_together(self):
        self.ends(
            operation(0, 'running', 10), operation(1, 'running', 20), operation(2, 'completed')
        )
        now = [0]

        def sleep(_):
            now[0] += 10

        clock = mock.Mock(monotonic=lambda: now[0], sleep=sleep)
        began = mock.patch('protectorclient.osc.following.time', clock)
        with began, mock.patch('protectorclient.v1.waiting.time', clock):
            done = self.fails(*WAIT, '--wait-timeout', '30')
        self.assertEqual(now[0], 30)
        rows = done.json
        self.assertEqual(
            [(one['Status'], one['Progress']) for one in rows],
            [('running', 10), ('running', 20), ('completed', 100)],
        )
        self.assertIn('goes on', rows[1]['Error'])
        self.assertIn('operation show %s --project %s' % (IDS[1], samples.PROJECT), done.err)
        self.assertIsNone(rows[2]['Error'])

    def test_a_site_that_has_been_silent_for_long_is_not_waited_for_again(self):
        self.ends(operation(0, 'completed'))
        away = document.refused(503, 'protector.unavailable', 'the database does not answer')
        for nth in (1, 2):
            self.tenant.answers('GET', path(nth), away, status=503)
        now = [0]

        def sleep(_):
            now[0] += 10

        clock = mock.Mock(monotonic=lambda: now[0], sleep=sleep)
        with mock.patch('protectorclient.v1.waiting.time', clock):
            done = self.fails(*WAIT)
        self.assertEqual([one['Operation'] for one in done.json], IDS)
        self.assertLess(now[0], 200)

    def test_an_answer_that_is_none_keeps_nobody_from_the_others(self):
        self.ends(operation(0, 'completed'), None, operation(2, 'completed'))
        url = self.tenant.base + path(1)
        self.http.get(url, text='<h1>Hello</h1>')
        done = self.fails(*WAIT)
        self.assertEqual([one['Operation'] for one in done.json], IDS)
        self.assertIn('something else than JSON', done.json[1]['Error'])

    def test_a_login_that_has_ended_hides_no_operation(self):
        lost = exceptions.NoAnswer('Keystone is away')
        with mock.patch('protectorclient.v1.endpoint.Endpoint.own_project', side_effect=lost):
            self.ends(*(operation(nth, 'completed') for nth in range(3)))
            done = self.run_command(*WAIT)
        self.assertEqual([one['Operation'] for one in done.json], IDS)

    def test_what_is_broken_off_still_names_the_operations(self):
        self.ends(operation(0, 'completed'), KeyboardInterrupt(), operation(2, 'completed'))
        done = self.run_command(*WAIT)
        self.assertEqual(done.code, 130)
        rows = done.json
        self.assertEqual([one['Operation'] for one in rows], IDS)
        self.assertIn('it goes on', rows[1]['Error'])
        self.assertIn('it goes on', rows[2]['Error'])
        self.assertIn('operation %s goes on' % IDS[1], done.err)

    def test_at_the_other_site_a_project_has_another_id(self):
        self.ends(operation(0, 'completed'))
        away = document.refused(503, 'protector.unavailable', 'the database does not answer')
        theirs = 'd' * 32
        mapping = {
            'id': 'm',
            'primary_site_id': samples.SITE_1,
            'primary_project_id': samples.PROJECT,
            'secondary_site_id': samples.SITE_2,
            'secondary_project_id': theirs,
        }
        sites = [
            {'id': samples.SITE_1, 'name': 'site-a', 'is_local': False},
            {'id': samples.SITE_2, 'name': 'site-b', 'is_local': True},
        ]
        self.b.answers('GET', '/admin/sites', {'sites': sites})
        self.b.answers('GET', '/admin/tenant-mappings', {'tenant_mappings': [mapping]})
        there = self.another_project('site-b', theirs)
        for nth in (1, 2):
            self.tenant.answers('GET', path(nth), away, status=503)
            there.answers('GET', path(nth), operation(nth, 'completed', project_id=theirs))
        done = self.does(*OTHER, *WAIT)
        self.assertEqual([one['Status'] for one in done.json], ['completed'] * 3)
        self.assertEqual([one[1] for one in there.asked], [path(1), path(2)])

    def test_who_may_nothing_but_this_may_do_it(self):
        forbidden = document.refused(403, 'protector.forbidden', 'no')
        for what in ('/admin/sites', '/admin/sites/site-a'):
            self.a.answers('GET', what, forbidden, status=403)
        done = self.does(*FAILOVER, '-f', 'json')
        self.assertEqual([one['Operation'] for one in done.json], IDS)
        self.assertEqual(self.sent(self.a, 'POST'), [(PATH, {'failover': {'type': 'unplanned'}})])
        # And a site that is not there is told by the service.
        gone = document.refused(404, 'protector.not_found', 'site `site-x` does not exist')
        self.a.answers('POST', '/admin/sites/site-x/failover', gone, status=404)
        done = self.fails('protector', 'site', 'failover', 'site-x', '--planned')
        self.assertIn('site `site-x` does not exist', done.err)

    def test_what_stays_is_named_and_the_plans_are_shown(self):
        refused = [{'name': 'db', 'message': 'it is busy', 'code': 'protector.busy'}]
        self.a.answers(
            'POST', PATH, {'plans': [{'name': 'web', **samples.PLAN}], 'refused': refused}
        )
        done = self.fails(
            'dr', 'site', 'failover', 'site-a', '--planned', '--dry-run', '-f', 'json'
        )
        rows = done.json
        self.assertEqual([row['Protection Group'] for row in rows], ['web', 'web'])
        self.assertIn('not moved: db: it is busy', done.err)
        body = {'failover': {'type': 'planned', 'dry_run': True}}
        self.assertEqual(self.sent(self.a, 'POST'), [(PATH, body)])
        # Which of both is never assumed for a whole site.
        self.assertNotEqual(self.run_command('dr', 'site', 'failover', 'site-a').code, 0)
