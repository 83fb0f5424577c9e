"""Runs named checks, one line of output each."""

import traceback

_CHECKS = []


def check(function):
    """Registers a check; its name is the function's."""
    _CHECKS.append(function)
    return function


def run(*arguments):
    """Runs all checks in the order of their definition; true when all hold."""
    failed = []
    for function in _CHECKS:
        try:
            function(*arguments)
        except Exception as error:  # pylint: disable=broad-except
            failed.append(function.__name__)
            print(f"FAILED {function.__name__}: {error!r}", flush=True)
            traceback.print_exc()
        else:
            print(f"ok {function.__name__}", flush=True)
    print(f"{len(_CHECKS) - len(failed)} of {len(_CHECKS)} checks hold", flush=True)
    return not failed


def equal(found, wanted, what=""):
    """Fails unless both are equal."""
    if found != wanted:
        raise AssertionError(f"{what or 'value'}: {found!r} instead of {wanted!r}")


def raises(kind, function):
    """The error of this kind that the function must raise."""
    try:
        function()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")
