"""Names of sites for people, where the API shows ids."""

from protectorclient import exceptions


class SiteNames:
    """Asks once. Only an administrator may list sites; others see ids."""

    def __init__(self, client):
        self._client = client
        self._names = None

    def __call__(self, id_):
        if self._names is None:
            try:
                self._names = {site['id']: site['name'] for site in self._client.sites.list()}
            except exceptions.Refused as refused:
                if refused.status != 403:
                    raise
                self._names = {}
        return self._names.get(id_, id_)
