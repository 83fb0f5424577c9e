"""A collection of the API: its list, page after page, and each thing in it by name or id."""

import urllib.parse

from protectorclient import exceptions


def quoted(text):
    """A name as one segment of a path."""
    return urllib.parse.quote(str(text), safe='')


class Collection:
    """`one` and `many` are the keys that its documents are wrapped in."""

    def __init__(self, client, path, one, many):
        self._client = client
        self.path = path
        self.one = one
        self.many = many

    def item(self, id_):
        """The path of one thing."""
        return '%s/%s' % (self.path, quoted(id_))

    def list(self, limit=None, **filters):
        """All of it, or the first `limit`; pages are asked for as they are needed."""
        asked = {name: value for name, value in filters.items() if value is not None}
        left = limit
        while True:
            page = self._client.get(self.path, limit=left, **asked)
            items = page[self.many]
            if left is not None:
                items = items[:left]
                left -= len(items)
            yield from items
            following = any(link.get('rel') == 'next' for link in page.get('links') or [])
            if not following or not items or left == 0:
                return
            # By marker: the link leads to the site that wrote it, which may be away by now.
            last = items[-1]['id']
            if asked.get('marker') == last:
                raise exceptions.ProtectorError('the list %s comes to no end' % self.path)
            asked['marker'] = last

    def show(self, id_):
        """One thing by its id."""
        return self._client.get(self.item(id_))[self.one]

    def find(self, name_or_id):
        """The one thing with this id, or with this name."""
        try:
            return self.show(name_or_id)
        except exceptions.Refused as refused:
            # 400 is the word for what cannot be an id.
            if refused.status not in (400, 404):
                raise
        try:
            found = list(self.list(name=name_or_id))
        except exceptions.Refused as refused:
            if refused.status != 400:
                raise
            # These have no names.
            found = []
        what = self.one.replace('_', ' ')
        if len(found) > 1:
            raise exceptions.Ambiguous(
                'there are %d things of the kind %s named %s' % (len(found), what, name_or_id),
                'give the id: %s' % ', '.join(one['id'] for one in found),
            )
        if not found:
            raise exceptions.NotFound('there is no %s with the name or id %s' % (what, name_or_id))
        return found[0]

    def create(self, body, key=None, secret=False):
        """The answer to the creation, whole: an operation may stand beside what was made."""
        return self._client.request('POST', self.path, {self.one: body}, key=key, secret=secret)

    def update(self, id_, body, secret=False):
        """The thing after the change."""
        reply = self._client.request('PATCH', self.item(id_), {self.one: body}, secret=secret)
        return reply[self.one]

    def delete(self, id_, key=None):
        """The answer to the removal, `None` where it is over at once."""
        return self._client.request('DELETE', self.item(id_), key=key)

    def act(self, id_, action, options=None, key=None, sub='action'):
        """The answer to an action, which either site takes."""
        path = '%s/%s' % (self.item(id_), sub)
        return self._client.request('POST', path, {action: options or {}}, key=key, either=True)
