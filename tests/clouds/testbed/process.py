"""Processes that outlive this program, known by files, and the waiting for them."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.request

from .settings import STATE


def start_time(pid):
    """The kernel's start time of a process; with the pid it is unique."""
    try:
        stat = pathlib.Path('/proc/%d/stat' % pid).read_text()
    except OSError:
        return None
    fields = stat.rpartition(')')[2].split()
    return None if fields[0] == 'Z' else fields[19]


class Proc:
    """A process this tool started, known by a file in state/run."""

    def __init__(self, group, name):
        self.group, self.name = group, name
        self.file = STATE / 'run' / group / (name + '.json')
        self.log = STATE / 'log' / group / (name + '.log')

    def pid(self):
        try:
            rec = json.loads(self.file.read_text())
        except (OSError, ValueError):
            return None
        if start_time(rec['pid']) == rec['start']:
            return rec['pid']
        return None

    def start(self, argv, env=None):
        if self.pid():
            return False
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        full = {k: v for k, v in os.environ.items()
                if not k.startswith(('OS_', 'PYTHON', 'VIRTUAL_ENV'))}
        full.update(env or {})
        with open(self.log, 'ab') as log, open(os.devnull, 'rb') as null:
            p = subprocess.Popen([str(a) for a in argv], stdin=null, stdout=log,
                                 stderr=log, env=full, cwd=STATE,
                                 start_new_session=True)
        self.file.write_text(json.dumps(
            {'pid': p.pid, 'start': start_time(p.pid)}))
        return True

    def family(self):
        """Pids of the process and of all that descend from it."""
        root = self.pid()
        return [] if root is None else [root] + descendants(root)


def descendants(root):
    children = {}
    for entry in pathlib.Path('/proc').iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / 'stat').read_text()
            except OSError:
                continue
            parent = int(stat.rpartition(')')[2].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    found, todo = [], [root]
    while todo:
        kids = children.get(todo.pop(), [])
        found += kids
        todo += kids
    return found


def stop(procs, grace=20):
    """Stops these processes and their children, each by its own pid."""
    targets = {}
    for p in procs:
        for pid in p.family():
            targets[pid] = start_time(pid)
        root = p.pid()
        if root:
            try:
                os.kill(root, signal.SIGTERM)
            except ProcessLookupError:
                pass

    def alive():
        return [pid for pid, start in targets.items()
                if start and start_time(pid) == start]

    deadline = time.time() + grace
    while alive() and time.time() < deadline:
        time.sleep(0.1)
    for pid in alive():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    for p in procs:
        p.file.unlink(missing_ok=True)


def recorded(group):
    folder = STATE / 'run' / group
    names = sorted(f.stem for f in folder.glob('*.json')) \
        if folder.is_dir() else []
    return [Proc(group, n) for n in names]


def run(argv, env=None, log=None, stdin=None, stdout=None):
    full = {k: v for k, v in os.environ.items()
            if not k.startswith(('OS_', 'PYTHON', 'VIRTUAL_ENV'))}
    full.update(env or {})
    if log:
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, 'ab') as f:
            r = subprocess.run([str(a) for a in argv], env=full, stdin=stdin,
                               stdout=stdout or f, stderr=f, cwd=STATE)
        if r.returncode:
            sys.stderr.write(log.read_text()[-3000:])
            raise SystemExit('failed: %s' % ' '.join(map(str, argv[:6])))
        return None
    return subprocess.run([str(a) for a in argv], env=full, check=True,
                          stdin=stdin, capture_output=True, cwd=STATE).stdout


def wait(what, test, limit=180, procs=()):
    deadline = time.time() + limit
    last = None
    while time.time() < deadline:
        try:
            if test():
                return
        except Exception as e:       # the service is not up yet
            last = e
        for p in procs:
            if p.pid() is None:
                tail = p.log.read_text(errors='replace')[-3000:]
                raise SystemExit('%s/%s ended:\n%s' % (p.group, p.name, tail))
        time.sleep(0.3)
    raise SystemExit('%s not ready after %d s: %s' % (what, limit, last))


def listening(number):
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex(('127.0.0.1', number)) == 0


def http(method, address, body=None, token=None, headers=()):
    data = None if body is None else json.dumps(body).encode()
    req = urllib.request.Request(address, data=data, method=method)
    req.add_header('Content-Type', 'application/json')
    req.add_header('Accept', 'application/json')
    if token:
        req.add_header('X-Auth-Token', token)
    for k, v in headers:
        req.add_header(k, v)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(req, timeout=60) as r:
        raw = r.read()
        return r, (json.loads(raw) if raw else None)
