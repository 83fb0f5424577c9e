"""Every kind of token that Keystone gives."""

import unittest
import uuid

from keystoneauth1.identity import v3

from facts import FACTS, body, client, cloud, password, session_of


class Tokens(unittest.TestCase):
    def setUp(self):
        self.below = FACTS['url'] + '/v1'

    def test_an_application_credential_does_what_its_user_may(self):
        tenant = cloud()
        name = 'clients-' + uuid.uuid4().hex
        made = tenant.identity.create_application_credential(tenant.current_user_id, name)
        try:
            auth = v3.ApplicationCredential(FACTS['auth_url'], made.secret,
                                            application_credential_id=made.id)
            body(client(auth=auth).get('/protection-groups'))
            body(client(auth=auth).get('/admin/sites'), 403)
        finally:
            tenant.identity.delete_application_credential(tenant.current_user_id, made)

    def test_a_system_token_sees_sites_and_has_no_project(self):
        api = client(auth=password('admin', system_scope='all'), endpoint_override=self.below)
        self.assertEqual({site['name'] for site in body(api.get('/admin/sites'))['sites']},
                         set(FACTS['sites']))
        self.assertEqual(body(api.get('/protection-groups'), 403)['errors'][0]['code'],
                         'protector.project_required')

    def test_a_domain_token_is_for_nothing_here(self):
        keystone = cloud('admin').identity
        user = keystone.find_user('admin', domain_id='default')
        keystone.assign_domain_role_to_user('default', user, keystone.find_role('admin'))
        api = client(auth=password('admin', domain_id='default'), endpoint_override=self.below)
        # It is good, and the rules are for projects and for the system.
        for path in ('/admin/sites', '/protection-groups', '/operations'):
            body(api.get(path), 403)

    def test_a_reader_looks_and_changes_nothing(self):
        api = client('reader')
        body(api.get('/protection-groups'))
        body(api.post('/protection-groups', json={'protection_group': FACTS['group']}), 403)

    def test_a_token_that_is_none_is_401_and_says_where_to_log_in(self):
        plain = session_of()
        for headers in ({}, {'X-Auth-Token': 'gAAAAAB' + uuid.uuid4().hex}):
            reply = plain.get(self.below + '/operations', headers=headers, raise_exc=False)
            self.assertEqual(body(reply, 401)['error']['code'], 401)
            self.assertIn('Keystone uri=', reply.headers['WWW-Authenticate'])

    def test_a_session_with_a_lapsed_token_logs_in_again_by_itself(self):
        auth = password('tenant')
        api = client(auth=auth)
        body(api.get('/operations'))
        auth.auth_ref._auth_token = 'gAAAAAB' + uuid.uuid4().hex
        body(api.get('/operations'))
