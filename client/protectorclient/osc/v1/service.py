"""The processes of a site."""

from protectorclient.osc import base, output


class ListServices(base.Lister):
    """List the processes of a site by their heartbeats"""

    either = True

    def take_action(self, parsed_args):
        fields = [
            ('ID', 'id'),
            ('Binary', 'binary'),
            ('Host', 'host'),
            ('State', 'state'),
            ('Last Seen At', 'last_seen_at'),
        ]
        return output.many(self.client.get('/admin/services')['services'], fields)
