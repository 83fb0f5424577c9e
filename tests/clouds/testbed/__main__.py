"""The commands up, down and status."""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import sys

from . import __doc__ as about
from .process import recorded, stop
from .schema import make_schema
from .settings import CLOUDS, PASSWORD, REGION, SITES, STATE, VENV, say, url
from .shared import up_mariadb, up_rabbit
from .site import healthy, up_site


def write_clouds():
    entries = []
    for site in SITES:
        for suffix, user, project in (('', 'admin', 'admin'),
                                      ('-tenant', 'demo', 'demo'),
                                      ('-dr', 'dr', 'service')):
            entries.append((
                '  site-%s%s:\n    region_name: %s\n    auth:\n'
                '      auth_url: %s/v3\n      username: %s\n'
                '      password: %s\n      project_name: %s\n'
                '      user_domain_name: Default\n'
                '      project_domain_name: Default\n') % (
                    site, suffix, REGION, url(site, 'keystone'), user,
                    PASSWORD, project))
    CLOUDS.write_text('clouds:\n' + ''.join(entries))


def link_compute_driver():
    """Nova loads drivers from its own nova.virt package only."""
    for folder in VENV.glob('lib/python3*/site-packages/nova/virt'):
        (folder / 'testbed.py').write_text(
            'from testbed_openstack.virt import PersistentFakeDriver\n')


def pick(names):
    if not names:
        return list(SITES)
    short = [n.rpartition('-')[2] for n in names]
    for n in short:
        if n not in SITES:
            raise SystemExit('sites are site-a and site-b')
    return short


def cmd_up(args):
    if not (VENV / '.stamp').exists():
        raise SystemExit('run ./install first')
    sites = pick(args.site)
    if args.fresh:
        cmd_down(argparse.Namespace(site=[]))
        shutil.rmtree(STATE, ignore_errors=True)
    STATE.mkdir(parents=True, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for f in [pool.submit(up_mariadb), pool.submit(up_rabbit)]:
            f.result()
    say('MariaDB and RabbitMQ ready')
    make_schema()
    link_compute_driver()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for f in [pool.submit(up_site, s) for s in sites]:
            f.result()
    write_clouds()
    say('ready: OS_CLIENT_CONFIG_FILE=%s' % CLOUDS)


def cmd_down(args):
    sites = pick(args.site)
    stop([p for s in sites for p in recorded('site-' + s)])
    if not args.site:
        stop(recorded('shared'))
    say('stopped ' + ', '.join('site-' + s for s in sites))


def cmd_status(args):
    tick = os.sysconf('SC_CLK_TCK')
    ok = True
    total = [0, 0, 0]
    for group in ['shared'] + ['site-' + s for s in SITES]:
        for p in recorded(group):
            family = p.family()
            pss = cpu = 0
            for pid in family:
                try:
                    roll = pathlib.Path(
                        '/proc/%d/smaps_rollup' % pid).read_text()
                    pss += int(re.search(r'^Pss:\s+(\d+)', roll, re.M)[1])
                    stat = pathlib.Path('/proc/%d/stat' % pid).read_text()
                    cpu += sum(map(int, stat.rpartition(')')[2].split()[11:13]))
                except (OSError, TypeError):
                    pass
            total[0] += len(family)
            total[1] += pss
            total[2] += cpu / tick
            ok = ok and bool(family)
            print('%-8s %-18s %-7s pid %-7s %2d processes %5d MiB '
                  '%6.1f s CPU' % (
                      group, p.name, 'up' if family else 'DOWN',
                      p.pid() or '-', len(family), pss // 1024, cpu / tick))
    print('total: %d processes, %d MiB, %.0f s CPU' % (
        total[0], total[1] // 1024, total[2]))
    for site in SITES:
        if recorded('site-' + site):
            try:
                good = healthy(site)
            except Exception as e:
                good = False
                print('site-%s: %s' % (site, e))
            print('site-%s %s' % (site, 'healthy' if good else 'NOT HEALTHY'))
            ok = ok and good
    sys.exit(0 if ok and total[0] else 1)


def main():
    parser = argparse.ArgumentParser(description=about)
    sub = parser.add_subparsers(dest='command', required=True)
    p = sub.add_parser('up', help='start both sites, or the ones named')
    p.add_argument('--fresh', action='store_true',
                   help='stop everything and begin with empty databases')
    p.add_argument('site', nargs='*')
    p = sub.add_parser('down', help='stop everything, or only the sites named')
    p.add_argument('site', nargs='*')
    sub.add_parser('status', help='what runs, its memory, and health')
    args = parser.parse_args()
    {'up': cmd_up, 'down': cmd_down, 'status': cmd_status}[args.command](args)


main()
