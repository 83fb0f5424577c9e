"""The progress of an operation, on stderr: one line that changes on a terminal, and elsewhere a
line for each thing that is new."""

import shutil
import sys
import time

WIDTH = 20


class Progress:
    """Shows what `waiting.follow` tells it."""

    def __init__(self, stream=None, clock=time.monotonic):
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._clock = clock
        self._began = clock()
        self._said = None
        self._drawn = 0

    def __call__(self, operation):
        text = line(operation)
        if self._terminal:
            self._draw('%s  %s' % (text, elapsed(self._clock() - self._began)))
        elif text != self._said:
            self._stream.write(text + '\n')
            self._stream.flush()
        self._said = text

    def end(self):
        """Leaves the last line where it is."""
        if self._drawn:
            self._stream.write('\n')
            self._drawn = 0

    def _draw(self, text):
        text = text[: max(shutil.get_terminal_size().columns - 1, WIDTH)]
        self._stream.write('\r' + text.ljust(self._drawn))
        self._stream.flush()
        self._drawn = len(text)


def line(operation):
    """An operation in one line: how far it is, its phase, its steps and which of them run."""
    done = max(0, min(100, operation.get('progress') or 0))
    full = WIDTH * done // 100
    words = [
        '%s [%s%s] %3d%%' % (operation['type'], '#' * full, '.' * (WIDTH - full), done),
        operation['status'],
    ]
    if operation.get('phase') and operation['phase'] != operation['status']:
        words.append(operation['phase'])
    steps = operation.get('steps') or []
    count = '%d' % operation.get('steps_completed', 0)
    if steps:
        count += '/%d' % len(steps)
    words.append('steps ' + count)
    if operation.get('steps_failed'):
        words.append('failed %d' % operation['steps_failed'])
    running = [shown(step) for step in steps if step['status'] == 'running']
    if running:
        words.append('running: ' + ', '.join(running))
    return '  '.join(words)


def shown(step):
    """A step, with how much it has sent where it says so."""
    progress = step.get('progress')
    if not progress:
        return step['key']
    amount = '%d' % progress['done']
    if progress.get('total'):
        amount += '/%d' % progress['total']
    return '%s (%s %s)' % (step['key'], amount, progress['unit'])


def elapsed(seconds):
    """Seconds as people read them."""
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return '%d:%02d:%02d' % (hours, minutes, seconds)
