"""Groups and members: names and ids, lists of many pages, what is sent."""

from tests import document, samples, shell

UUID = '00000000-0000-0000-0000-0000000000aa'
CREATE = (
    'protector',
    'protection-group',
    'create',
    'web',
    '--primary-site',
    'site-1',
    '--secondary-site',
    'site-2',
    '--volume-type',
    'fast',
)
MEMBERS = '/protection-groups/%s/members' % samples.GROUP


class Groups(shell.TestCase):
    def test_volume_types_are_found_by_name_on_their_own_clouds(self):
        self.listed(
            'site-a', 'block-storage', '/types', 'volume_types', {'id': 't1', 'name': 'fast'}
        )
        self.listed(
            'site-b', 'block-storage', '/types', 'volume_types', {'id': 't2', 'name': 'fast'}
        )
        words = ('--secondary-volume-type', 'fast')
        self.does('--secondary-cloud', 'site-b', *CREATE, *words)
        body = self.sent(self.a, 'POST')[0][1]['protection_group']
        self.assertEqual((body['volume_type_id'], body['secondary_volume_type_id']), ('t1', 't2'))
        # One cloud alone does not know what things are called on the other.
        done = self.fails(*CREATE, *words)
        self.assertIn('name that cloud with --secondary-cloud', done.err)

    def test_seen_from_the_other_site_the_clouds_change_places(self):
        self.listed(
            'site-a', 'block-storage', '/types', 'volume_types', {'id': 't1', 'name': 'fast'}
        )
        sites = [
            {'id': samples.SITE_1, 'name': 'site-1', 'is_local': False},
            {'id': samples.SITE_2, 'name': 'site-2', 'is_local': True},
        ]
        self.b.answers('GET', '/admin/sites', {'sites': sites})
        self.does('--secondary-cloud', 'site-a', *CREATE, cloud='site-b')
        body = self.sent(self.b, 'POST')[0][1]['protection_group']
        self.assertEqual(body['volume_type_id'], 't1')

    def test_who_may_not_list_sites_finds_names_by_the_trust(self):
        forbidden = document.refused(403, 'protector.forbidden', 'no')
        self.a.answers('GET', '/admin/sites', forbidden, status=403)
        self.listed(
            'site-a', 'block-storage', '/types', 'volume_types', {'id': 't1', 'name': 'fast'}
        )
        done = self.does(*CREATE, '-f', 'json')
        self.assertEqual(done.json['current_primary_site'], samples.SITE_1)

    def test_two_things_of_one_name_are_an_error(self):
        same = [{'id': 't1', 'name': 'fast'}, {'id': 't2', 'name': 'fast'}]
        self.listed('site-a', 'block-storage', '/types', 'volume_types', *same)
        done = self.fails(*CREATE)
        self.assertIn('there are 2 things of the kind volume type named fast', done.err)
        self.assertIn('t1, t2', done.err)

    def test_a_list_has_every_page(self):
        groups = [
            {'id': str(n), 'name': 'g%d' % n, 'current_primary_site_id': 'x'} for n in range(3)
        ]
        next_ = [{'rel': 'next', 'href': 'http://elsewhere/'}]
        pages = [
            {'protection_groups': groups[:2], 'links': next_},
            {'protection_groups': groups[2:]},
        ]
        self.a.answers('GET', '/protection-groups', *pages)
        done = self.does('protector', 'protection-group', 'list', '-f', 'value', '-c', 'Name')
        self.assertEqual(done.out.split(), ['g0', 'g1', 'g2'])
        queries = [q for _, path, q, *_ in self.a.asked if path == '/protection-groups']
        self.assertEqual(queries, [{}, {'marker': '1'}])

    def test_a_list_without_an_end_is_an_error(self):
        groups = [{'id': 'x', 'name': 'g', 'current_primary_site_id': 'x'}]
        next_ = [{'rel': 'next', 'href': 'http://elsewhere/'}]
        self.a.answers('GET', '/protection-groups', {'protection_groups': groups, 'links': next_})
        done = self.fails('protector', 'protection-group', 'list')
        self.assertIn('comes to no end', done.err)

    def test_a_limit_is_kept(self):
        groups = [
            {'id': str(n), 'name': 'g%d' % n, 'current_primary_site_id': 'x'} for n in range(9)
        ]
        next_ = [{'rel': 'next', 'href': 'http://elsewhere/'}]
        pages = [
            {'protection_groups': groups[:2], 'links': next_},
            {'protection_groups': groups[2:3], 'links': next_},
        ]
        self.a.answers('GET', '/protection-groups', *pages)
        words = ('--limit', '3', '-f', 'value', '-c', 'Name')
        done = self.does('protector', 'protection-group', 'list', *words)
        self.assertEqual(done.out.split(), ['g0', 'g1', 'g2'])
        self.assertEqual([q.get('limit') for _, _, q, *_ in self.a.asked][:2], ['3', '1'])

    def test_the_name_of_the_site_stands_in_show_and_list(self):
        shown = self.does('protector', 'protection-group', 'show', 'web', '-f', 'json').json
        self.assertEqual(shown['current_primary_site'], 'site-1')
        listed = self.does('protector', 'protection-group', 'list', '-f', 'json').json
        self.assertEqual(listed[0]['Current Primary Site'], 'site-1')

    def test_a_group_is_made_once_however_often_it_is_sent(self):
        self.does(*CREATE[:-1], UUID)
        keys = [h.get('Idempotency-Key') for how, *_, h in self.a.asked if how == 'POST']
        self.assertTrue(keys[0])

    def test_sync_status_says_in_sync(self):
        done = self.does('protector', 'protection-group', 'sync-status', 'web')
        self.assertRegex(done.out, r'\| Sync Status +\| IN SYNC +\|')
        path = '/protection-groups/%s/sync-status' % samples.GROUP
        self.a.answers('GET', path, {'sync_status': {'status': 'out_of_sync', 'sites': []}})
        done = self.does('protector', 'protection-group', 'sync-status', 'web', '-f', 'json')
        self.assertEqual(done.json, {'Sync Status': 'OUT OF SYNC'})


class Members(shell.TestCase):
    def test_a_server_is_found_by_name_where_the_group_runs(self):
        self.listed('site-a', 'compute', '/servers', 'servers', {'id': 's1', 'name': 'db-1'})
        self.does('protector', 'member', 'add', 'web', 'db-1', '--boot-tier', '1')
        body = {'member': {'boot_tier': 1, 'server_id': 's1'}}
        self.assertEqual(self.sent(self.a, 'POST'), [(MEMBERS, body)])

    def test_a_member_is_found_by_name(self):
        bad = document.refused(404, 'protector.not_found', 'member `db-1` does not exist')
        self.a.answers('GET', MEMBERS + '/db-1', bad, status=404)
        found = {'members': [{'id': 'm1', 'name': 'db-1'}]}
        self.a.answers('GET', MEMBERS, found)
        self.does('protector', 'member', 'set', 'web', 'db-1', '--boot-tier', '4')
        self.assertEqual(self.last(self.a)[:2], ('PATCH', MEMBERS + '/m1'))
        self.a.answers('GET', MEMBERS, {'members': found['members'] * 2})
        done = self.fails('protector', 'member', 'show', 'web', 'db-1')
        self.assertIn('there are 2 things of the kind member named db-1', done.err)

    def test_mappings_are_found_by_name_and_added_to_those_there_are(self):
        path = '/protection-groups/%s/resource-mappings' % samples.GROUP
        kept = {'type': 'keypair', 'primary_id': 'k', 'secondary_id': 'k'}
        self.a.answers('GET', path, {'resource_mappings': [kept]})
        self.listed('site-a', 'network', '/v2.0/networks', 'networks', {'id': 'n1', 'name': 'app'})
        self.listed('site-b', 'network', '/v2.0/networks', 'networks', {'id': 'n2', 'name': 'dr'})
        words = ('resource-mapping', 'set', 'web', '--mapping', 'network:app=dr')
        self.does('--secondary-cloud', 'site-b', 'protector', *words, '--add')
        made = {'type': 'network', 'primary_id': 'n1', 'secondary_id': 'n2'}
        self.assertEqual(self.last(self.a)[3], {'resource_mappings': [kept, made]})
        self.does('--secondary-cloud', 'site-b', 'protector', *words)
        self.assertEqual(self.last(self.a)[3], {'resource_mappings': [made]})
        for wrong in ('network', 'network:a', 'colour:a=b', 'network:=b'):
            done = self.fails('protector', 'resource-mapping', 'set', 'web', '--mapping', wrong)
            self.assertIn('is no mapping', done.err)
        self.fails('protector', 'resource-mapping', 'set', 'web')
