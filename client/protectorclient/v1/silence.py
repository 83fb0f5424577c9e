"""Whether a request that got no answer can have been heard."""

import contextlib

import requests
from urllib3 import exceptions as urllib3

from protectorclient import exceptions


def unheard(error):
    """Whether an error of keystoneauth says that there never was a connection: nobody listens, the
    name or the way leads nowhere. Whatever came later may have been heard."""
    # Only the one error that it was made of: those before it can be of another site.
    below = error.__cause__ or error.__context__
    if isinstance(below, requests.exceptions.ConnectTimeout):
        return True
    if not isinstance(below, requests.exceptions.ConnectionError) or not below.args:
        return False
    return isinstance(getattr(below.args[0], 'reason', None), urllib3.NewConnectionError)


@contextlib.contextmanager
def before_sending():
    """What gets no answer in here was only the way to a request that was not sent."""
    try:
        yield
    except exceptions.Unheard:
        raise
    except exceptions.NoAnswer as silence:
        raise exceptions.Unheard(silence.message, silence.what_to_do) from silence
