"""What is refused, with the text that both client libraries show."""

import unittest

import openstack
from keystoneauth1 import exceptions

from facts import FACTS, body, client, cloud


class Refusals(unittest.TestCase):
    def setUp(self):
        self.api = client()

    def test_403(self):
        refused = body(self.api.get('/admin/sites'), 403)
        self.assertEqual(refused['error']['code'], 403)
        foreign = '%s/v1/%s/operations' % (FACTS['url'], FACTS['nothing'].replace('-', ''))
        body(self.api.get(foreign), 403)

    def test_404_405_415(self):
        for path in ('/protection-groups/' + FACTS['nothing'], '/protection-groups/none',
                     '/operations/none', '/there/is/none'):
            body(self.api.get(path), 404)
        reply = self.api.put('/operations', json={})
        body(reply, 405)
        self.assertIn('GET', reply.headers['Allow'])
        for path in ('/protection-groups', '/operations'):
            self.assertEqual(self.api.head(path).status_code, 200)
            self.assertIn('GET', self.api.request(path, 'OPTIONS').headers['Allow'])

    def test_400_names_every_mistake(self):
        refused = body(self.api.post('/protection-groups', json={
            'protection_group': {'nmae': 'x', 'replication_type': 'carrier pigeon'}}), 400)
        for word in ('nmae', 'replication_type', 'primary_site_id'):
            self.assertIn(word, refused['error']['message'])

    def test_both_libraries_show_the_message_and_the_request_id(self):
        with self.assertRaises(exceptions.NotFound) as seen:
            client(raise_exc=True).get('/protection-groups/none')
        self.assertIn('none', seen.exception.message)
        self.assertRegex(seen.exception.request_id, '^req-')
        reply = cloud().protector.get('/protection-groups/none')
        with self.assertRaises(openstack.exceptions.NotFoundException) as seen:
            openstack.exceptions.raise_from_response(reply)
        self.assertIn('none', str(seen.exception))

    def test_a_request_id_of_the_caller_is_not_the_answers(self):
        mine = 'req-' + FACTS['nothing']
        reply = self.api.get('/operations', headers={'X-Openstack-Request-Id': mine})
        self.assertRegex(reply.headers['x-openstack-request-id'], '^req-')
        self.assertNotEqual(reply.headers['x-openstack-request-id'], mine)
