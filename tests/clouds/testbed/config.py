"""Writes the configuration of every service of one site."""

import base64
import os

from .backend import cinder_backends
from .settings import (DB_PORT, DEBUG, AMQP_PORT, PASSWORD, REGION, SITES, STATE,
                       VENV, port, url)

UNLIMITED = -1


def ini(path, sections):
    path.parent.mkdir(parents=True, exist_ok=True)
    out = []
    for name, options in sections.items():
        out.append('[%s]' % name)
        out += ['%s = %s' % (k, v) for k, v in options.items()]
        out.append('')
    path.write_text('\n'.join(out))


def database(prefix, name):
    return 'mysql+pymysql://testbed:%s@127.0.0.1:%d/%s_%s?charset=utf8mb4' % (
        PASSWORD, DB_PORT, prefix, name)


def transport(prefix):
    return 'rabbit://testbed:%s@127.0.0.1:%d/%s' % (
        PASSWORD, AMQP_PORT, 'site-' + prefix)


def auth(site, user):
    return {'auth_type': 'password', 'auth_url': url(site, 'keystone') + '/v3',
            'username': user, 'password': PASSWORD, 'project_name': 'service',
            'user_domain_id': 'default', 'project_domain_id': 'default',
            'region_name': REGION}


class Writer:
    """The configuration of one site, or of the templates that the schema is made with."""

    def __init__(self, site):
        self.site = site
        self.real = site in SITES
        self.where = site if self.real else SITES[0]
        self.conf = STATE / site / 'conf'
        self.lib = STATE / site / 'lib'
        self.keystone_url = url(site, 'keystone') if self.real \
            else 'http://127.0.0.1:9'

    def common(self, user):
        lib_dir = self.lib / user
        lib_dir.mkdir(parents=True, exist_ok=True)
        login = auth(self.where, user)
        return {
            'DEFAULT': {
                'transport_url': transport(self.site),
                'state_path': lib_dir,
                'use_stderr': 'true',
                'debug': DEBUG,
                'rpc_response_timeout': 60,
            },
            'database': {
                'connection': database(self.site, user),
                'max_pool_size': 5, 'max_overflow': 20,
                'max_retries': -1, 'connection_recycle_time': 280},
            'keystone_authtoken': dict(
                login, www_authenticate_uri=self.keystone_url,
                service_token_roles='service',
                service_token_roles_required='true'),
            'service_user': dict(login, send_service_user_token='true'),
            'oslo_concurrency': {'lock_path': lib_dir / 'lock'},
            'oslo_messaging_notifications': {'driver': 'noop'},
            'oslo_messaging_rabbit': {'heartbeat_in_pthread': 'false'},
        }

    def keystone(self):
        keys = self.conf / 'keystone'
        ini(keys / 'keystone.conf', {
            'DEFAULT': {'use_stderr': 'true', 'debug': 'false',
                        'public_endpoint': self.keystone_url},
            'database': self.common('keystone')['database'],
            'token': {'provider': 'fernet'},
            'fernet_tokens': {'key_repository': keys / 'fernet'},
            # Looked for at start, although no receipt is ever issued here.
            'fernet_receipts': {'key_repository': keys / 'fernet'},
            'credential': {'key_repository': keys / 'credential'},
            'cache': {'enabled': 'true', 'backend': 'dogpile.cache.memory'},
            # Cheap password hashes: this is a test.
            'identity': {'password_hash_rounds': 4},
        })
        for repo in ('fernet', 'credential'):
            folder = keys / repo
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in '01':
                if not (folder / name).exists():
                    (folder / name).write_bytes(
                        base64.urlsafe_b64encode(os.urandom(32)))
                    (folder / name).chmod(0o600)

    def placement(self):
        c = self.common('placement')
        c['placement_database'] = c.pop('database')
        c['api'] = {'auth_strategy': 'keystone'}
        for unused in ('service_user', 'oslo_messaging_notifications',
                       'oslo_messaging_rabbit'):
            c.pop(unused)
        c['DEFAULT'] = {k: v for k, v in c['DEFAULT'].items()
                        if k in ('use_stderr', 'debug', 'state_path')}
        ini(self.conf / 'placement' / 'placement.conf', c)

    def glance(self):
        c = self.common('glance')
        images = STATE / self.site / 'images'
        images.mkdir(parents=True, exist_ok=True)
        c['DEFAULT'].update(
            bind_host='127.0.0.1', bind_port=port(self.where, 'glance'),
            workers=0, enabled_backends='store:file',
            public_endpoint=url(self.where, 'glance'))
        c['DEFAULT'].pop('state_path')
        c['glance_store'] = {'default_backend': 'store'}
        c['store'] = {'filesystem_store_datadir': images}
        for what in ('staging', 'tasks'):
            c['os_glance_%s_store' % what] = {
                'filesystem_store_datadir': self.lib / 'glance' / what}
        c['paste_deploy'] = {
            'flavor': 'keystone',
            'config_file': VENV / 'etc/glance/glance-api-paste.ini'}
        ini(self.conf / 'glance' / 'glance-api.conf', c)

    def cinder(self):
        c = self.common('cinder')
        backends = cinder_backends(self.where)
        c['DEFAULT'].update(
            my_ip='127.0.0.1', host='cinder-' + self.site,
            auth_strategy='keystone',
            api_paste_config=VENV / 'etc/cinder/api-paste.ini',
            resource_query_filters_file=VENV
            / 'etc/cinder/resource_filters.json',
            rootwrap_config=VENV / 'etc/cinder/rootwrap.conf',
            enabled_backends=','.join(backends),
            glance_api_servers=url(self.where, 'glance'),
            image_conversion_dir=self.lib / 'cinder' / 'convert',
            scheduler_default_filters='AvailabilityZoneFilter,CapacityFilter,'
                                      'CapabilitiesFilter',
            quota_volumes=UNLIMITED, quota_snapshots=UNLIMITED,
            quota_gigabytes=UNLIMITED, quota_groups=UNLIMITED,
            periodic_interval=10, backend_stats_polling_interval=10)
        c['coordination'] = {
            'backend_url': 'file://%s' % (self.lib / 'cinder' / 'tooz')}
        c['nova'] = auth(self.where, 'cinder')
        c.update(backends)
        ini(self.conf / 'cinder' / 'cinder.conf', c)

    def neutron(self):
        c = self.common('neutron')
        c['DEFAULT'].update(
            core_plugin='ml2', service_plugins='router',
            auth_strategy='keystone',
            api_paste_config=VENV / 'etc/neutron/api-paste.ini',
            dhcp_agent_notification='false', rpc_workers=0,
            notify_nova_on_port_status_changes='true',
            notify_nova_on_port_data_changes='true')
        c['nova'] = auth(self.where, 'neutron')
        c['placement'] = auth(self.where, 'neutron')
        c['quotas'] = {'quota_' + k: UNLIMITED for k in (
            'network', 'subnet', 'port', 'router', 'floatingip',
            'security_group', 'security_group_rule')}
        c['ml2'] = {'type_drivers': 'flat,vlan,vxlan,local',
                    'tenant_network_types': 'vxlan',
                    'mechanism_drivers': 'testbed',
                    'extension_drivers': 'port_security'}
        c['ml2_type_flat'] = {'flat_networks': '*'}
        c['ml2_type_vlan'] = {'network_vlan_ranges': 'physnet1:100:200'}
        c['ml2_type_vxlan'] = {'vni_ranges': '1:4000'}
        ini(self.conf / 'neutron' / 'neutron.conf', c)

    def nova(self):
        c = self.common('nova')
        lib = self.lib / 'nova'
        c['DEFAULT'].update(
            my_ip='127.0.0.1', host='compute-' + self.site,
            compute_driver='testbed.PersistentFakeDriver',
            instances_path=lib / 'instances',
            rootwrap_config=VENV / 'etc/nova/rootwrap.conf',
            sync_power_state_interval=-1, heal_instance_info_cache_interval=-1,
            shelved_offload_time=0)
        c['wsgi'] = {'api_paste_config': VENV / 'etc/nova/api-paste.ini'}
        c['api_database'] = dict(c['database'],
                                 connection=database(self.site, 'nova_api'))
        for section in ('cinder', 'neutron', 'placement', 'glance'):
            c[section] = auth(self.where, 'nova')
        c['cinder'].pop('region_name')
        c['cinder']['os_region_name'] = REGION
        c['quota'] = {k: UNLIMITED for k in (
            'instances', 'cores', 'ram', 'server_groups')}
        c['scheduler'] = {'workers': 1, 'discover_hosts_in_cells_interval': 5}
        c['conductor'] = {'workers': 1}
        c['vnc'] = {'enabled': 'false'}
        c['api'] = {'auth_strategy': 'keystone'}
        (lib / 'instances').mkdir(parents=True, exist_ok=True)
        ini(self.conf / 'nova' / 'nova.conf', c)


def configure(site):
    """Writes it all; returns the directory."""
    writer = Writer(site)
    for service in (writer.keystone, writer.placement, writer.glance,
                    writer.cinder, writer.neutron, writer.nova):
        service()
    return writer.conf
