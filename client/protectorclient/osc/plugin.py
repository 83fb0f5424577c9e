"""What `openstack` asks a plugin for. It is imported with every command of anybody, so it imports
little."""

import os

API_NAME = 'protector'
API_VERSION_OPTION = 'os_protector_api_version'
# Of v1 the newest microversion that the service and this client know.
DEFAULT_API_VERSION = '1'
# Old `openstack` programs want a dictionary; nobody looks at its values.
API_VERSIONS = dict.fromkeys(('1', '1.0', '1.1', '1.2'), 'protectorclient.v1.client.Client')


def make_client(instance):
    """The client for the cloud, or the two clouds, that the command line names."""
    from protectorclient.osc import clouds

    return clouds.client_of(instance)


def build_option_parser(parser):
    """Adds the options that stand before a command."""
    # No other default than the environment's: one would win over clouds.yaml.
    parser.add_argument(
        '--os-protector-api-version',
        metavar='<protector-api-version>',
        default=os.environ.get('OS_PROTECTOR_API_VERSION') or None,
        help='Protector API version, 1.0 to 1.2; without it, the newest that the service and this '
        'client know (Env: OS_PROTECTOR_API_VERSION)',
    )
    parser.add_argument(
        '--secondary-cloud',
        metavar='<cloud-config-name>',
        default=os.environ.get('OS_SECONDARY_CLOUD') or None,
        help='Cloud in clouds.yaml that is the other site: Protector is asked there where the '
        'cloud of --os-cloud does not answer, and projects are enrolled on both '
        '(Env: OS_SECONDARY_CLOUD)',
    )
    return parser
