"""The plugin of `openstack`: a group from its beginning to its end, typed by the tenant. The tests run
in the order of their names: what one has made, the next one uses."""

import json
import os
import subprocess
import unittest

from facts import FACTS

VALIDATED = """\
+--------------------+--------+
| Field              | Value  |
+--------------------+--------+
| name               | %s |
| status             | active |
| keystone_reachable | True   |
| nova_reachable     | True   |
| cinder_reachable   | True   |
| neutron_reachable  | True   |
+--------------------+--------+
"""


class Typed(unittest.TestCase):
    def run_command(self, *words, who='tenant'):
        """What a command does. The tenant names both clouds; the admin has no clouds.yaml, and the
        operator is the admin in a project of his own."""
        if who == 'tenant':
            known = {'OS_CLIENT_CONFIG_FILE': FACTS['clouds_yaml'],
                     'OS_CLOUD': FACTS['sites'][0], 'OS_SECONDARY_CLOUD': FACTS['sites'][1]}
        else:
            account = FACTS['accounts']['admin']
            if who == 'operator':
                account = {**account, 'project': 'admin'}
            known = {'OS_AUTH_URL': FACTS['auth_url'], 'OS_USERNAME': account['user'],
                     'OS_PASSWORD': account['password'], 'OS_PROJECT_NAME': account['project'],
                     'OS_USER_DOMAIN_ID': 'default', 'OS_PROJECT_DOMAIN_ID': 'default',
                     'OS_REGION_NAME': FACTS['region'], 'OS_IDENTITY_API_VERSION': '3'}
        tokens = {'PROTECTOR_%s_ARRAY_TOKEN' % side.upper():
                  FACTS['policy']['policy'][side + '_fa_api_token']
                  for side in ('primary', 'secondary')}
        plain = {k: v for k, v in os.environ.items() if not k.startswith('OS_')}
        done = subprocess.run([FACTS['openstack'], *words], env={**plain, **known, **tokens},
                              capture_output=True, text=True, timeout=400)
        for secret in (*tokens.values(), FACTS['accounts']['tenant']['password']):
            self.assertNotIn(secret, done.stdout + done.stderr)
        self.assertNotIn('Traceback', done.stderr)
        return done

    def types(self, *words, who='tenant'):
        """What a command prints that must succeed."""
        done = self.run_command(*words, who=who)
        self.assertEqual(done.returncode, 0, '%s: %s%s' % (words, done.stdout, done.stderr))
        return done.stdout

    def json(self, *words, who='tenant'):
        return json.loads(self.types(*words, '-f', 'json', who=who))

    def fails(self, *words, who='tenant'):
        """What a command says that must not succeed."""
        done = self.run_command(*words, who=who)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        return done.stderr

    def test_a_sites(self):
        listed = self.json('protector', 'site', 'list', who='admin')
        self.assertEqual({site['Name'] for site in listed}, set(FACTS['sites']))
        for site in FACTS['sites']:
            self.assertEqual(self.types('protector', 'site', 'validate', site, who='admin'),
                             VALIDATED % site)
            shown = self.json('dr', 'site', 'show', site, who='admin')
            self.assertEqual((shown['name'], shown['status']), (site, 'active'))
        own = ('dr', 'site', 'list-volume-types', FACTS['sites'][0], '--replication-type', 'async')
        self.assertIn(FACTS['names']['replicated'],
                      [one['Name'] for one in self.json(*own, who='admin')])
        self.assertIn('HTTP 403', self.fails('protector', 'site', 'list'))
        self.assertTrue(self.json('protector', 'service', 'list', who='admin'))
        self.assertEqual(self.json('protector', 'quota', 'show')['id'], FACTS['project_id'])

    def test_b_both_sites_are_enrolled_at_once(self):
        trusts = self.json('protector', 'trust', 'create')
        self.assertEqual([one['Cloud'] for one in trusts], FACTS['sites'])
        self.assertEqual([one['State'] for one in trusts], ['active', 'active'])
        self.assertEqual(len(self.json('protector', 'trust', 'list')), 2)

    def test_c_a_group_of_what_things_are_called(self):
        names, policy = FACTS['names'], FACTS['policy']['policy']
        create = ('protector', 'protection-group', 'create', 'typed', '--primary-site',
                  FACTS['sites'][0], '--secondary-site', FACTS['sites'][1], '--volume-type',
                  names['replicated'], '--secondary-volume-type', names['replicated'])
        self.assertEqual(self.json(*create, '--wait')['status'], 'active')
        self.assertIn('HTTP 409, protector.', self.fails(*create))
        self.types('protector', 'policy', 'create', 'typed', '--driver', policy['driver'],
                   '--primary-array-url', policy['primary_fa_url'],
                   '--secondary-array-url', policy['secondary_fa_url'], '--rpo-minutes', '60',
                   '--test-volume-type', names['plain'])
        changed = self.json('protector', 'policy', 'set', 'typed', '--rpo-minutes', '45')
        self.assertEqual(changed['rpo_minutes'], 45)
        self.assertEqual(self.json('dr', 'policy', 'show', 'typed')['test_volume_type_id'],
                         policy['test_volume_type_id'])
        pairs = ['flavor:%s=%s' % tuple(FACTS['flavors']), 'keypair:{0}={0}'.format(names['keypair'])]
        for kind, found in (('network', names['networks']), ('subnet', names['networks']),
                            ('security-group', names['security_groups'])):
            pairs += ['{0}:{1}={1}'.format(kind, name) for name in found]
        pairs += ['test-network:%s=test' % name for name in names['networks']]
        words = [word for pair in pairs for word in ('--mapping', pair)]
        made = self.json('protector', 'resource-mapping', 'set', 'typed', *words)
        self.assertEqual(len(made), len(pairs))
        member = self.json('protector', 'member', 'add', 'typed', names['server'], '--boot-tier', '2',
                           '--wait')
        self.assertEqual((member['status'], member['primary_server_id']),
                         ('protected', FACTS['server_id']))
        self.types('dr', 'member', 'set', 'typed', names['server'], '--boot-tier', '1')
        listed = self.json('dr', 'member', 'list', 'typed')
        self.assertEqual([(m['Name'], m['Boot Tier']) for m in listed], [(names['server'], 1)])
        self.assertEqual(self.json('protector', 'protection-group', 'list')[0]['Members'], 1)

    def test_d_a_plan_and_operations(self):
        plan = self.json('protector', 'protection-group', 'failover', 'typed', '--dry-run')
        self.assertIn('commit', [step['Step'] for step in plan])
        done = self.json('protector', 'protection-group', 'sync', 'typed', '--wait')
        self.assertEqual(done['status'], 'completed')
        listed = self.json('protector', 'operation', 'list', '--protection-group', 'typed',
                           '--type', 'sync')
        self.assertEqual([one['ID'] for one in listed], [done['id']])
        shown = self.json('dr', 'operation', 'show', done['id'])
        self.assertEqual(shown['progress'], 100)
        # An administrator looks at it from elsewhere, by the name of its project or the id.
        for project in (FACTS['project_id'], FACTS['accounts']['tenant']['project']):
            seen = self.json('dr', 'operation', 'show', done['id'], '--project', project,
                             who='operator')
            self.assertEqual((seen['id'], seen['project_id']), (done['id'], FACTS['project_id']))
        self.assertTrue(self.json('protector', 'operation', 'steps', done['id']))
        self.assertIn('HTTP 409', self.fails('protector', 'operation', 'cancel', done['id']))
        self.assertTrue(self.json('protector', 'recovery-point', 'list', 'typed'))

    def test_e_there_and_home(self):
        ready = self.run_command('protector', 'protection-group', 'readiness', 'typed', '-f', 'json')
        self.assertTrue(json.loads(ready.stdout)['ready'], ready.stdout)
        done = self.run_command('protector', 'protection-group', 'failover', 'typed', '--planned',
                                '--wait', '-f', 'json')
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)['result']['data_loss_seconds'], 0)
        self.assertIn('100%  completed', done.stderr)
        shown = self.json('protector', 'protection-group', 'show', 'typed')
        self.assertEqual((shown['status'], shown['current_primary_site_id']),
                         ('failed_over', shown['secondary_site_id']))
        self.types('dr', 'failback', 'typed', '--wait')
        self.assertEqual(self.json('protector', 'protection-group', 'show', 'typed')['status'],
                         'active')

    def test_f_what_is_not_there(self):
        for words in (('protection-group', 'show', 'none'), ('member', 'show', 'typed', 'none'),
                      ('operation', 'show', FACTS['nothing'])):
            self.assertIn('there is no ', self.fails('protector', *words))
        said = self.fails('--secondary-cloud', 'nowhere', 'protector', 'protection-group', 'list')
        self.assertIn('there is no cloud named nowhere', said)

    def test_g_the_end(self):
        self.types('protector', 'protection-group', 'cleanup', 'typed', '--wait')
        self.types('protector', 'member', 'remove', 'typed', FACTS['names']['server'], '--wait')
        self.types('protector', 'policy', 'delete', 'typed')
        self.types('protector', 'protection-group', 'delete', 'typed', '--wait')
        self.assertEqual(self.json('protector', 'protection-group', 'list', '--name', 'typed'), [])
        self.types('protector', 'trust', 'delete')
        self.assertEqual(self.json('protector', 'trust', 'list'), [])
