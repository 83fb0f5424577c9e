"""What a Protector says, where the document's examples say too little."""

GROUP = '00000000-0000-0000-0000-000000000065'
PROJECT = 'c' * 32
OPERATION = '00000000-0000-0000-0000-0000000000c9'
SITE_1, SITE_2 = ('00000000-0000-0000-0000-00000000000%d' % n for n in (1, 2))

PLAN = {
    'plan': {
        'hash': 'abc123',
        'steps': [
            {
                'key': 'stop/db-1',
                'phase': 'quiescing',
                'site': SITE_1,
                'needs': [],
                'calls': [
                    {'service': 'compute', 'verb': 'lock_server', 'target': 's1', 'when': None},
                    {
                        'service': 'compute',
                        'verb': 'stop_server',
                        'target': 's1',
                        'when': 'it runs',
                    },
                ],
            },
            {
                'key': 'commit',
                'phase': 'committing',
                'site': SITE_2,
                'needs': ['stop/db-1'],
                'calls': [],
            },
        ],
    }
}


def operation(status, progress=100, **more):
    """The document of an operation."""
    return {
        'operation': {
            'id': OPERATION,
            'type': 'failover',
            'status': status,
            'phase': 'copying',
            'progress': progress,
            'protection_group_id': GROUP,
            'project_id': PROJECT,
            'steps_completed': 3,
            'steps_failed': 0,
            'error': None,
            'result': None,
            **more,
        }
    }
