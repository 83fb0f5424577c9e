"""The other site: asked where the first one does not answer, and enrolled beside it."""

import json

from tests import document, samples, shell

SHOW = ('protector', 'protection-group', 'show', 'web')
FAILOVER = ('protector', 'protection-group', 'failover', 'web', '--unplanned')
ACTION = '/protection-groups/%s/action' % samples.GROUP
OTHER = ('--secondary-cloud', 'site-b')


class WorstDay(shell.TestCase):
    def test_a_read_is_answered_by_the_other_site_which_is_said(self):
        for what in (('protector',), ('keystone', 'protector')):
            self.dark('site-a', *what)
            done = self.does(*OTHER, *SHOW, '-f', 'json')
            self.assertEqual(done.json['id'], samples.GROUP)
            self.assertIn('cloud site-a does not answer', done.err)
            self.assertEqual(done.err.count('The answer is from cloud site-b.'), 1)
        # The environment names it as well.
        self.does(*SHOW, OS_SECONDARY_CLOUD='site-b')

    def test_the_group_is_failed_over_at_the_other_site_and_followed_there(self):
        self.dark('site-a')
        self.b.answers('GET', '/operations/' + samples.OPERATION, samples.operation('completed'))
        self.does(*OTHER, *FAILOVER, '--wait')
        self.assertEqual(self.sent(self.b, 'POST'), [(ACTION, {'failover': {'type': 'unplanned'}})])

    def test_a_failover_that_may_have_been_heard_is_sent_with_the_same_key(self):
        away = document.refused(503, 'protector.unavailable', 'the database does not answer')
        self.a.answers('POST', ACTION, away, status=503)
        self.does(*OTHER, *FAILOVER)
        keys = [
            headers['Idempotency-Key']
            for site in (self.a, self.b)
            for how, path, *_, headers in site.asked
            if how == 'POST' and path == ACTION
        ]
        self.assertEqual(len(keys), 2)
        self.assertEqual(keys[0], keys[1])

    def test_a_change_is_not_made_at_the_other_site(self):
        self.dark('site-a')
        done = self.fails(*OTHER, 'protector', 'protection-group', 'delete', 'web')
        self.assertIn('site-a', done.err)
        self.assertEqual(self.sent(self.b, 'DELETE'), [])

    def test_a_site_that_works_is_the_only_one_that_is_asked(self):
        done = self.does(*OTHER, *SHOW)
        self.assertEqual((done.err, self.b.asked), ('', []))
        logins = [r for r in self.http.request_history if 'site-b' in r.url]
        self.assertEqual(logins, [])

    def test_a_refusal_is_an_answer(self):
        gone = document.refused(403, 'protector.forbidden', 'no')
        self.a.answers('GET', '/protection-groups/web', gone, status=403)
        self.fails(*OTHER, *SHOW)
        self.assertEqual(self.b.asked, [])

    def test_where_neither_answers_both_are_named(self):
        self.dark('site-a')
        self.dark('site-b', 'protector')
        done = self.fails(*OTHER, *SHOW)
        for word in ('neither site answers', 'cloud site-a', 'cloud site-b', 'What to do'):
            self.assertIn(word, done.err)

    def test_a_wrong_password_is_no_outage(self):
        url = shell.CLOUDS['site-a']['keystone'] + '/auth/tokens'
        error = {'message': 'who are you?', 'code': 401, 'title': 'Unauthorized'}
        kind = {'Content-Type': 'application/json'}
        self.http.post(url, status_code=401, json={'error': error}, headers=kind)
        done = self.fails(*OTHER, *SHOW)
        self.assertIn('who are you?', done.err)
        self.assertEqual(self.b.asked, [])

    def test_a_silent_site_is_given_up_soon(self):
        self.does(*OTHER, *SHOW)
        timeouts = {request.timeout for request in self.http.request_history}
        self.assertEqual(timeouts, {(5, 120)})

    def test_without_another_site_the_error_is_of_the_first(self):
        self.dark('site-a', 'protector')
        self.assertNotIn('neither', self.fails(*SHOW).err)


class Naming(shell.TestCase):
    def test_a_cloud_that_is_not_there(self):
        done = self.fails('--secondary-cloud', 'site-x', *SHOW)
        for word in ('no cloud named site-x', 'clouds.yaml', 'site-a, site-b'):
            self.assertIn(word, done.err)
        self.assertEqual(self.a.asked, [])

    def test_the_same_cloud_twice(self):
        self.assertIn(
            'the cloud of --os-cloud', self.fails('--secondary-cloud', 'site-a', *SHOW).err
        )

    def test_nothing_of_the_environment_is_sent_to_the_other_site(self):
        self.dark('site-a')
        self.does(
            *OTHER, *SHOW, OS_USERNAME='root', OS_PASSWORD='of-an-openrc', OS_PROJECT_NAME='other'
        )
        sent = [r.text for r in self.http.request_history if r.text and 'site-b' in r.url]
        self.assertTrue(sent)
        for text in sent:
            self.assertNotIn('of-an-openrc', text)
            self.assertNotIn('site-a', text)
        self.assertIn(
            shell.PASSWORD + 'site-b',
            json.loads(sent[0])['auth']['identity']['password']['user']['password'],
        )

    def test_clouds_yaml_may_name_it(self):
        clouds = shell.clouds_yaml()
        clouds['site-a']['secondary_cloud'] = 'site-b'
        (self.home / 'clouds.yaml').write_text(json.dumps({'clouds': clouds}))
        self.dark('site-a')
        self.does(*SHOW)


class Trusts(shell.TestCase):
    def test_a_project_is_enrolled_on_both_sites_with_a_token_of_each(self):
        done = self.does(*OTHER, 'protector', 'trust', 'create', '-f', 'json')
        self.assertEqual([one['Cloud'] for one in done.json], ['site-a', 'site-b'])
        for site, name in ((self.a, 'site-a'), (self.b, 'site-b')):
            how, path, _, _, headers = site.asked[-1]
            self.assertEqual((how, path), ('POST', '/trusts'))
            self.assertEqual(headers['X-Auth-Token'], 'token-of-' + name)

    def test_one_site_alone_is_told(self):
        done = self.does('protector', 'trust', 'create')
        self.assertIn('Only cloud site-a was asked', done.err)
        self.assertEqual(self.b.asked, [])

    def test_a_silent_site_does_not_keep_the_other_from_being_enrolled(self):
        self.dark('site-a')
        done = self.fails(*OTHER, 'protector', 'trust', 'create', '-f', 'json')
        self.assertEqual([one['Cloud'] for one in done.json], ['site-b'])
        self.assertIn('site-a does not answer', done.err)
        self.fails(*OTHER, 'protector', 'trust', 'delete')
        self.assertEqual(self.last(self.b)[:2], ('DELETE', '/trusts'))
