"""Where the guide is followed: a machine for each site, with a systemd of its own, and the client's."""

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


class Controller:
    """The machine of one site. What the guide takes for granted is prepared here and nowhere else."""

    def __init__(self, facts, name):
        site = facts['sites'][name]
        self.name = name
        self.values = site['values']
        self.script = facts['machine']
        self.dir = pathlib.Path(facts['dir']) / name
        self.path = 'export PATH=$PATH:%s/bin\n' % facts['venv']
        self.facts, self.site = facts, site

    def start(self):
        subprocess.run([self.script, 'start', self.dir], check=True)
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
        return bash([self.script, 'run', self.dir], self.path + script)

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
    """An ordinary directory of this machine as a home, with Python's packages of the clouds'."""

    def __init__(self, facts):
        self.home = pathlib.Path(facts['dir']) / 'client-home'
        self.facts = facts

    def start(self):
        self.home.mkdir()
        shutil.copytree(self.facts['client'], self.home / 'client')
        venv = self.home / 'venv'
        python = pathlib.Path(self.facts['venv']) / 'bin' / 'python'
        subprocess.run([python, '-m', 'venv', venv], check=True)
        # `openstack` and what it needs are there already: as on a machine that has the client.
        site = next((pathlib.Path(self.facts['venv']) / 'lib').glob('python3*/site-packages'))
        own = next((venv / 'lib').glob('python3*/site-packages'))
        (own / 'clouds.pth').write_text('%s\n' % site)
        program = venv / 'bin' / 'openstack'
        program.write_text(
            '#!%s/bin/python\nimport sys\nfrom openstackclient.shell import main\nsys.exit(main())\n'
            % venv
        )
        program.chmod(0o755)

    def run(self, script):
        env = {
            'HOME': str(self.home),
            'PATH': '%s/venv/bin:/usr/bin:/bin' % self.home,
            'LANG': 'C.UTF-8',
        }
        return bash([], script, cwd=self.home, env=env)


def say(text):
    sys.stdout.write(text + '\n')
    sys.stdout.flush()
