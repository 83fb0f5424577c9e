"""Sessions on one cloud or two.

The first is the cloud of `--os-cloud`, which the `openstack` program makes the session of. The
other one is an entry of clouds.yaml, and nothing but that: no OS_* variable is mixed into it, so
that no password of one site is sent to the other.
"""

import os
import sys

from openstack import exceptions as sdk
from openstack.config import loader

from protectorclient import exceptions
from protectorclient.v1 import client, endpoint

# Seconds for a connection and for an answer, where there is another site to ask: a site without
# power does not refuse, it says nothing.
CONNECT, ANSWER = 5, 120


def secondary_name(config):
    """The name of the other cloud in the merged configuration of the `openstack` program."""
    return (config or {}).get('secondary_cloud') or None


def client_of(manager):
    """The client for a command of the `openstack` program."""
    config = manager.get_configuration()
    name = secondary_name(config)
    asked = manager._api_version.get('protector')
    microversion = asked if asked and '.' in asked else None
    other = None
    if name:
        region = secondary(name, config)
        other = endpoint.Endpoint(
            impatient(region.get_session()),
            name,
            microversion,
            interface=region.get_interface('protector'),
            region_name=region.get_region_name('protector'),
            url=region.get_endpoint('protector'),
        )
    # A command that can be answered by the other site is not made to log in beforehand.
    manager._auth_required = True
    manager.setup_auth()
    session = impatient(manager.session) if other else manager.session
    first = endpoint.Endpoint(
        session,
        config.get('cloud') or None,
        microversion,
        interface=manager.interface,
        region_name=manager.region_name,
        url=config.get('protector_endpoint_override'),
    )
    return client.Client(first, other, notice)


def secondary(name, config):
    """The entry of this name in clouds.yaml."""
    if name == config.get('cloud'):
        raise exceptions.ProtectorError(
            '--secondary-cloud names %s, which is the cloud of --os-cloud' % name,
            'name the entry of the other site',
        )
    files = list(loader.CONFIG_FILES)
    secure = list(loader.SECURE_FILES)
    for variable, among in (('OS_CLIENT_CONFIG_FILE', files), ('OS_CLIENT_SECURE_FILE', secure)):
        if os.environ.get(variable):
            among.insert(0, os.environ[variable])
    try:
        known = loader.OpenStackConfig(
            config_files=files, secure_files=secure, load_envvars=False, app_name='protectorclient'
        )
        if name in known.get_cloud_names():
            return known.get_one(cloud=name)
        why = 'there is no cloud named %s in %s' % (
            name,
            known.config_filename or 'any clouds.yaml',
        )
        names = ', '.join(sorted(known.get_cloud_names()))
    except (sdk.SDKException, OSError, ValueError, TypeError) as error:
        why, names = 'the cloud %s cannot be read: %s' % (name, error), ''
    advice = 'write the other site into clouds.yaml'
    if names:
        advice += ', or name one that is there: %s' % names
    raise exceptions.ProtectorError('--secondary-cloud (OS_SECONDARY_CLOUD): ' + why, advice)


def impatient(session):
    """The session, which gives up on a site that is silent."""
    session.timeout = (CONNECT, ANSWER)
    return session


def notice(text):
    """Says something beside the output of a command."""
    sys.stderr.write(text + '\n')
