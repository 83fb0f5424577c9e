"""Secrets are read from where nobody else looks, and never shown."""

from tests import shell

SECRET = 'token-that-nobody-may-see'
CREATE = (
    'protector',
    'policy',
    'create',
    'web',
    '--driver',
    'pure',
    '--primary-array-url',
    'https://a',
    '--secondary-array-url',
    'https://b',
    '--rpo-minutes',
    '15',
)


class Secrets(shell.TestCase):
    def tokens(self):
        body = self.last(self.a)[3]['policy']
        return body.get('primary_fa_api_token'), body.get('secondary_fa_api_token')

    def test_tokens_come_from_a_file_and_the_environment_and_are_not_shown(self):
        for more in ((), ('--debug',), ('-vv',)):
            token = self.file('token', SECRET + '-1\n')
            done = self.does(
                *more,
                *CREATE,
                '--primary-array-token',
                token,
                PROTECTOR_SECONDARY_ARRAY_TOKEN=SECRET + '-2',
            )
            self.assertEqual(self.tokens(), (SECRET + '-1', SECRET + '-2'))
            self.assertNotIn(SECRET, done.out + done.err)
            self.assertNotIn(shell.PASSWORD, done.out + done.err)

    def test_a_secret_on_the_command_line_is_refused(self):
        done = self.fails(*CREATE, '--primary-array-token', SECRET)
        self.assertIn('takes no secret on the command line', done.err)
        self.assertNotIn(SECRET, done.err)
        self.assertEqual(self.sent(self.a, 'POST'), [])

    def test_where_nobody_can_be_asked_it_says_what_to_give(self):
        done = self.fails(*CREATE)
        self.assertIn('--primary-array-token @file', done.err)
        self.assertIn('PROTECTOR_PRIMARY_ARRAY_TOKEN', done.err)

    def test_a_file_that_is_not_there_or_empty_is_an_error(self):
        self.assertIn('No such file', self.fails(*CREATE, '--primary-array-token', '@/none').err)
        empty = self.file('empty', '\n')
        self.assertIn('is empty', self.fails(*CREATE, '--primary-array-token', empty).err)

    def test_a_change_keeps_the_tokens_and_the_rest(self):
        self.does('protector', 'policy', 'set', 'web', '--rpo-minutes', '30')
        body = self.last(self.a)[3]['policy']
        self.assertEqual(self.tokens(), (None, None))
        self.assertEqual(body['rpo_minutes'], 30)
        kept = self.does('protector', 'policy', 'show', 'web', '-f', 'json').json
        for name in ('driver', 'primary_fa_url', 'secondary_fa_url', 'replication_interval'):
            self.assertEqual(body[name], kept[name])
