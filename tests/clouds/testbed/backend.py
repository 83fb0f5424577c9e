"""The one Cinder back end of a site: its driver and settings."""

import os
import pathlib

from .settings import STATE


def cinder_backend(site):
    """(section name, options) of the site's one Cinder back end."""
    kind = os.environ.get('TESTBED_CINDER', 'file')
    up = site.upper()
    own = os.environ.get('TESTBED_CINDER_BACKEND_' + up)
    if own:                     # a file of "key = value" lines
        options = {}
        for line in pathlib.Path(own).read_text().splitlines():
            key, eq, value = line.partition('=')
            if eq and not line.startswith('#'):
                options[key.strip()] = value.strip()
        return 'backend1', options
    if kind == 'file':
        return 'file1', {
            'volume_driver': 'testbed_openstack.volume.FileDriver',
            'volume_backend_name': 'file1',
            'testbed_pool_dir': STATE / site / 'pool'}
    if kind == 'fake':
        return 'fake1', {
            'volume_driver': 'cinder.tests.fake_driver.FakeLoggingVolumeDriver',
            'volume_backend_name': 'fake1'}
    if kind == 'pure':
        other = 'B' if up == 'A' else 'A'

        def var(name, of):
            return os.environ['TESTBED_PURE_%s_%s' % (name, of)]

        options = {
            'volume_driver': 'cinder.volume.drivers.pure.PureISCSIDriver',
            'volume_backend_name': 'pure1',
            'san_ip': var('IP', up),
            'pure_api_token': var('TOKEN', up),
            'pure_eradicate_on_delete': 'false',
            'use_multipath_for_image_xfer': 'false'}
        if os.environ.get('TESTBED_PURE_IP_' + other):
            options['replication_device'] = (
                'backend_id:array-%s,san_ip:%s,api_token:%s,type:async' % (
                    other.lower(), var('IP', other), var('TOKEN', other)))
        return 'pure1', options
    raise SystemExit('TESTBED_CINDER must be file, pure or fake')
