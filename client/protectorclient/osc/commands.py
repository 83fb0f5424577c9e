"""Every command, once: what setup.py makes the entry points of.

It is read before anything is installed, so it imports nothing.
"""

# The words of a command and the class that does it, in protectorclient.osc.v1.
COMMANDS = {
    'driver list': 'driver:ListDrivers',
    'driver show': 'driver:ShowDriver',
    'health show': 'health:ShowHealth',
    'member add': 'member:AddMember',
    'member list': 'member:ListMembers',
    'member refresh': 'member:RefreshMember',
    'member remove': 'member:RemoveMember',
    'member set': 'member:SetMember',
    'member show': 'member:ShowMember',
    'operation cancel': 'operation:CancelOperation',
    'operation cleanup': 'operation:CleanUpOperation',
    'operation list': 'operation:ListOperations',
    'operation retry': 'operation:RetryOperation',
    'operation show': 'operation:ShowOperation',
    'operation skip': 'operation:SkipStep',
    'operation steps': 'operation:ListSteps',
    'policy create': 'policy:CreatePolicy',
    'policy delete': 'policy:DeletePolicy',
    'policy set': 'policy:SetPolicy',
    'policy show': 'policy:ShowPolicy',
    'protection-group cleanup': 'action:CleanUp',
    'protection-group create': 'protection_group:CreateGroup',
    'protection-group delete': 'protection_group:DeleteGroup',
    'protection-group failback': 'action:FailBack',
    'protection-group failover': 'action:FailOver',
    'protection-group health': 'readiness:ShowReplicationHealth',
    'protection-group list': 'protection_group:ListGroups',
    'protection-group readiness': 'readiness:ShowReadiness',
    'protection-group reprotect': 'action:Reprotect',
    'protection-group reset': 'action:Reset',
    'protection-group set': 'protection_group:SetGroup',
    'protection-group show': 'protection_group:ShowGroup',
    'protection-group sync': 'action:Sync',
    'protection-group sync-force': 'sync:ForceSync',
    'protection-group sync-status': 'sync:ShowSyncStatus',
    'protection-group test-cleanup': 'action:CleanUpTest',
    'protection-group test-failover': 'action:TestFailover',
    'quota delete': 'quota:DeleteQuota',
    'quota set': 'quota:SetQuota',
    'quota show': 'quota:ShowQuota',
    'recovery-point list': 'recovery_point:ListRecoveryPoints',
    'resource-mapping list': 'resource_mapping:ListResourceMappings',
    'resource-mapping set': 'resource_mapping:SetResourceMappings',
    'service list': 'service:ListServices',
    'site create': 'site:CreateSite',
    'site delete': 'site:DeleteSite',
    'site failover': 'site_failover:FailSiteOver',
    'site list': 'site:ListSites',
    'site set': 'site:SetSite',
    'site show': 'site:ShowSite',
    'site validate': 'site:ValidateSite',
    'site volume-types': 'site:ListVolumeTypes',
    'tenant-mapping create': 'tenant_mapping:CreateTenantMapping',
    'tenant-mapping delete': 'tenant_mapping:DeleteTenantMapping',
    'tenant-mapping list': 'tenant_mapping:ListTenantMappings',
    'tenant-mapping show': 'tenant_mapping:ShowTenantMapping',
    'trust create': 'trust:CreateTrust',
    'trust delete': 'trust:DeleteTrust',
    'trust list': 'trust:ListTrusts',
}

# Other words that operators know for the same.
SYNONYMS = {
    'failback': 'protection-group failback',
    'failover': 'protection-group failover',
    'protection-group member-add': 'member add',
    'protection-group member-list': 'member list',
    'protection-group member-remove': 'member remove',
    'protection-group policy-create': 'policy create',
    'protection-group policy-show': 'policy show',
    'protection-group recovery-points': 'recovery-point list',
    'protection-group resource-mappings': 'resource-mapping list',
    'site list-volume-types': 'site volume-types',
    'test-cleanup': 'protection-group test-cleanup',
    'test-failover': 'protection-group test-failover',
}

# `openstack protector ...`, and `openstack dr ...` for the same.
TREES = ('protector', 'dr')


def entry_points():
    """The groups of entry points with their lines, as setuptools takes them."""
    words = {**COMMANDS, **{name: COMMANDS[meant] for name, meant in SYNONYMS.items()}}
    return {
        'openstack.cli.extension': ['protector = protectorclient.osc.plugin'],
        'openstack.protector.v1': [
            '{}_{} = protectorclient.osc.v1.{}'.format(tree, name.replace(' ', '_'), where)
            for tree in TREES
            for name, where in sorted(words.items())
        ],
    }
