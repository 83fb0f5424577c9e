"""What goes wrong, with all that the service says of it."""


class ProtectorError(Exception):
    """Anything that a user of the client has to know. `what_to_do` is a sentence, or nothing."""

    def __init__(self, message, what_to_do=None):
        super().__init__(message)
        self.message = message
        self.what_to_do = what_to_do


class NoAnswer(ProtectorError):
    """A site's Protector, or the Keystone before it, does not answer."""


class Unheard(NoAnswer):
    """The same, and it has certainly not got the request."""


class Doubtful(NoAnswer):
    """The same of a request that is not sent twice, and it may have got it."""


class NotFound(ProtectorError):
    """Nothing has this name or id."""


class Ambiguous(ProtectorError):
    """More than one thing has this name."""


class Refused(ProtectorError):
    """The service has said no."""

    def __init__(self, status, title, message, code=None, request_id=None, entry=None):
        super().__init__(message)
        self.status = status
        self.title = title
        self.code = code
        self.request_id = request_id
        # What the service says besides, such as the operation that is in the way.
        self.entry = entry or {}

    @classmethod
    def of(cls, reply):
        """Reads a reply that is no success; one that is not the service's own form too."""
        try:
            body = reply.json()
        except ValueError:
            body = None
        body = body if isinstance(body, dict) else {}
        summary = body.get('error') if isinstance(body.get('error'), dict) else {}
        entries = [one for one in body.get('errors') or [] if isinstance(one, dict)]
        entry = entries[0] if entries else {}
        return cls(
            reply.status_code,
            entry.get('title') or summary.get('title') or reply.reason,
            summary.get('message') or entry.get('detail') or (reply.text or '').strip()[:500],
            entry.get('code'),
            summary.get('request_id') or reply.headers.get('x-openstack-request-id'),
            entry,
        )

    def __str__(self):
        known = ['HTTP %s' % self.status]
        if self.code:
            known.append(self.code)
        text = '%s: %s (%s)' % (self.title, self.message, ', '.join(known))
        if self.request_id:
            text += ' (Request-ID: %s)' % self.request_id
        return text
