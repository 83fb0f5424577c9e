"""Every resource from its beginning to its end. The tests run in the order of their names: what one
has made, the next one uses."""

import unittest
import uuid

from facts import FACTS, body, client, cloud, finished, until


class Life(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.api = client(default_microversion='latest')
        cls.admin = client('admin', default_microversion='latest')
        cls.group = '/protection-groups/' + FACTS['group']['name']

    def located(self, reply, status):
        """What is at `Location`, which must be absolute, asked for with the same session."""
        made = body(reply, status)
        place = reply.headers['Location']
        self.assertTrue(place.startswith(FACTS['url'] + '/v1/'), place)
        return made, body(self.api.get(place))

    def test_a_sites(self):
        site = {'name': 'third', 'auth_url': FACTS['other_auth_url'], 'region_name': 'Nowhere',
                'site_type': 'openstack', 'credentials': {
                    'username': 'nobody', 'password': 'none', 'project_name': 'service',
                    'user_domain_name': 'Default', 'project_domain_name': 'Default'}}
        reply = self.admin.post('/admin/sites', json={'site': site})
        made = body(reply, 201)['site']
        self.assertEqual(made['credentials']['password'], '********')
        self.assertTrue(reply.headers['Location'].endswith('/admin/sites/' + made['id']))
        again = body(self.admin.post('/admin/sites', json={'site': site}), 200)['site']
        self.assertEqual(again['id'], made['id'])
        other = dict(site, auth_url='http://127.0.0.1:10/v3')
        body(self.admin.post('/admin/sites', json={'site': other}), 409)
        path = '/admin/sites/' + made['id']
        self.assertEqual(body(self.admin.get('/admin/sites/third'))['site']['id'], made['id'])
        found = body(self.admin.get('/admin/sites', params={'name': 'third'}))['sites']
        self.assertEqual([one['id'] for one in found], [made['id']])
        self.assertFalse(body(self.admin.post(path + '/validate'))['site']['nova_reachable'])
        change = {'site': {'description': 'not there'}}
        self.assertEqual(body(self.admin.patch(path, json=change))['site']['description'],
                         'not there')
        body(self.admin.delete(path), 204)
        body(self.admin.get(path), 404)
        own = '/admin/sites/' + FACTS['sites'][0]
        self.assertTrue(body(self.admin.post(own + '/validate'))['site']['nova_reachable'])
        self.assertTrue(body(self.admin.get(own + '/volume-types'))['volume_types'])

    def test_b_tenant_mappings(self):
        clouds = [cloud('admin', at) for at in ('auth_url', 'other_auth_url')]
        projects = [at.identity.create_project(name='mapped-' + uuid.uuid4().hex) for at in clouds]
        for at, project in zip(clouds, projects):
            self.addCleanup(at.identity.delete_project, project)
        mapping = {'primary_site_id': FACTS['sites'][0], 'secondary_site_id': FACTS['sites'][1],
                   'primary_project_id': projects[0].id,
                   'secondary_project_id': projects[1].id}
        made = body(self.admin.post('/admin/tenant-mappings', json={'tenant_mapping': mapping}),
                    201)['tenant_mapping']
        path = '/admin/tenant-mappings/' + made['id']
        self.assertEqual(body(self.admin.get(path))['tenant_mapping'], made)
        found = body(self.admin.get('/admin/tenant-mappings', params={
            'primary_project_id': mapping['primary_project_id']}))['tenant_mappings']
        self.assertEqual(found, [made])
        # Asked for again it is the same one; a project has one partner.
        again = self.admin.post('/admin/tenant-mappings', json={'tenant_mapping': mapping})
        self.assertEqual(body(again, 201)['tenant_mapping']['id'], made['id'])
        other = dict(mapping, secondary_project_id=clouds[1].current_project_id)
        body(self.admin.post('/admin/tenant-mappings', json={'tenant_mapping': other}), 409)
        body(self.admin.delete(path), 204)
        body(self.admin.get(path), 404)

    def test_c_services_drivers_health_quotas_trusts(self):
        self.assertTrue(body(self.admin.get('/admin/services'))['services'])
        self.assertTrue(body(self.admin.get('/admin/drivers'))['drivers'])
        self.assertTrue(body(self.api.get('/health'))['health'])
        path = '/quota-sets/' + FACTS['project_id']
        before = body(self.api.get(path))['quota_set']
        change = {'quota_set': {'protection_groups': before['protection_groups'] + 1}}
        self.assertEqual(body(self.admin.put(path, json=change))['quota_set']['protection_groups'],
                         before['protection_groups'] + 1)
        body(self.api.put(path, json=change), 403)
        body(self.admin.delete(path), 204)
        self.assertEqual(body(self.api.get(path))['quota_set'], before)
        self.assertTrue(body(self.api.get('/trusts'))['trusts'])

    def test_d_a_group_is_made(self):
        asked = {'json': {'protection_group': FACTS['group']},
                 'headers': {'Idempotency-Key': uuid.uuid4().hex}}
        reply = self.api.post('/protection-groups', **asked)
        made, there = self.located(reply, 202)
        self.assertEqual(there['protection_group']['id'], made['protection_group']['id'])
        again = body(self.api.post('/protection-groups', **asked), 202)
        self.assertEqual(again['operation']['id'], made['operation']['id'])
        finished(self.api, reply)
        body(self.api.post('/protection-groups', json=asked['json']), 409)
        body(self.admin.delete('/admin/sites/' + FACTS['sites'][0]), 409)
        shown = body(self.api.get(self.group))['protection_group']
        by_id = '/protection-groups/' + shown['id']
        self.assertEqual(body(self.api.get(by_id))['protection_group'], shown)
        listed = body(self.api.get('/protection-groups', params={'name': shown['name']}))
        self.assertEqual(listed['protection_groups'], [shown])
        for change, ask in (('one', self.api.put), ('two', self.api.patch)):
            said = body(ask(self.group, json={'protection_group': {'description': change}}))
            self.assertEqual(said['protection_group']['description'], change)

    def test_e_policy_and_resource_mappings(self):
        path = self.group + '/policy'
        body(self.api.get(path), 404)
        made = body(self.api.post(path, json=FACTS['policy']), 201)['policy']
        self.assertEqual(made['primary_fa_api_token'], '********')
        self.assertEqual(body(self.api.get(path))['policy'], made)
        body(self.api.post(path, json=FACTS['policy']), 409)
        changed = {'policy': dict(FACTS['policy']['policy'], rpo_minutes=45)}
        self.assertEqual(body(self.api.put(path, json=changed))['policy']['rpo_minutes'], 45)
        path = self.group + '/resource-mappings'
        put = body(self.api.put(path, json=FACTS['mappings']))
        self.assertEqual(len(put['resource_mappings']),
                         len(FACTS['mappings']['resource_mappings']))
        self.assertEqual(body(self.api.get(path)), put)

    def test_f_members(self):
        path = self.group + '/members'
        member = {'member': {'server_id': FACTS['server_id'], 'boot_tier': 2}}
        reply = self.api.post(path, json=member)
        made = self.located(reply, 202)[0]['member']
        finished(self.api, reply)
        body(self.api.post(path, json=member), 409)
        one = path + '/' + made['id']
        changed = body(self.api.patch(one, json={'member': {'boot_tier': 1}}))['member']
        self.assertEqual(changed['boot_tier'], 1)
        self.assertEqual([m['id'] for m in body(self.api.get(path, params={
            'boot_tier': '1', 'name': changed['name']}))['members']], [made['id']])
        self.assertEqual(body(self.api.get(one))['member']['id'], made['id'])
        again = body(self.api.post(one + '/action', json={'refresh': {}}))['member']
        self.assertEqual(again['blueprint'], changed['blueprint'])
        body(self.api.post(one + '/action', json={'renew': {}}), 400)

    def test_g_actions_and_operations(self):
        path = self.group + '/action'
        for action, options in (('failover', {'type': 'planned', 'dry_run': True}),
                                ('test_failover', {'dry_run': True}), ('sync', {'dry_run': True})):
            reply = self.api.post(path, json={action: options})
            self.assertTrue(body(reply)['plan']['steps'], action)
            self.assertNotIn('Location', reply.headers)
        reply = self.api.post(path, json={'sync': None})
        started, shown = self.located(reply, 202)
        self.assertEqual(shown['operation']['id'], started['operation']['id'])
        done = finished(self.api, reply)
        one = '/operations/' + done['id']
        self.assertEqual((done['type'], done['progress']), ('sync', 100))
        self.assertTrue(body(self.api.get(one + '/steps'))['steps'])
        body(self.api.post(one + '/action', json={'cancel': None}), 409)
        found = body(self.api.get('/operations', params={'type': 'sync', 'status': 'completed'}))
        self.assertIn(done['id'], [o['id'] for o in found['operations']])
        body(self.api.post(path, json={'test_cleanup': {}}), 409)

    def test_h_an_operation_is_given_up(self):
        reply = self.api.post(self.group + '/action', json={'test_failover': {}})
        one = '/operations/' + body(reply, 202)['operation']['id']
        # One operation at a time: what is asked for meanwhile names it.
        busy = self.api.post(self.group + '/action', json={'sync': {}})
        self.assertIn(one.rpartition('/')[2], body(busy, 409)['error']['message'])
        body(self.api.post(one + '/action', json={'cancel': None}), 202)
        finished(self.api, reply, 'cancelled')
        self.assertIsNone(body(self.api.get(self.group))['protection_group']['test_operation_id'])

    def test_i_a_whole_site(self):
        path = '/admin/sites/%s/failover' % FACTS['sites'][0]
        dry_run = {'failover': {'type': 'planned', 'dry_run': True}}
        body(self.admin.post(path, json=dry_run), 403)
        # Not even an admin may, without the role for it.
        keystone = cloud('admin').identity
        role = keystone.find_role('dr_site_admin') or keystone.create_role(name='dr_site_admin')
        keystone.assign_project_role_to_user(
            FACTS['project_id'], keystone.find_user('admin', domain_id='default'), role)
        admin = client('admin', default_microversion='latest')
        planned = body(admin.post(path, json=dry_run))
        self.assertEqual(([plan['name'] for plan in planned['plans']], planned['refused']),
                         ([FACTS['group']['name']], []))
        # The site answers, so it is not lost: no group of it is moved, and each is named.
        lost = body(admin.post(path, json={'failover': {'type': 'unplanned'}}), 202)
        self.assertEqual((lost['operations'], [one['code'] for one in lost['refused']]),
                         ([], ['protector.source_reachable']))

    def test_j_what_is_known_of_a_group(self):
        self.assertTrue(body(self.api.get(self.group + '/recovery-points'))['recovery_points'])
        readiness = body(self.api.get(self.group + '/readiness'))['readiness']
        self.assertIn('findings', readiness)
        self.assertTrue(body(self.api.get(self.group + '/health'))['health'])

        def in_sync():
            status = body(self.api.get(self.group + '/sync-status'))['sync_status']
            return status if status['status'] == 'in_sync' else None

        until('both sites hold the same', in_sync, 60)
        status = body(self.admin.post(self.group + '/sync-force', json={}))['sync_status']
        self.assertEqual(status['status'], 'in_sync')
