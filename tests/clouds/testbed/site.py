"""One site: its processes, its Keystone's first contents, and whether it is healthy."""

import os
import re
import time

from .config import configure
from .process import Proc, http, listening, run, stop, wait
from .schema import site_databases
from .settings import (API_WORKERS, BIN, LIMIT, PASSWORD, PLUGINS, PORTS, REGION,
                       SERVICE_USERS, STATE, VENV, port, say, url)


def wsgi(site, service, module, env, processes=1, threads=1, pyargv=None):
    argv = [BIN / 'uwsgi', '--http-socket',
            '127.0.0.1:%d' % port(site, service), '--virtualenv', VENV,
            '--module', module + ':application', '--need-app', '--lazy-apps',
            '--enable-threads', '--die-on-term', '--processes', processes,
            '--threads', threads, '--buffer-size', 65535, '--listen', 100,
            '--add-header', 'Connection: close', '--disable-logging',
            '--log-5xx', '--procname-prefix-spaced',
            'site-%s-%s' % (site, service)]
    argv += ['--master'] if processes > 1 else []
    argv += ['--pyargv', pyargv] if pyargv else []
    return argv, env


def services(site):
    """Name -> (command, environment) for each of the site's processes."""
    conf = STATE / site / 'conf'
    env = {'PYTHONPATH': str(PLUGINS), 'PYTHONUNBUFFERED': '1',
           'HOME': str(STATE / site), 'PATH': '%s:%s' % (
               BIN, os.environ.get('PATH', os.defpath))}
    nova_conf = ['--config-file', conf / 'nova' / 'nova.conf']
    cinder_conf = ['--config-file', conf / 'cinder' / 'cinder.conf']
    return {
        'keystone': wsgi(site, 'keystone', 'keystone.wsgi.api', dict(
            env, OS_KEYSTONE_CONFIG_FILES=str(
                conf / 'keystone' / 'keystone.conf')), threads=6),
        'neutron': wsgi(site, 'neutron', 'neutron.wsgi.api', dict(
            env, OS_NEUTRON_CONFIG_DIR=str(conf / 'neutron'),
            OS_NEUTRON_CONFIG_FILES='neutron.conf'), processes=API_WORKERS),
        'nova-api': wsgi(site, 'nova', 'nova.wsgi.osapi_compute', dict(
            env, OS_NOVA_CONFIG_DIR=str(conf / 'nova'),
            OS_NOVA_CONFIG_FILES='%s;nova.conf' % (
                VENV / 'etc/nova/api-paste.ini')), processes=API_WORKERS),
        'placement': wsgi(site, 'placement', 'placement.wsgi.api', dict(
            env, OS_PLACEMENT_CONFIG_DIR=str(conf / 'placement')), threads=4),
        'cinder-api': wsgi(site, 'cinder', 'cinder.wsgi.api', env,
                           processes=API_WORKERS,
                           pyargv=' '.join(map(str, cinder_conf))),
        'glance': ([BIN / 'glance-api', '--config-file',
                    conf / 'glance' / 'glance-api.conf'], env),
        'nova-conductor': ([BIN / 'nova-conductor'] + nova_conf, env),
        'nova-compute': ([BIN / 'nova-compute'] + nova_conf, env),
        'nova-scheduler': ([BIN / 'nova-scheduler'] + nova_conf, env),
        'cinder-volume': ([BIN / 'cinder-volume'] + cinder_conf, env),
        'cinder-scheduler': ([BIN / 'cinder-scheduler'] + cinder_conf, env),
    }


def token(site, user='admin', project='admin'):
    body = {'auth': {
        'identity': {'methods': ['password'], 'password': {'user': {
            'name': user, 'domain': {'id': 'default'},
            'password': PASSWORD}}},
        'scope': {'project': {'name': project, 'domain': {'id': 'default'}}}}}
    reply, _ = http('POST', url(site, 'keystone') + '/v3/auth/tokens', body)
    return reply.headers['X-Subject-Token']


def bootstrap(site):
    """Keystone's first contents: users, roles, services and endpoints."""
    conf = STATE / site / 'conf' / 'keystone' / 'keystone.conf'
    ks = url(site, 'keystone') + '/v3'
    run([BIN / 'keystone-manage', '--config-file', conf, 'bootstrap',
         '--bootstrap-password', PASSWORD, '--bootstrap-region-id', REGION,
         '--bootstrap-public-url', ks, '--bootstrap-internal-url', ks,
         '--bootstrap-admin-url', ks],
        log=STATE / 'log' / ('site-' + site) / 'bootstrap.log')


def populate(site):
    ks = url(site, 'keystone') + '/v3'
    t = token(site)

    def find(kind, name):
        _, got = http('GET', '%s/%s?name=%s' % (ks, kind, name), token=t)
        return got[kind][0]['id'] if got[kind] else None

    def ensure(kind, one, name, **extra):
        have = find(kind, name)
        if have:
            return have
        _, got = http('POST', '%s/%s' % (ks, kind),
                      {one: dict(extra, name=name)}, token=t)
        return got[one]['id']

    roles = {r: ensure('roles', 'role', r)
             for r in ('admin', 'member', 'reader', 'service')}

    def user(name, grants):
        uid = ensure('users', 'user', name, password=PASSWORD,
                     domain_id='default')
        for project, names in grants.items():
            for r in names:
                http('PUT', '%s/projects/%s/users/%s/roles/%s' % (
                    ks, projects[project], uid, roles[r]), token=t)

    projects = {p: ensure('projects', 'project', p, domain_id='default')
                for p in ('admin', 'service', 'demo')}
    for name in SERVICE_USERS:
        user(name, {'service': ['admin', 'service']})
    user('demo', {'demo': ['member']})
    # The recovery service's own account: no role outside the service project.
    user('dr', {'service': ['service']})

    catalogue = (
        ('nova', 'compute', url(site, 'nova') + '/v2.1'),
        ('cinder', 'block-storage', url(site, 'cinder') + '/v3'),
        ('cinderv3', 'volumev3', url(site, 'cinder') + '/v3'),
        ('neutron', 'network', url(site, 'neutron')),
        ('placement', 'placement', url(site, 'placement')),
        ('glance', 'image', url(site, 'glance')))
    _, endpoints = http('GET', ks + '/endpoints', token=t)
    done = {e['service_id'] for e in endpoints['endpoints']}
    for name, kind, address in catalogue:
        sid = ensure('services', 'service', name, type=kind)
        if sid not in done:
            for interface in ('public', 'internal', 'admin'):
                http('POST', ks + '/endpoints', {'endpoint': {
                    'service_id': sid, 'interface': interface, 'url': address,
                    'region_id': REGION}}, token=t)


def healthy(site, since=''):
    """True when every service of the site answers and is fit for use.

    Raises what is missing otherwise.  The services' own "up" is not enough: one
    that died stays "up" for a minute, so a report must also be newer than "since"
    (UTC, ISO format); and cinder-volume is "up" for a minute even if its driver
    failed to start, so each back end must have shown the scheduler a pool.
    """
    t = token(site)

    def up(services):
        return {s['binary'] for s in services if s['state'] == 'up'
                and (s['updated_at'] or '')[:19] >= since}

    v = [('X-OpenStack-Nova-API-Version', '2.53')]
    _, got = http('GET', url(site, 'nova') + '/v2.1/os-services', token=t,
                  headers=v)
    missing = {'nova-conductor', 'nova-scheduler', 'nova-compute'} - \
        up(got['services'])
    if missing:
        raise RuntimeError('not up: %s' % ', '.join(sorted(missing)))
    # The compute host counts only once the scheduler has put it in its cell.
    _, got = http('GET', url(site, 'nova') + '/v2.1/os-hypervisors', token=t,
                  headers=v)
    if not got['hypervisors']:
        raise RuntimeError('Nova has not mapped its compute host yet')
    _, got = http('GET', url(site, 'cinder') + '/v3/os-services', token=t)
    missing = {'cinder-scheduler', 'cinder-volume'} - up(got['services'])
    if missing:
        raise RuntimeError('not up: %s' % ', '.join(sorted(missing)))
    _, got = http('GET', url(site, 'cinder') +
                  '/v3/scheduler-stats/get_pools?detail=true', token=t)
    fresh = [p['name'] for p in got['pools']
             if p['capabilities'].get('timestamp', '')[:19] >= since]
    for backend in enabled_backends(site):
        host = 'cinder-%s@%s#' % (site, backend)
        if not any(name.startswith(host) for name in fresh):
            raise RuntimeError('Cinder back end %s offers no pool; see %s' % (
                backend, STATE / 'log' / ('site-' + site) / 'cinder-volume.log'))
    http('GET', url(site, 'neutron') + '/v2.0/networks', token=t)
    http('GET', url(site, 'glance') + '/v2/images', token=t)
    http('GET', url(site, 'placement') + '/resource_providers', token=t)
    return True


def cinder_conf(site):
    return STATE / site / 'conf' / 'cinder' / 'cinder.conf'


def enabled_backends(site):
    return re.search(r'^enabled_backends = (.*)$', cinder_conf(site).read_text(),
                     re.M)[1].split(',')


def up_site(site):
    before = cinder_conf(site).read_text() if cinder_conf(site).exists() else ''
    configure(site)
    group = 'site-' + site
    todo = services(site)
    procs = {name: Proc(group, name) for name in todo}
    if before != cinder_conf(site).read_text() and procs['cinder-volume'].pid():
        say('%s: cinder-volume starts again, with other back ends' % group)
        stop([procs['cinder-volume']])
    taken = [port(site, s) for s in PORTS if listening(port(site, s))]
    if taken and not any(p.pid() for p in procs.values()):
        raise SystemExit('%s: ports in use by others: %s; set TESTBED_PORTS_%s'
                         % (group, taken, site.upper()))
    site_databases(site)
    say('%s: databases ready' % group)
    done = STATE / site / 'populated'
    if not done.exists():
        bootstrap(site)

    def begin(name):
        argv, env = todo[name]
        procs[name].start(argv, env)

    begin('keystone')
    wait('Keystone of ' + group, lambda: token(site), procs=[procs['keystone']])
    if not done.exists():
        populate(site)
        done.touch()
    say('%s: Keystone ready' % group)
    # The rest only now: Nova's daemons end at once if they cannot log in.
    since = time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime())
    if all(p.pid() for p in procs.values()):
        since = ''
    for name in todo:
        begin(name)
    wait(group, lambda: healthy(site, since), limit=LIMIT,
         procs=procs.values())
    say('%s: healthy, %d processes' % (
        group, sum(len(p.family()) for p in procs.values())))
