"""The versions document through the catalog, and microversions."""

import unittest

import openstack
from keystoneauth1 import exceptions

from facts import FACTS, body, client, password, session_of


class Discovery(unittest.TestCase):
    def test_the_endpoint_is_discovered_with_its_microversions(self):
        api = client(min_version='1', max_version='1.latest')
        data = api.get_endpoint_data()
        self.assertEqual(data.api_version, (1, 0))
        self.assertEqual((data.min_microversion, data.max_microversion), ((1, 0), (1, 2)))
        self.assertEqual(body(api.get('/protection-groups', raise_exc=False)).keys(),
                         {'protection_groups'})

    def test_every_discovery_address_needs_no_token_and_says_the_same(self):
        plain = session_of()
        seen = [plain.get(FACTS['url'] + path).json()
                for path in ('/', '/v1', '/v1/', '/v1/' + FACTS['project_id'],
                             '/v1/' + FACTS['project_id'] + '/')]
        self.assertEqual(seen, [seen[0]] * 5)
        self.assertEqual(seen[0]['versions'][0]['status'], 'CURRENT')
        self.assertEqual(plain.get(FACTS['url'] + '/healthcheck').status_code, 200)

    def test_the_session_sees_the_service_among_all_versions(self):
        found = session_of(password('tenant')).get_all_version_data(
            service_type='protector', interface='public')
        versions = found[FACTS['region']]['public']['protector']
        self.assertEqual([(v['version'], v['min_microversion'], v['max_microversion'])
                          for v in versions], [('1.0', '1.0', '1.2')])

    def test_a_version_that_is_not_there_is_not_found(self):
        with self.assertRaises(exceptions.EndpointNotFound):
            client(min_version='2', max_version='2.latest', raise_exc=True).get('/operations')

    def test_the_microversion_is_negotiated(self):
        def asked(version):
            reply = client(default_microversion=version).get('/health')
            return reply, reply.headers['OpenStack-API-Version']

        reply, said = asked(None)
        body(reply)
        self.assertEqual(said, 'protector 1.0')
        for version, answer in (('1.0', '1.0'), ('1.1', '1.1'), ('1.2', '1.2'),
                                ('latest', '1.2')):
            reply, said = asked(version)
            body(reply)
            self.assertEqual(said, 'protector ' + answer)
            self.assertIn('OpenStack-API-Version', reply.headers['Vary'])

    def test_a_microversion_that_is_not_supported_is_406(self):
        for version in ('1.3', '2.0', '1.99'):
            reply = client(default_microversion=version).get('/health')
            refused = body(reply, 406)
            self.assertEqual(reply.headers['OpenStack-API-Version'], 'protector ' + version)
            self.assertEqual((refused['errors'][0]['min_version'],
                              refused['errors'][0]['max_version']), ('1.0', '1.2'))
        with self.assertRaises(exceptions.NotAcceptable):
            client(default_microversion='1.3', raise_exc=True).get('/health')

    def test_the_sdk_finds_the_service_by_its_type(self):
        cloud = openstack.connection.Connection(
            session=session_of(password('tenant')), region_name=FACTS['region'],
            service_types={'protector'})
        cloud.add_service(openstack.service_description.ServiceDescription('protector'))
        self.assertEqual(cloud.protector.get_endpoint_data().max_microversion, (1, 2))
        reply = cloud.protector.get('/protection-groups', microversion='1.2')
        self.assertEqual(reply.headers['OpenStack-API-Version'], 'protector 1.2')
