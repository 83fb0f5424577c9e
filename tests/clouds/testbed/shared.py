"""The two servers that both sites share."""

import base64
import hashlib
import json
import os

from .process import Proc, listening, run, wait
from .settings import (AMQP_DIST_PORT, AMQP_PORT, DB_PORT, EPMD_PORT, PASSWORD,
                       SITES, STATE)


def sql(text, db=None):
    argv = ['mysql', '--no-defaults', '--host=127.0.0.1', '--port=%d' % DB_PORT,
            '--user=testbed', '--password=' + PASSWORD, '--batch',
            '--skip-column-names', '-e', text] + ([db] if db else [])
    return run(argv).decode()


def must_be_free(number, whose):
    """Another home's server would answer in the place of ours."""
    if listening(number):
        raise SystemExit('port %d is in use by others; %s needs it' % (number, whose))


def up_mariadb():
    base = STATE / 'mariadb'
    data = base / 'data'
    p = Proc('shared', 'mariadb')
    if p.pid():
        return
    must_be_free(DB_PORT, 'MariaDB')
    user = ['--user=root'] if os.getuid() == 0 else []
    init = base / 'init.sql'
    if not (data / 'mysql').is_dir():
        data.mkdir(parents=True, exist_ok=True)
        run(['mariadb-install-db', '--no-defaults', '--datadir=%s' % data,
             '--auth-root-authentication-method=normal', '--skip-test-db',
             '--skip-name-resolve'] + user,
            log=STATE / 'log' / 'shared' / 'mariadb-install.log')
    init.write_text(
        "CREATE USER IF NOT EXISTS 'testbed'@'127.0.0.1' IDENTIFIED BY '%s';\n"
        "GRANT ALL ON *.* TO 'testbed'@'127.0.0.1' WITH GRANT OPTION;\n" % PASSWORD)
    # Durability is switched off: the data is thrown away with the machine.
    p.start(['/usr/sbin/mariadbd', '--no-defaults', '--datadir=%s' % data,
             '--bind-address=127.0.0.1', '--port=%d' % DB_PORT,
             '--socket=%s' % (base / 's'), '--pid-file=%s' % (base / 'pid'),
             '--init-file=%s' % init, '--skip-name-resolve',
             '--character-set-server=utf8mb4', '--max-connections=1000',
             '--innodb-flush-log-at-trx-commit=0', '--innodb-doublewrite=0',
             '--innodb-flush-method=nosync', '--innodb-file-per-table=0',
             '--aria-sync-log-dir=NEVER', '--sync-frm=0',
             '--innodb-buffer-pool-size=256M', '--innodb-log-file-size=64M',
             '--performance-schema=off', '--table-open-cache=4000'] + user)
    wait('MariaDB', lambda: sql('SELECT 1'), procs=[p])


def up_rabbit():
    base = STATE / 'rabbitmq'
    base.mkdir(parents=True, exist_ok=True)
    epmd, p = Proc('shared', 'epmd'), Proc('shared', 'rabbitmq')
    if p.pid() and epmd.pid():
        return
    if not p.pid():
        must_be_free(AMQP_PORT, 'RabbitMQ')
    salt = os.urandom(4)
    digest = hashlib.sha256(salt + PASSWORD.encode()).digest()
    vhosts = ['site-' + s for s in SITES]
    (base / 'definitions.json').write_text(json.dumps({
        'users': [{'name': 'testbed', 'tags': ['administrator'],
                   'hashing_algorithm': 'rabbit_password_hashing_sha256',
                   'password_hash': base64.b64encode(salt + digest).decode()}],
        'vhosts': [{'name': v} for v in vhosts],
        'permissions': [{'user': 'testbed', 'vhost': v, 'configure': '.*',
                         'write': '.*', 'read': '.*'} for v in vhosts]}))
    (base / 'rabbitmq.conf').write_text(
        'listeners.tcp.1 = 127.0.0.1:%d\n'
        'load_definitions = %s\n'
        'log.console = true\nlog.file = false\n'
        % (AMQP_PORT, base / 'definitions.json'))
    (base / 'enabled_plugins').write_text('[].\n')
    (base / 'rabbitmq-env.conf').write_text('')
    env = {'ERL_EPMD_PORT': str(EPMD_PORT), 'ERL_EPMD_ADDRESS': '127.0.0.1',
           'HOME': str(base),
           'RABBITMQ_NODENAME': 'testbed@localhost',
           'RABBITMQ_DIST_PORT': str(AMQP_DIST_PORT),
           'RABBITMQ_CONFIG_FILE': str(base / 'rabbitmq.conf'),
           'RABBITMQ_CONF_ENV_FILE': str(base / 'rabbitmq-env.conf'),
           'RABBITMQ_ENABLED_PLUGINS_FILE': str(base / 'enabled_plugins'),
           'RABBITMQ_MNESIA_BASE': str(base / 'mnesia'),
           'RABBITMQ_LOG_BASE': str(base / 'log'),
           'RABBITMQ_PID_FILE': str(base / 'pid'),
           'RABBITMQ_GENERATED_CONFIG_DIR': str(base / 'config'),
           # One scheduler that sleeps when idle; distribution on loopback.
           'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS':
               '+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none '
               '-kernel inet_dist_use_interface {127,0,0,1}'}
    # RabbitMQ would otherwise start epmd itself and leave it behind.
    epmd.start(['epmd', '-port', EPMD_PORT, '-address', '127.0.0.1'], env)
    wait('epmd', lambda: listening(EPMD_PORT), procs=[epmd])
    p.start(['/usr/lib/rabbitmq/bin/rabbitmq-server'], env)
    wait('RabbitMQ', lambda: listening(AMQP_PORT), procs=[p])
