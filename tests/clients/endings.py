"""What the tests have made goes away, each thing by its own call."""

import unittest

from facts import FACTS, body, client, finished


class Endings(unittest.TestCase):
    def test_the_group_goes_with_its_members_and_its_policy(self):
        api = client()
        group = '/protection-groups/' + FACTS['group']['name']
        for member in body(api.get(group + '/members'))['members']:
            path = group + '/members/' + member['id']
            finished(api, api.delete(path))
            body(api.get(path), 404)
        body(api.delete(group + '/policy'), 204)
        body(api.get(group + '/policy'), 404)
        finished(api, api.delete(group))
        body(api.get(group), 404)
        self.assertNotIn(FACTS['group']['name'], [
            g['name'] for g in body(api.get('/protection-groups'))['protection_groups']])

    def test_trusts_go_and_come_back(self):
        api = client()
        body(api.delete('/trusts'), 204)
        self.assertEqual(body(api.get('/trusts'))['trusts'], [])
        body(api.post('/trusts', json={}), 201)
        self.assertEqual(len(body(api.get('/trusts'))['trusts']), 1)
        body(api.delete('/trusts'), 204)
