"""Which of two sites is asked."""

from protectorclient import exceptions


class Route:
    """Asks the site that answered last, and the other one where that one is silent. `notice` is
    told of each change."""

    def __init__(self, first, other=None, notice=None):
        self.first = first
        self.other = other
        self.answering = first
        self.notice = notice or (lambda text: None)

    def send(self, method, path, either=False, project=None, **more):
        """The reply, which is a success. With `either` the other site may be asked. `project` says
        at each of them which project it is about, where that is not the login's."""
        asked = self.answering
        try:
            return self._ask(asked, method, path, project, **more)
        except exceptions.NoAnswer as silence:
            if not either or self.other is None:
                raise
            asked = self.other if asked is self.first else self.first
            return self._instead(asked, silence, method, path, project, **more)

    @staticmethod
    def _ask(endpoint, method, path, project, **more):
        if project is not None:
            more['project'] = project.at(endpoint)
        return endpoint.send(method, path, **more)

    def _instead(self, asked, silence, method, path, project, **more):
        try:
            reply = self._ask(asked, method, path, project, **more)
        except exceptions.Refused:
            # That is an answer too, and has to be known as this site's.
            self._now_from(asked, silence)
            raise
        except exceptions.ProtectorError as second:
            raise type(second)(
                'neither site answers: %s; %s' % (silence, second),
                second.what_to_do or 'start protector-api on one of them: each can fail over alone',
            ) from second
        self._now_from(asked, silence)
        return reply

    def _now_from(self, asked, silence):
        self.answering = asked
        self.notice('%s. The answer is from %s.' % (silence, asked))
