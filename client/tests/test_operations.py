"""What is started, planned, followed and steered."""

from unittest import mock

from protectorclient import exceptions
from protectorclient.osc import progress
from protectorclient.v1 import waiting
from tests import samples, shell

ACTION = '/protection-groups/%s/action' % samples.GROUP
ONE = '/operations/' + samples.OPERATION
FAILOVER = ('protector', 'protection-group', 'failover', 'web')


def clock():
    """A time of which ten seconds pass with each wait."""
    now = [0]

    def sleep(_):
        now[0] += 10

    return mock.Mock(monotonic=lambda: now[0], sleep=sleep)


class Actions(shell.TestCase):
    def test_a_planned_failover_is_what_is_meant_where_nothing_is_said(self):
        self.does(*FAILOVER)
        self.assertEqual(self.sent(self.a, 'POST'), [(ACTION, {'failover': {'type': 'planned'}})])

    def test_a_dry_run_shows_the_plan_as_a_table(self):
        self.a.answers('POST', ACTION, samples.PLAN)
        done = self.does(*FAILOVER, '--dry-run')
        self.assertIn('| Step ', done.out)
        self.assertIn('| stop/db-1 | quiescing  | site-1 | compute lock_server s1', done.out)
        self.assertIn('compute stop_server s1 [it runs]', done.out)
        self.assertIn('Plan abc123. Nothing was done.', done.err)
        self.assertEqual(self.sent(self.a, 'POST')[0][1]['failover']['dry_run'], True)
        rows = self.does(*FAILOVER, '--dry-run', '-f', 'json', '-c', 'Step', '-c', 'Needs').json
        self.assertEqual(rows[1], {'Step': 'commit', 'Needs': ['stop/db-1']})
        shown = self.does(*FAILOVER, '--dry-run', '-f', 'shell', '-c', 'Step').out
        self.assertEqual(shown, 'step_0="stop/db-1"\nstep_1="commit"\n')


class Waiting(shell.TestCase):
    def test_wait_shows_the_progress_and_the_end(self):
        steps = [
            {
                'key': 'replicate',
                'status': 'running',
                'progress': {'done': 1, 'total': 4, 'unit': 'bytes'},
            }
        ]
        self.a.answers(
            'GET',
            ONE,
            samples.operation('queued', 0),
            samples.operation('running', 40, steps=steps),
            samples.operation('completed', 100),
        )
        done = self.does(*FAILOVER, '--wait', '-f', 'json')
        self.assertEqual(done.json['status'], 'completed')
        lines = done.err.splitlines()
        self.assertEqual(len(lines), 3, done.err)
        self.assertIn('[########............]  40%  running  copying  steps 3/1', lines[1])
        self.assertIn('running: replicate (1/4 bytes)', lines[1])

    def test_what_does_not_complete_fails_and_says_why(self):
        error = {
            'message': 'Cinder refused',
            'step': 'manage/db-1/0',
            'site_id': samples.SITE_2,
            'remote_call': 'POST /manageable_volumes',
            'remote_request_id': 'req-9',
            'what_to_do': 'add the policy to Cinder',
        }
        for status in ('error', 'waiting_for_user', 'completed_with_errors', 'cancelled'):
            self.a.answers('GET', ONE, samples.operation(status, error=error))
            done = self.fails(*FAILOVER, '--wait', '-f', 'json')
            self.assertEqual(done.json['status'], status)
            for word in (
                'Cinder refused',
                'manage/db-1/0',
                'POST /manageable_volumes',
                'req-9',
                'What to do: add the policy to Cinder',
                status.replace('_', ' '),
            ):
                self.assertIn(word, done.err)

    def test_members_that_do_not_run_are_named(self):
        members = [
            {'name': 'db-1', 'ok': True},
            {'name': 'web-1', 'ok': False, 'reason': 'no port'},
        ]
        result = {'members': members}
        self.a.answers('GET', ONE, samples.operation('completed_with_errors', result=result))
        done = self.fails(*FAILOVER, '--wait')
        self.assertIn('member web-1: no port', done.err)
        self.assertNotIn('member db-1', done.err)
        self.assertIn('operation retry', done.err)

    def test_after_the_timeout_the_operation_goes_on(self):
        self.a.answers('GET', ONE, samples.operation('running', 10))
        with mock.patch('protectorclient.v1.waiting.time', clock()):
            done = self.fails(*FAILOVER, '--wait', '--wait-timeout', '5')
        self.assertIn('goes on', done.err)
        self.assertIn('operation show ' + samples.OPERATION, done.err)

    def test_a_silence_on_the_way_is_waited_for(self):
        mock_time = mock.patch('protectorclient.v1.waiting.time', clock())
        mock_time.start()
        self.addCleanup(mock_time.stop)
        client = mock.Mock()
        silence = exceptions.NoAnswer('away')
        ended = samples.operation('completed')['operation']
        client.operations.show.side_effect = [silence, silence, ended]
        found = waiting.follow(client, ended)
        self.assertEqual(found['status'], 'completed')
        # Longer than a restart takes.
        client.operations.show.side_effect = silence
        with self.assertRaises(exceptions.NoAnswer):
            waiting.follow(client, ended)

    def test_a_terminal_has_one_line_that_changes(self):
        stream = mock.Mock()
        stream.isatty.return_value = True
        shown = progress.Progress(stream, clock=iter([0, 61, 3700]).__next__)
        for how_far in (10, 20):
            shown(samples.operation('running', how_far)['operation'])
        shown.end()
        written = [call.args[0] for call in stream.write.call_args_list]
        self.assertEqual([text[0] for text in written], ['\r', '\r', '\n'])
        self.assertIn('0:01:01', written[0])
        self.assertIn('1:01:40', written[1])

    def test_a_group_and_a_member_are_shown_as_they_are_at_the_end(self):
        self.a.answers('GET', ONE, samples.operation('completed'))
        server = '00000000-0000-0000-0000-0000000000aa'
        done = self.does('protector', 'member', 'add', 'web', server, '--wait', '-f', 'json')
        self.assertEqual(self.last(self.a)[0], 'GET')
        self.assertIn('status', done.json)
        self.does('protector', 'protection-group', 'delete', 'web', '--wait')


class Steering(shell.TestCase):
    def test_a_cancelled_operation_is_what_was_asked_for(self):
        for status, code in (('cancelled', 0), ('completed', 1), ('error', 1)):
            now = samples.operation('running'), samples.operation(status)
            self.a.answers('GET', ONE, *now)
            words = ('operation', 'cancel', samples.OPERATION, '--wait')
            self.assertEqual(self.run_command('protector', *words).code, code, status)
        self.assertEqual(self.sent(self.a, 'POST')[0], (ONE + '/action', {'cancel': {}}))

    def test_the_cleanup_of_older_guides(self):
        words = ('--protection-group', 'web', '--operation-id', samples.OPERATION)
        self.does('dr', 'operation', 'cleanup', *words)
        self.assertEqual(self.last(self.a)[1:], (ONE + '/action', {}, {'cleanup': {}}))
        other = samples.operation('error', protection_group_id='another')
        self.a.answers('GET', ONE, other)
        done = self.fails('dr', 'operation', 'cleanup', *words)
        self.assertIn('is not of the protection group', done.err)

    def test_an_operation_is_named_once(self):
        self.fails('protector', 'operation', 'show')
        self.fails('protector', 'operation', 'show', 'a', '--operation-id', 'b')

    def test_a_step_is_skipped_with_a_reason(self):
        words = ('operation', 'skip', samples.OPERATION, '--step', 'verify/db-1')
        self.assertNotEqual(self.run_command('protector', *words).code, 0)
        self.does('protector', *words, '--reason', 'looked at by hand')
        self.assertEqual(
            self.last(self.a)[3],
            {'skip': {'step': 'verify/db-1', 'reason': 'looked at by hand'}},
        )
