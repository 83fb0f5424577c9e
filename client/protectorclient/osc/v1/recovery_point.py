"""The points in time that a group can be brought up from."""

from protectorclient.osc import base, output


def names(field):
    return lambda point: [member['name'] for member in point[field]]


class ListRecoveryPoints(base.OfGroup, base.Lister):
    """List the recovery points of a protection group, the newest first"""

    either = True

    def take_action(self, parsed_args):
        path = self.client.groups.item(self.group(parsed_args)['id']) + '/recovery-points'
        fields = [
            ('ID', 'id'),
            ('Taken At', 'taken_at'),
            ('Complete', 'complete'),
            ('Usable', 'usable'),
            ('Members', names('members')),
            ('Missing Members', names('missing_members')),
            ('Pinned By', 'pinned_by'),
        ]
        return output.many(self.client.get(path)['recovery_points'], fields)
