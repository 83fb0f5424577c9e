"""Where the guide is followed: a machine for each site, with a systemd of its own, and the client's."""

import os
import pathlib
import shutil
import subprocess
import sys


class Failed(Exception):
    """Commands ended with something else than 0."""


def bash(argv, script, cwd=None, env=None):
    """Runs a script as a person would paste it, and returns what it printed."""
    ended = subprocess.run(
        [*map(str, argv), 'bash', '-euo', 'pipefail', '-s'],
        input=script,
        capture_output=True,
        text=True,
        cwd=cwd,
        env=env,
    )
    if ended.returncode:
        raise Failed(
            'ended with %d\n%s\n%s' % (ended.returncode, ended.stdout[-3000:], ended.stderr[-3000:])
        )
    return ended.stdout


def bare(facts, packages):
    """A Debian system with these packages, the cloud's own database server, and nothing else that the guide
    might have forgotten to name."""
    made = pathlib.Path(facts['dir']) / 'bare'
    subprocess.run([facts['bare'], made, 'mariadb-server', *packages], check=True)
    return made


class Controller:
    """The machine of one site. What the guide takes for granted is prepared here and nowhere else."""

    def __init__(self, facts, name):
        site = facts['sites'][name]
        self.name = name
        self.values = site['values']
        self.script = facts['machine']
        self.dir = pathlib.Path(facts['dir']) / name
        self.facts, self.site = facts, site

    def start(self, bare):
        subprocess.run([self.script, 'start', self.dir, '--root', bare], check=True)
        # MariaDB, an administrator's openrc and the package.
        self.run(
            'cat >/etc/mysql/mariadb.conf.d/99-guide.cnf <<END\n'
            '[mysqld]\nport = %(DB_PORT)s\nbind-address = %(DB_HOST)s\n'
            'innodb_flush_log_at_trx_commit = 0\nEND\n' % self.values
            + '[ -e /var/lib/mysql/mysql ] || mariadb-install-db --user=mysql >/dev/null\n'
            'systemctl start mariadb\n'
        )
        login = {
            'OS_AUTH_URL': self.values['KEYSTONE'],
            'OS_IDENTITY_API_VERSION': '3',
            'OS_USERNAME': 'admin',
            'OS_PASSWORD': self.site['admin_password'],
            'OS_PROJECT_NAME': 'admin',
            'OS_USER_DOMAIN_NAME': 'Default',
            'OS_PROJECT_DOMAIN_NAME': 'Default',
            'OS_REGION_NAME': self.values['REGION'],
        }
        lines = ''.join('export %s=%s\n' % pair for pair in login.items())
        self.run('cat >~/admin-openrc <<END\n%sEND\n' % lines)
        with open(self.facts['package'], 'rb') as package:
            subprocess.run(
                [self.script, 'run', self.dir, 'sh', '-c', 'cat >' + self.values['PACKAGE']],
                stdin=package,
                check=True,
            )

    def run(self, script):
        return bash([self.script, 'run', self.dir], script)

    def keep_logs(self):
        """Out of the machine, which is about to go with all that is in it."""
        logs = self.dir.parent / (self.name + '-logs')
        logs.mkdir(exist_ok=True)
        for what, command in (
            ('journal', 'journalctl --no-pager'),
            ('logs', 'tail -n 400 /var/log/protector/*.log'),
        ):
            said = subprocess.run(
                [self.script, 'run', self.dir, 'sh', '-c', command], capture_output=True
            )
            (logs / what).write_bytes(said.stdout + said.stderr)

    def stop(self):
        subprocess.run([self.script, 'stop', self.dir], check=True)
        # What is left of it is empty: its files were in memory.
        shutil.rmtree(self.dir, ignore_errors=True)


class Client:
    """The home of an ordinary user of this machine, with nothing in it but the client's source, and one
    terminal: what a block exports, such as a PATH, is there for those after it."""

    def __init__(self, facts):
        self.home = pathlib.Path(facts['dir']) / 'client-home'
        self.source = pathlib.Path(facts['client'])
        self.terminal = {
            **registry(os.environ),
            # What is published tomorrow is tried when it is pinned, and not by whoever runs this.
            'PIP_CONSTRAINT': str(self.source / 'requirements.txt'),
            'HOME': str(self.home),
            'PATH': '/usr/bin:/bin',
            'LANG': 'C.UTF-8',
        }

    def start(self):
        self.home.mkdir()
        shutil.copytree(self.source, self.home / 'client')

    def run(self, script):
        left = self.home / '.terminal'
        printed = bash([], script + '\nenv -0 >~/.terminal\n', cwd=self.home, env=self.terminal)
        pairs = left.read_text(encoding='utf-8').split('\0')
        self.terminal = dict(pair.split('=', 1) for pair in pairs if pair)
        return printed


def registry(environment):
    """How this machine reaches a registry of Python's packages; nothing else of it is anybody's."""
    names = ('PIP_', 'SSL_CERT_', 'REQUESTS_CA_BUNDLE')
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(names) or name.lower().endswith('_proxy')
    }


def say(text):
    sys.stdout.write(text + '\n')
    sys.stdout.flush()
