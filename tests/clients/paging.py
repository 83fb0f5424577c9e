"""Lists, by hand and by openstacksdk, which follows the links by itself."""

import unittest

from openstack import resource

from facts import FACTS, body, client, cloud


class Operation(resource.Resource):
    """As anybody declares a resource of a service that the SDK has none for."""
    resource_key, resources_key = 'operation', 'operations'
    base_path = '/operations'
    allow_list = allow_fetch = True
    _query_mapping = resource.QueryParameters('type', 'status', 'sort')
    type, status, created_at = (resource.Body(name) for name in ('type', 'status', 'created_at'))


class Group(resource.Resource):
    resource_key, resources_key = 'protection_group', 'protection_groups'
    base_path = '/protection-groups'
    allow_list = allow_fetch = allow_commit = True
    commit_method = 'PATCH'
    _query_mapping = resource.QueryParameters('name', 'status')
    name, status, description = (resource.Body(n) for n in ('name', 'status', 'description'))


class Lists(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.api = client()
        cls.sdk = cloud().protector
        cls.all = [o['id'] for o in body(cls.api.get('/operations'))['operations']]

    def test_pages_by_marker_and_by_link_are_the_whole_list(self):
        self.assertGreaterEqual(len(self.all), 3)
        by_marker, by_link, marker = [], [], {}
        while True:
            page = body(self.api.get('/operations', params={'limit': 1, **marker}))['operations']
            if not page:
                break
            by_marker += [o['id'] for o in page]
            marker = {'marker': by_marker[-1]}
        where = '/operations?limit=2'
        while where:
            page = body(self.api.get(where))
            by_link += [o['id'] for o in page['operations']]
            links = {link['rel']: link['href'] for link in page.get('links', [])}
            where = links.get('next')
            self.assertTrue(where is None or where.startswith(FACTS['url'] + '/v1/'), where)
        self.assertEqual((by_marker, by_link), (self.all, self.all))
        self.assertEqual(body(self.api.get('/operations?limit=0'))['operations'], [])

    def test_the_sdk_follows_the_links(self):
        for size in (1, 2, 1000):
            self.assertEqual([o.id for o in self.sdk._list(Operation, limit=size)], self.all)
        kinds = [o.type for o in self.sdk._list(Operation, limit=1, type='sync')]
        self.assertEqual(set(kinds), {'sync'})

    def test_lists_are_sorted(self):
        def sorted_by(query):
            return [o['id'] for o in body(self.api.get('/operations?' + query))['operations']]

        self.assertEqual(sorted_by('sort=created_at:asc'), self.all[::-1])
        self.assertEqual(sorted_by('sort_key=created_at&sort_dir=asc'), self.all[::-1])

    def test_what_is_no_list_is_400(self):
        for query in ('limit=-1', 'limit=x', 'marker=x', 'sort=colour:asc', 'sort=type:up',
                      'colour=red', 'status=blue', 'marker=' + FACTS['nothing'],
                      'sort=type:asc&sort_key=type'):
            body(self.api.get('/operations?' + query), 400)

    def test_the_sdk_finds_by_name_or_id_waits_and_changes(self):
        name = FACTS['group']['name']
        group = self.sdk._find(Group, name, ignore_missing=False)
        self.assertEqual(self.sdk._find(Group, group.id).name, name)
        self.assertIsNone(self.sdk._find(Group, 'there is none'))
        until = resource.wait_for_status(self.sdk, group, 'active', ['error'], 1, 60)
        self.assertEqual(until.status.lower(), 'active')
        self.assertEqual(self.sdk._update(Group, group, description='sdk').description, 'sdk')
