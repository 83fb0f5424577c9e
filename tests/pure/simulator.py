"""The simulator's control API, as the programs of this directory use it."""

import json
import urllib.error
import urllib.request


class Control:
    """One fabric, controlled over its plain port."""

    def __init__(self, url):
        self._url = url.rstrip("/")

    def __getattr__(self, method):
        """Every method of the control API, with its arguments by name."""
        return lambda **arguments: self._send(method, arguments)

    def _send(self, method, arguments):
        request = urllib.request.Request(
            f"{self._url}/{method}", data=json.dumps(arguments).encode(), method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            reason = error.read().decode(errors="replace")
            raise RuntimeError(f"control {method}: {error.code} {reason}") from error


def calls(control, array):
    """Method and path without version of all calls of an array since the last look, and status."""
    found = control.calls(array=array)
    control.clear_calls()
    return [(call["method"], endpoint(call["path"]), call["status"]) for call in found]


def queries(control, array, path):
    """The parameters, as they were sent, of all calls to a path since the last look."""
    found = control.calls(array=array)
    control.clear_calls()
    return [
        dict(pair.partition("=")[::2] for pair in call["query"].split("&") if pair)
        for call in found
        if endpoint(call["path"]) == path
    ]


def endpoint(path):
    """`/api/2.36/volumes/tags` as `volumes/tags`."""
    rest = path.removeprefix("/api/")
    return rest.partition("/")[2] or rest
