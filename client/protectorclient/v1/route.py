"""Which of two sites is asked."""

from protectorclient import exceptions
from protectorclient.v1.silence import before_sending


class Route:
    """Asks the site that answered last, and the other one where that one is silent. `notice` is
    told of each change."""

    def __init__(self, first, other=None, notice=None):
        self.first = first
        self.other = other
        self.answering = first
        self.notice = notice or (lambda text: None)

    def send(self, method, path, either=False, repeatable=False, project=None, **more):
        """The reply, which is a success. With `either` the other site may be asked. What is not
        `repeatable` is sent once: to the other site only where the first has certainly not heard
        it. `project` says at each of them which project it is about, where that is not the
        login's."""
        request = Request(method, path, repeatable, project, more)
        first = self.answering
        try:
            return request.ask(first)
        except exceptions.Doubtful:
            raise
        except exceptions.NoAnswer as said:
            if not either or self.other is None:
                raise
            silence = said
        return self._instead(self.other if first is self.first else self.first, silence, request)

    def _instead(self, asked, silence, request):
        try:
            reply = request.ask(asked)
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


class Request:
    """What either site can be asked."""

    def __init__(self, method, path, repeatable, project, more):
        self._method = method
        self._path = path
        self._repeatable = repeatable
        self._project = project
        self._more = more

    def ask(self, endpoint):
        """The reply of this site."""
        more = dict(self._more)
        if self._project is not None:
            with before_sending():
                more['project'] = self._project.at(endpoint)
        try:
            return endpoint.send(self._method, self._path, **more)
        except exceptions.Unheard:
            raise
        except exceptions.NoAnswer as silence:
            if self._repeatable:
                raise
            raise exceptions.Doubtful(
                '%s. It is not known whether the request was heard' % silence,
                'look whether it was done before you do it again',
            ) from silence
