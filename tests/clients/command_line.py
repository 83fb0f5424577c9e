"""The `openstack` program, with commands that no plugin brings."""

import json
import os
import subprocess
import unittest

from facts import FACTS


class CommandLine(unittest.TestCase):
    def run_client(self, *words):
        account = FACTS['accounts']['tenant']
        known = {'OS_AUTH_URL': FACTS['auth_url'], 'OS_USERNAME': account['user'],
                 'OS_PASSWORD': account['password'], 'OS_PROJECT_NAME': account['project'],
                 'OS_USER_DOMAIN_ID': 'default', 'OS_PROJECT_DOMAIN_ID': 'default',
                 'OS_REGION_NAME': FACTS['region'], 'OS_IDENTITY_API_VERSION': '3'}
        plain = {k: v for k, v in os.environ.items() if not k.startswith('OS_')}
        done = subprocess.run([FACTS['openstack'], *words, '-f', 'json'], env={**plain, **known},
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_catalog_list(self):
        found = [one for one in self.run_client('catalog', 'list') if one['Type'] == 'protector']
        self.assertEqual(len(found), 1)
        self.assertIn(FACTS['project_id'], json.dumps(found[0]['Endpoints']))

    def test_versions_show(self):
        found = self.run_client('versions', 'show', '--service', 'protector',
                                '--interface', 'public')
        self.assertEqual([(v['Version'], v['Status'], v['Min Microversion'],
                           v['Max Microversion']) for v in found],
                         [('1.0', 'CURRENT', '1.0', '1.2')])
        self.assertTrue(found[0]['Endpoint'].startswith(FACTS['url'] + '/v1'))
