"""The services' databases: migrated once, then loaded from dumps."""

import concurrent.futures
import os
import shutil
import subprocess
import time

from .config import configure
from .process import run
from .settings import (BIN, DATABASES, DB_PORT, PASSWORD, PLUGINS, SCHEMA,
                       STATE, VENV, say)
from .shared import sql


def dump(name, target):
    with open(target, 'wb') as out:
        subprocess.run(
            ['mysqldump', '--no-defaults', '--host=127.0.0.1',
             '--port=%d' % DB_PORT, '--user=testbed', '--password=' + PASSWORD,
             '--skip-lock-tables', '--single-transaction', '--skip-comments',
             name], stdout=out, check=True)


def load(name, source):
    sql('CREATE DATABASE `%s` CHARACTER SET utf8mb4' % name)
    with open(source, 'rb') as f:
        run(['mysql', '--no-defaults', '--host=127.0.0.1', '--port=%d' % DB_PORT,
             '--user=testbed', '--password=' + PASSWORD,
             '--init-command=SET foreign_key_checks=0, unique_checks=0', name],
            stdin=f)


def make_schema():
    """Runs every service's own migrations once and keeps the result as dumps.

    A site's databases are loaded from the dumps, in a fraction of the time.
    """
    stamp = (VENV / '.stamp').read_text()
    if (SCHEMA / 'stamp').exists() and \
            (SCHEMA / 'stamp').read_text() == stamp:
        return
    say('running the database migrations (once)')
    shutil.rmtree(SCHEMA, ignore_errors=True)
    SCHEMA.mkdir(parents=True)
    for name in DATABASES:
        sql('DROP DATABASE IF EXISTS `t_%s`; '
            'CREATE DATABASE `t_%s` CHARACTER SET utf8mb4' % (name, name))
    conf = configure('t')
    env = {'PYTHONPATH': str(PLUGINS)}
    nova = [BIN / 'nova-manage', '--config-file', conf / 'nova' / 'nova.conf']
    same = '{scheme}://{username}:{password}@{hostname}:{port}/{path}'
    jobs = {
        'neutron': [[BIN / 'neutron-db-manage', '--config-file',
                     conf / 'neutron' / 'neutron.conf', 'upgrade', 'heads']],
        'nova': [nova + ['api_db', 'sync'],
                 nova + ['db', 'sync', '--local_cell'],
                 nova + ['cell_v2', 'map_cell0', '--database_connection',
                         same + '_cell0?{query}'],
                 # Templates, so one dump serves every site: Nova fills them
                 # from the reading service's own configuration.
                 nova + ['cell_v2', 'create_cell', '--name', 'cell1',
                         '--database_connection', same + '?{query}',
                         '--transport-url', same]],
        'glance': [[BIN / 'glance-manage', '--config-file',
                    conf / 'glance' / 'glance-api.conf', 'db_sync']],
        'cinder': [[BIN / 'cinder-manage', '--config-file',
                    conf / 'cinder' / 'cinder.conf', 'db', 'sync']],
        'keystone': [[BIN / 'keystone-manage', '--config-file',
                      conf / 'keystone' / 'keystone.conf', 'db_sync']],
        'placement': [[BIN / 'placement-manage', '--config-file',
                       conf / 'placement' / 'placement.conf', 'db', 'sync']],
    }

    def job(name):
        t = time.time()
        for argv in jobs[name]:
            run(argv, env, log=STATE / 'log' / 'schema' / (name + '.log'))
        say('  %s migrated in %.0f s' % (name, time.time() - t))

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(job, jobs))
    for name in DATABASES:
        dump('t_' + name, SCHEMA / (name + '.sql'))
        sql('DROP DATABASE `t_%s`' % name)
    (SCHEMA / 'stamp').write_text(stamp)


def site_databases(site):
    have = set(sql('SHOW DATABASES').split())
    for name, source in [(n, n) for n in DATABASES] + [('nova_cell0', 'nova')]:
        full = '%s_%s' % (site, name)
        if full not in have:
            load(full, SCHEMA / (source + '.sql'))
