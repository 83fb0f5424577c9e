"""The table of commands, and every command of it against the published document."""

import importlib
import importlib.metadata

from protectorclient.osc import commands
from tests import document, samples, shell

# How each command is typed, after `openstack protector`.
TYPED = {
    'driver list': '',
    'driver show': 'shelf',
    'health show': '',
    'member add': 'web 00000000-0000-0000-0000-000000000009 --boot-tier 2 --probe-console login:',
    'member list': 'web --boot-tier 1 --name db-1 --status protected',
    'member refresh': 'web 00000000-0000-0000-0000-000000000008',
    'member remove': 'web 00000000-0000-0000-0000-000000000008',
    'member set': 'web 00000000-0000-0000-0000-000000000008 --boot-delay 5 --no-probe',
    'member show': 'web 00000000-0000-0000-0000-000000000008',
    'operation cancel': 'ID',
    'operation cleanup': '--protection-group web --operation-id ID',
    'operation list': '--protection-group web --type sync --status in:queued,running --limit 3',
    'operation retry': 'ID --force --accept-loss',
    'operation show': 'ID',
    'operation skip': 'ID --step verify/db-1 --reason known',
    'operation steps': 'ID',
    'policy create': 'web --driver pure --primary-array-url https://a --secondary-fa-url https://b '
    '--rpo-minutes 15 --retention-points 9 --primary-array-token TOKEN '
    '--secondary-array-token TOKEN',
    'policy delete': 'web',
    'policy set': 'web --replication-interval 300 --retention-parked-hours 4',
    'policy show': 'web',
    'protection-group cleanup': 'web',
    'protection-group create': 'web --primary-site site-a --secondary-site site-b '
    '--replication-type async --volume-type 00000000-0000-0000-0000-000000000007 --description x',
    'protection-group delete': 'web',
    'protection-group failback': 'web --accept-drift',
    'protection-group failover': 'web --unplanned --force --accept-loss --recovery-point p1',
    'protection-group health': 'web',
    'protection-group list': '--status active --long --sort name:asc',
    'protection-group readiness': 'web --for unplanned',
    'protection-group reprotect': 'web',
    'protection-group reset': 'web',
    'protection-group set': 'web --name shop --description y',
    'protection-group show': 'web',
    'protection-group sync': 'web',
    'protection-group sync-force': 'web --winner site-a --peer-lost',
    'protection-group sync-status': 'web',
    'protection-group test-cleanup': 'web',
    'protection-group test-failover': 'web --auto-cleanup --expires-in 3600 --recovery-point p1',
    'quota delete': '',
    'quota set': '--protection-groups 5 --members-per-group -1 --running-operations 2',
    'quota show': '00000000000000000000000000000001',
    'recovery-point list': 'web',
    'resource-mapping list': 'web',
    'resource-mapping set': 'web --mapping keypair:one=two --mapping availability-zone:n=m --add',
    'service list': '',
    'site create': '--name site-c --auth-url http://c:5000/v3 --region-name R --username u '
    '--password TOKEN --project-name service --user-domain-name D --project-domain-name D',
    'site delete': 'site-c',
    'site failover': 'site-a --unplanned --force',
    'site list': '--status active --name site-a',
    'site set': 'site-a --description z --region-name R --peer-key k',
    'site show': 'site-a',
    'site validate': 'site-a',
    'site volume-types': 'site-a --replication-type async --project-id p',
    'tenant-mapping create': '--primary-site site-a --secondary-site site-b '
    '--primary-project 00000000000000000000000000000001 '
    '--secondary-project 00000000000000000000000000000002',
    'tenant-mapping delete': 'ID',
    'tenant-mapping list': '--primary-project-id 00000000000000000000000000000001',
    'tenant-mapping show': 'ID',
    'trust create': '',
    'trust delete': '',
    'trust list': '',
}
ACTION = '/protection-groups/%s/action' % samples.GROUP
# These end with 1 where the document's example is of something that is amiss.
MAY_TELL = ('health show', 'protection-group readiness', 'site failover', 'site validate')


def installed():
    """The entry points as they were installed."""
    package = importlib.metadata.distribution('python-protectorclient')
    return [one for one in package.entry_points if one.group == 'openstack.protector.v1']


class Table(shell.TestCase):
    def test_both_trees_have_every_command_and_each_can_be_loaded(self):
        found = {one.name: one.value for one in installed()}
        trees = [
            {n.partition('_')[2]: v for n, v in found.items() if n.startswith(tree + '_')}
            for tree in commands.TREES
        ]
        self.assertEqual(trees[0], trees[1])
        self.assertEqual(
            set(trees[0]),
            {name.replace(' ', '_') for name in (*commands.COMMANDS, *commands.SYNONYMS)},
        )
        self.assertEqual(len(found), 2 * len(trees[0]))
        for one in installed():
            self.assertTrue(one.load().__doc__, one)

    def test_the_installed_package_is_the_table(self):
        written = commands.entry_points()['openstack.protector.v1']
        self.assertEqual(
            sorted('%s = %s' % (one.name, one.value) for one in installed()), sorted(written)
        )

    def test_a_synonym_is_the_command_that_it_stands_for(self):
        self.assertEqual(
            self.does('dr', 'failover', 'web', '-f', 'json').json,
            self.does('protector', 'protection-group', 'failover', 'web', '-f', 'json').json,
        )
        for meant in commands.SYNONYMS.values():
            self.assertIn(meant, commands.COMMANDS)

    def test_help_of_every_command(self):
        for name in commands.COMMANDS:
            shown = self.does('help', 'protector', *name.split()).out
            self.assertIn(' protector ' + name, shown)


class Document(shell.TestCase):
    def test_every_command_says_what_the_document_takes_and_all_of_it_is_there(self):
        self.assertEqual(set(TYPED), set(commands.COMMANDS))
        token = self.file('token', 'secret-of-an-array\n')
        for name, typed in TYPED.items():
            words = typed.replace('TOKEN', token)
            words = words.replace('ID', '00000000-0000-4000-8000-000000000000')
            done = self.run_command('protector', *name.split(), *words.split())
            allowed = (0, 1) if name in MAY_TELL else (0,)
            self.assertIn(done.code, allowed, '%s: %s' % (name, done.err))
            self.assertNotIn('(HTTP', done.err, name)
        asked = {(method, document.matching(method, path)) for method, path, *_ in self.a.asked}
        # PUT of a group is PATCH, by another name.
        missing = set(document.operations()) - asked
        self.assertEqual(missing, {('PUT', '/v1/{tenant_id}/protection-groups/{pg}')})
        self.assertEqual(self.b.asked, [])

    def test_every_formatter(self):
        self.a.answers('POST', ACTION, samples.PLAN)
        for kind in ('json', 'shell', 'table', 'value', 'yaml'):
            for words in (
                ('protection-group', 'show', 'web'),
                ('site', 'show', 'site-a'),
                ('protection-group', 'failover', 'web', '--dry-run'),
            ):
                self.assertTrue(self.does('protector', *words, '-f', kind).out.strip())
        for kind in ('csv', 'json', 'table', 'value', 'yaml'):
            self.assertTrue(self.does('protector', 'member', 'list', 'web', '-f', kind).out)
