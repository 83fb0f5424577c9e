"""How a deployment and what it depends on are."""

from protectorclient.osc import base, output


class ShowHealth(base.ShowOne):
    """Show the health of sites, services and arrays.

    Fails where something is amiss."""

    either = True

    def take_action(self, parsed_args):
        health = self.client.get('/health')['health']
        if health['status'] != 'ok':
            self.exit_code = 1
        return output.one(health)
