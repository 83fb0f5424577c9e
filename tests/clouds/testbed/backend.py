"""The Cinder back ends of a site: their drivers and settings."""

import os
import pathlib

from .settings import STATE


def own_backend(path):
    """The settings in a file of "key = value" lines."""
    options = {}
    for line in pathlib.Path(path).read_text().splitlines():
        key, eq, value = line.partition('=')
        if eq and not line.startswith('#'):
            options[key.strip()] = value.strip()
    return options


def file_backend(site):
    return {
        'volume_driver': 'testbed_openstack.volume.FileDriver',
        'volume_backend_name': 'file1',
        'testbed_pool_dir': STATE / site / 'pool'}


def fake_backend(site):
    return {
        'volume_driver': 'cinder.tests.fake_driver.FakeLoggingVolumeDriver',
        'volume_backend_name': 'fake1'}


def pure_backend(site):
    """With the other site's array as replication_device, as operators have it.

    Protector asks for volume types that replicate, and without a device this driver
    says that it cannot.  Saying so in its stead (extra_capabilities) is no way out:
    it then puts new volumes of such a type into a group that does not exist, and
    eradicates them when it does not find them there.  So Cinder replicates these
    volumes too, in its own "cinder-group", which Protector leaves alone.
    """
    def var(name, of):
        return os.environ['TESTBED_PURE_%s_%s' % (name, of.upper())]

    other = 'b' if site == 'a' else 'a'
    return {
        'volume_driver': 'cinder.volume.drivers.pure.PureISCSIDriver',
        'volume_backend_name': 'pure1',
        'san_ip': var('IP', site),
        'pure_api_token': var('TOKEN', site),
        'pure_eradicate_on_delete': 'false',
        'use_multipath_for_image_xfer': 'false',
        'replication_device':
            'backend_id:array-%s,san_ip:%s,api_token:%s,type:async' % (
                other, var('IP', other), var('TOKEN', other))}


KINDS = {'file': file_backend, 'fake': fake_backend, 'pure': pure_backend}


def cinder_backends(site):
    """Section name -> options of each of the site's Cinder back ends."""
    own = os.environ.get('TESTBED_CINDER_BACKEND_' + site.upper())
    if own:
        return {'backend1': own_backend(own)}
    kinds = os.environ.get('TESTBED_CINDER', 'file').split(',')
    if not set(kinds) <= set(KINDS):
        raise SystemExit('TESTBED_CINDER must be of file, pure, fake')
    return {kind + '1': KINDS[kind](site) for kind in kinds}
