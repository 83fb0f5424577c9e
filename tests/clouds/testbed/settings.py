"""Where everything is, and what may be changed through the environment."""

import os
import pathlib
import time

HERE = pathlib.Path(__file__).resolve().parent.parent
PLUGINS = HERE / 'plugins'
HOME = pathlib.Path(os.environ['TESTBED_HOME']).resolve()
VENV = HOME / 'venv'
BIN = VENV / 'bin'
STATE = HOME / 'state'
SCHEMA = HOME / 'schema'
CLOUDS = STATE / 'clouds.yaml'

DB_PORT = 13306
AMQP_PORT = 15679
AMQP_DIST_PORT = 15680
EPMD_PORT = 14369

# A service's port is its usual one plus the site's offset: 15000 is site-a's
# Keystone, 28774 is site-b's Nova.
PORTS = {'keystone': 5000, 'nova': 8774, 'cinder': 8776, 'placement': 8778,
         'glance': 9292, 'neutron': 9696}
SITES = ('a', 'b')
OFFSET = {'a': int(os.environ.get('TESTBED_PORTS_A', 10000)),
          'b': int(os.environ.get('TESTBED_PORTS_B', 20000))}
REGION = 'RegionOne'
LIMIT = int(os.environ.get('TESTBED_UP_LIMIT', 400))    # seconds to get healthy
API_WORKERS = int(os.environ.get('TESTBED_API_WORKERS', 2))
DEBUG = os.environ.get('TESTBED_DEBUG', 'false')
PASSWORD = 'testbed'          # loopback only, and the machine is thrown away
SERVICE_USERS = ('nova', 'cinder', 'neutron', 'placement', 'glance')
DATABASES = ('keystone', 'placement', 'glance', 'cinder', 'neutron',
             'nova_api', 'nova')

T0 = time.time()


def port(site, service):
    return OFFSET[site] + PORTS[service]


def url(site, service):
    return 'http://127.0.0.1:%d' % port(site, service)


def say(text):
    print('%7.1f  %s' % (time.time() - T0, text), flush=True)
