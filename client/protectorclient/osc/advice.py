"""What to do about a refusal, in commands."""

from protectorclient import exceptions

OPERATION = 'look at it with `openstack protector operation show %s`'

BY_CODE = {
    'protector.array_unreachable': 'look at `openstack protector health show` and at the network '
    'between Protector and the array',
    'protector.conflict': 'look at `openstack protector protection-group sync-status`, then name '
    'the copy that counts: `... sync-force <group> --winner <site>`',
    'protector.duplicate': 'use what is there, or another name',
    'protector.microversion_unsupported': 'give another --os-protector-api-version, or none',
    'protector.no_policy': 'make one: `openstack protector policy create <group> ...`',
    'protector.no_tenant_mapping': 'an administrator maps the projects: '
    '`openstack protector tenant-mapping create ...`',
    'protector.out_of_sync': 'look at `openstack protector protection-group sync-status`, then '
    '`... sync-force`',
    'protector.peer_unreachable': 'restore the way between the sites, look at `openstack protector '
    'protection-group sync-status`, then `... sync-force`; an unplanned failover needs no other '
    'site',
    'protector.project_required': 'log in to a project (--os-project-name)',
    'protector.project_mismatch': 'log in to that project, or as an administrator',
    'protector.quota_exceeded': 'look at `openstack protector quota show`',
    'protector.site_unreachable': 'look at `openstack protector site validate <site>`',
    'protector.source_reachable': 'use a planned failover, or --force where the source is lost '
    'although it answers',
    'protector.wrong_state': 'look at `openstack protector protection-group show`',
}

BY_STATUS = {
    401: 'log in again; the token is not valid on this site',
    403: 'log in as somebody who may, or have policy.yaml changed',
    404: 'compare the names with those of the `list` command, and the project',
    413: 'ask for less at once',
    429: 'wait, then try again',
    500: 'look for the request id in protector-api.log',
}


def of(error):
    """A sentence, or nothing."""
    if not isinstance(error, exceptions.Refused):
        return error.what_to_do
    if error.entry.get('operation_id'):
        return OPERATION % error.entry['operation_id']
    return BY_CODE.get(error.code) or BY_STATUS.get(error.status)


def text(error):
    """The error and what to do about it, for people."""
    advice = of(error)
    return '%s\nWhat to do: %s' % (error, advice) if advice else str(error)
