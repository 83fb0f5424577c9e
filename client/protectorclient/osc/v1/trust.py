"""That a project lets Protector act for it. A trust belongs to one Keystone, so each site is
enrolled with a token of that site: of the cloud of --os-cloud, and of that of --secondary-cloud."""

from protectorclient import exceptions
from protectorclient.osc import advice, base, output

PATH = '/trusts'
FIELDS = [
    ('Cloud', 'cloud'),
    ('Site ID', 'site_id'),
    ('Project ID', 'project_id'),
    ('State', 'state'),
    ('Roles', 'roles'),
    ('Trustor User ID', 'trustor_user_id'),
    ('Created At', 'created_at'),
    ('Last OK At', 'last_ok_at'),
    ('Last Error', 'last_error'),
]


class AtEachSite:
    """Asks every site that was named. A silent one hides nothing of the other."""

    # Each site is logged in to when it is asked.
    either = True

    def at_each(self, ask):
        """What `ask` says for each site. What fails is told, and decides the end."""
        found = []
        sites = [site for site in (self.client.first, self.client.other) if site]
        for site in sites:
            try:
                found += [{'cloud': site.name, **one} for one in ask(self.client.at(site))]
            except exceptions.ProtectorError as error:
                if len(sites) == 1:
                    raise
                self.say('%s: %s' % (site, advice.text(error)))
                self.exit_code = 1
        if len(sites) == 1:
            self.say('Only %s was asked; --secondary-cloud names the other site.' % sites[0])
        return found


class CreateTrust(AtEachSite, base.Lister):
    """Let Protector act for the project, on each site that is named"""

    def take_action(self, parsed_args):
        def create(client):
            return [client.request('POST', PATH)['trust']]

        return output.many(self.at_each(create), FIELDS)


class ListTrusts(AtEachSite, base.Lister):
    """List the trusts of the project, on each site that is named"""

    def take_action(self, parsed_args):
        return output.many(self.at_each(lambda client: client.get(PATH)['trusts']), FIELDS)


class DeleteTrust(AtEachSite, base.Command):
    """Withdraw the trust of the project, on each site that is named"""

    def take_action(self, parsed_args):
        def delete(client):
            client.request('DELETE', PATH)
            return []

        self.at_each(delete)
