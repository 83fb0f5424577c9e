"""The vendor's Python client against one simulated array.

    client_checks.py --array 127.0.0.1:PORT --name fa-a --token TOKEN --control http://127.0.0.1:PORT

Prints a line for each check and fails when one does not hold. The array must be fresh, and joined
to a second one.
"""

import argparse
import sys
import time
import uuid
from importlib.metadata import version

from pypureclient import flasharray
from pypureclient.exceptions import PureError
from pypureclient.properties import Filter, Property

from checks import check, equal, raises, run
from simulator import Control, calls, queries

CLIENT = tuple(int(part) for part in version("py-pure-client").split("."))[:2]
# The old client of the first Cinder drivers does not wait as the array asks, takes 403 for an expired
# session, and fails on every second page of a list by a defect of its own.
PATIENT = CLIENT >= (1, 90)


def patient_check(function):
    """A check that holds only for a client that is not the old one."""
    return check(function) if PATIENT else function


class World:
    """The array under test, and what checks share."""

    def __init__(self, arguments):
        self.target = arguments.array
        self.name = arguments.name
        self.peer = arguments.peer
        self.token = arguments.token
        self.control = Control(arguments.control)
        self._client = None

    def connect(self, **options):
        """A new client."""
        options.setdefault("api_token", self.token)
        return flasharray.Client(self.target, **options)

    @property
    def client(self):
        """One client for all checks that need no other."""
        if self._client is None:
            self._client = self.connect()
        return self._client

    def fail(self, effect, method="GET", path="volumes", times=1):
        """Makes the next calls go wrong."""
        self.control.inject(
            array=self.name, method=method, path=path, times=times, effect=effect)

    def calls(self):
        """Method, endpoint and status of all calls since the last look."""
        return calls(self.control, self.name)

    def queries(self, path):
        """The parameters of all calls to an endpoint since the last look."""
        return queries(self.control, self.name, path)

    def page_size(self, items):
        """How many items the array tells at once."""
        self.control.change_switches(page_size=items)


def good(response):
    """The items of an answer that must be one."""
    equal(response.status_code, 200, f"status of {response}")
    return list(response.items)


def bad(response, status, text):
    """An error answer with this status and text."""
    equal(response.status_code, status, "status")
    message = response.errors[0].message
    if text not in message:
        raise AssertionError(f"{text!r} is not in {message!r}")
    return response.errors[0]


def answer(status, message, **headers):
    """An injected answer in the form of an array's errors."""
    return effect(status, {"errors": [{"context": None, "message": message}]}, **headers)


def gateway(status, message, **headers):
    """An injected answer in the form of the array's gateway."""
    return effect(status, {"message": message}, **headers)


def effect(status, body, **headers):
    """An injected answer."""
    headers = {name.replace("_", "-"): str(value) for name, value in headers.items()}
    return {"status": {"code": status, "body": body, "headers": headers}}


# --- versions -------------------------------------------------------------------------------------


@check
def an_ascending_list_gives_the_highest_version(world):
    # The array is Purity 6.6.11; the old client knows no more than 2.30.
    equal(world.client.get_rest_version(), "2.36" if PATIENT else "2.30", "version")


@check
def a_descending_list_gives_the_oldest_version(world):
    world.fail(effect(200, {"version": ["2.36", "2.26", "2.4", "2.0", "1.19"]}),
               path="api_version")
    client = world.connect()
    equal(client.get_rest_version(), "2.0", "version")
    equal(good(client.get_volumes()), [], "volumes")


@check
def unknown_newer_versions_are_skipped(world):
    world.fail(effect(200, {"version": ["1.19", "2.0", "2.4", "2.26", "2.998", "2.999", "3.0"]}),
               path="api_version")
    equal(world.connect().get_rest_version(), "2.26", "version")


@check
def an_array_without_rest_2_is_refused(world):
    world.fail(effect(200, {"version": ["1.0", "1.19"]}), path="api_version")
    raises(ValueError, world.connect)


@check
def a_version_can_be_asked_for(world):
    client = world.connect(version="2.4")
    equal(client.get_rest_version(), "2.4", "version")
    # The array's clock came with 2.26.
    equal(hasattr(good(client.get_arrays())[0], "_as_of"), False, "_as_of")


# --- sessions -------------------------------------------------------------------------------------


@check
def login_use_and_logout(world):
    world.calls()
    client = world.connect()
    equal(good(client.get_arrays())[0].name, world.name, "array")
    equal([call[1] for call in world.calls()], ["api_version", "login", "arrays"], "calls")
    client._token_man.close_session()
    equal(world.calls(), [("POST", "logout", 200)], "calls")


@check
def a_bad_token_is_refused(world):
    world.calls()
    error = raises(PureError, lambda: world.connect(api_token="not-a-token"))
    if "Invalid API token" not in str(error):
        raise AssertionError(f"not the array's text: {error}")
    equal(world.calls()[-1], ("POST", "login", 401), "last call")


@check
def a_request_id_comes_back(world):
    mine = str(uuid.uuid4())
    response = world.client.get_arrays(x_request_id=mine)
    equal(response.headers.x_request_id, mine, "X-Request-ID")


@check
def an_expired_session_is_renewed_once(world):
    world.calls()
    world.control.expire_sessions(array=world.name)
    good(world.client.get_arrays())
    calls = [call for call in world.calls() if call[1] != "api_version"]
    equal(calls[0], ("GET", "arrays", 401), "first call")
    equal(calls[-2:], [("POST", "login", 200), ("GET", "arrays", 200)], "last calls")


# --- lists ----------------------------------------------------------------------------------------

COUNT = 25


@check
def volumes_are_made(world):
    for number in range(COUNT):
        name = f"vol-{number:02d}"
        post = {"provisioned": (COUNT - number) * 1048576}
        made = good(world.client.post_volumes(
            names=[name], volume=flasharray.VolumePost(**post)))
        equal(made[0].name, name, "name")


def numbers(volumes):
    """The numbers in the volumes' names."""
    return [int(volume.name.split("-")[1]) for volume in volumes]


@patient_check
def a_list_goes_on_by_token(world):
    world.page_size(10)
    world.calls()
    equal(sorted(numbers(good(world.client.get_volumes()))), list(range(COUNT)), "volumes")
    queries = world.queries("volumes")
    equal(len(queries), 3, "calls")
    equal(["continuation_token" in query for query in queries], [False, True, True], "tokens")


@patient_check
def a_sorted_list_goes_on_by_offset(world):
    world.calls()
    found = numbers(good(world.client.get_volumes(sort=["provisioned-"])))
    equal(found, list(range(COUNT)), "order")
    queries = world.queries("volumes")
    equal([query.get("offset") for query in queries], [None, "10", "20"], "offsets")
    equal(any("continuation_token" in query for query in queries), False, "tokens")


@patient_check
def a_session_may_expire_between_two_pages(world):
    for sort in (None, ["provisioned-"]):
        items = iter(world.client.get_volumes(sort=sort).items)
        found = [next(items) for _ in range(10)]
        world.control.expire_sessions(array=world.name)
        world.calls()
        found += list(items)
        equal(sorted(numbers(found)), list(range(COUNT)), f"volumes, sort {sort}")
        equal(("POST", "login", 200) in world.calls(), True, "a new login")


@check
def the_callers_limit_is_the_last_item(world):
    world.page_size(1000)
    equal(len(good(world.client.get_volumes(limit=4))), 4, "items")


@patient_check
def a_limit_of_zero_only_counts(world):
    response = world.client.get_volumes(limit=0, filter="name='vol-1*'", total_item_count=True)
    equal(response.status_code, 200, "status")
    equal(response.total_item_count, 10, "count")
    equal(list(response.items), [], "items")


@patient_check
def the_client_pages_by_itself_when_told(world):
    client = world.connect(auto_pagination_limit=10)
    world.calls()
    equal(len(good(client.get_volumes())), COUNT, "volumes")
    queries = world.queries("volumes")
    equal([query["limit"] for query in queries], ["10", "10", "10"], "limits")


# --- errors ---------------------------------------------------------------------------------------


@check
def a_missing_object_is_400_with_the_arrays_text(world):
    error = bad(world.client.get_volumes(names=["none"]), 400, "does not exist")
    equal(error.context, "none", "context")


@check
def a_second_401_is_the_answer(world):
    world.fail(answer(401, "Unauthorized."), times=6)
    bad(world.client.get_volumes(), 401, "Unauthorized")
    world.control.clear_faults()


@check
def forbidden_comes_in_the_gateways_form(world):
    world.fail(gateway(403, "You cannot consume this service"), times=1 if PATIENT else 6)
    world.calls()
    bad(world.client.get_volumes(), 403, "cannot consume")
    if PATIENT:
        equal(world.calls(), [("GET", "volumes", 403)], "calls")
    world.control.clear_faults()


@check
def an_unknown_path_is_404(world):
    world.calls()
    response = world.client.get_certificates()
    equal(response.status_code, 404, "status")
    equal(world.calls(), [("GET", "certificates", 404)], "calls")


@check
def too_many_requests_wait_as_long_as_asked(world):
    limits = {"X_RateLimit_Limit_minute": 100, "X_RateLimit_Remaining_minute": 99}
    world.fail(gateway(429, "API rate limit exceeded", Retry_After=1, **limits))
    world.calls()
    began = time.monotonic()
    equal(len(good(world.client.get_volumes())), COUNT, "volumes")
    equal(time.monotonic() - began >= 1, True, "a second's wait")
    equal([call[2] for call in world.calls()], [429, 200], "calls")


@check
def a_busy_array_is_asked_again(world):
    world.fail(answer(500, "Server is busy", Retry_After=0))
    world.calls()
    if PATIENT:
        equal(len(good(world.client.get_volumes())), COUNT, "volumes")
        equal([call[2] for call in world.calls()], [500, 200], "calls")
    else:
        bad(world.client.get_volumes(), 500, "Server is busy")


@check
def another_internal_error_is_the_answer(world):
    world.fail(answer(500, "Unidentified internal error."))
    world.calls()
    bad(world.client.get_volumes(), 500, "Unidentified internal error.")
    equal([call[2] for call in world.calls()], [500], "calls")


@check
def unavailable_is_asked_again(world):
    for status in (503, 502, 504):
        world.fail(answer(status, "Try later.", Retry_After=0))
        world.calls()
        equal(len(good(world.client.get_volumes())), COUNT, "volumes")
        equal([call[2] for call in world.calls()], [status, 200], "calls")


@check
def any_other_error_is_raised(world):
    world.fail(answer(409, "Conflict."))
    raises(PureError, world.client.get_volumes)


@check
def a_lost_answer_leaves_what_was_done(world):
    world.fail("drop_after", method="POST")
    post = flasharray.VolumePost(provisioned=1048576)
    try:
        response = world.client.post_volumes(names=["lost"], volume=post)
    except Exception:  # pylint: disable=broad-except
        response = None
    if response is not None:
        # The transport sent it a second time by itself.
        bad(response, 400, "already exists")
    equal(good(world.client.get_volumes(names=["lost"]))[0].name, "lost", "name")


# --- filters and names that Cinder sends ----------------------------------------------------------


@check
def initiators_find_their_host(world):
    client = world.client
    post = {"iqns": ["iqn.2004-10.com.example:one", "iqn.2004-10.com.example:two"]}
    good(client.post_hosts(names=["h-iscsi"], host=flasharray.HostPost(**post)))
    good(client.post_hosts(names=["h-fc"], host=flasharray.HostPost(wwns=["5001500150015081"])))
    nqn = "nqn.2014-08.org.nvmexpress:uuid:6953a373-c3f7-4ea8-ae77-105c393012ff"
    good(client.post_hosts(names=["h-nvme"], host=flasharray.HostPost(nqns=[nqn])))
    for initiator, host in [
        ("iqns='iqn.2004-10.com.example:two'", "h-iscsi"),
        ("wwns='5001500150015081'", "h-fc"),
        (f"nqns='{nqn}'", "h-nvme"),
    ]:
        local = good(client.get_hosts(filter=f"{initiator} and is_local"))
        equal([found.name for found in local], [host], initiator)
        equal(good(client.get_hosts(filter=f"{initiator} and not is_local")), [], "remote")
    error = client.post_hosts(names=["h-other"], host=flasharray.HostPost(**post))
    bad(error, 400, "The specified IQN is already in use.")


@check
def connections_begin_with_one(world):
    client = world.client
    connection = good(client.post_connections(host_names=["h-iscsi"], volume_names=["vol-00"]))[0]
    equal((connection.host.name, connection.volume.name, connection.lun),
          ("h-iscsi", "vol-00", 1), "connection")
    bad(client.post_connections(host_names=["h-iscsi"], volume_names=["vol-00"]), 400,
        "Connection already exists.")
    equal(good(client.get_volumes(names=["vol-00"]))[0].connection_count, 1, "connections")
    bad(client.delete_hosts(names=["h-iscsi"]), 400,
        "cannot be deleted due to existing connections")
    bad(client.post_connections(host_names=["none"], volume_names=["vol-00"]), 400,
        "Host does not exist.")
    equal(client.delete_connections(host_names=["h-iscsi"], volume_names=["vol-00"]).status_code,
          200, "status")
    bad(client.delete_connections(host_names=["h-iscsi"], volume_names=["vol-00"]), 400,
        "Connection does not exist.")
    equal(good(client.get_connections(host_names=["h-iscsi"])), [], "connections")
    equal(client.delete_hosts(names=["h-iscsi"]).status_code, 200, "status")


@check
def ready_controllers_have_ports(world):
    client = world.client
    controllers = good(client.get_controllers(filter="status='ready'"))
    equal([found.name for found in controllers], ["CT0", "CT1"], "controllers")
    for name in ("CT0", "CT1"):
        ports = good(client.get_ports(filter=f"name='{name}.*'"))
        equal({port.name.split(".")[0] for port in ports}, {name}, "ports")
        iscsi = [port for port in ports if getattr(port, "iqn", None)]
        equal(bool(iscsi) and all(port.portal for port in iscsi), True, "portals")
    bonds = "eth.subtype='lacp_bond' or eth.subtype='vif'"
    equal(good(client.get_network_interfaces(filter=bonds)), [], "bonds")
    equal(len(good(client.get_network_interfaces())) > 0, True, "interfaces")


@check
def a_name_with_every_sign_goes_both_ways(world):
    client = world.client
    good(client.post_volume_groups(names=["vg"], volume_group=flasharray.VolumeGroupPost()))
    post = flasharray.VolumePost(provisioned=1048576)
    good(client.post_pods(names=["cinder-pod"], pod=flasharray.PodPost()))
    for name in ("vg/Vol_1", "cinder-pod::vol_2"):
        good(client.post_volumes(names=[name], volume=post))
        equal(good(client.get_volumes(names=[name.upper()]))[0].name, name, "name")
    found = good(client.get_volumes(names=["vg/Vol_1", "cinder-pod::vol_2"]))
    equal(len(found), 2, "volumes")
    found = good(client.get_volumes(filter="pod.name='cinder-pod'"))
    equal([volume.name for volume in found], ["cinder-pod::vol_2"], "volumes of the pod")
    found = good(client.get_volumes(filter="name='*vol_1'"))
    equal([volume.name for volume in found], ["vg/Vol_1"], "volumes of the name")


@check
def the_clients_own_filters_are_understood(world):
    name, size = Property("name"), Property("provisioned")
    for written, wanted in [
        (Filter.in_(name, ["vol-01", "VOL-02"]), [1, 2]),
        (Filter.contains(name, "ol-03"), [3]),
        (Filter.and_(name == "vol-0*", Filter.not_(size >= 20 * 1048576)), [6, 7, 8, 9]),
        (Filter.or_(name == "vol-04", name == "vol-05"), [4, 5]),
    ]:
        found = sorted(numbers(good(world.client.get_volumes(filter=str(written)))))
        equal(found, wanted, str(written))
    bad(world.client.get_volumes(filter="name='vol-01"), 400, "position 5")


@check
def a_group_can_lose_nobody(world):
    client = world.client
    good(client.post_protection_groups(names=["pg"]))
    good(client.post_protection_groups_volumes(group_names=["pg"], member_names=["vol-01"]))
    # Cinder's update of a group sends the removal with an empty list.
    response = client.delete_protection_groups_volumes(group_names=["pg"], member_names=[])
    equal(response.status_code, 200, "status")
    members = good(client.get_protection_groups_volumes(member_names=["vol-01"]))
    equal([member.group.name for member in members], ["pg"], "groups")
    equal(good(client.get_protection_groups_volumes(member_names=["vol-02"])), [], "groups")


@check
def a_replicated_point_is_found_as_cinder_looks_for_it(world):
    a, b = world.client, flasharray.Client(world.peer, api_token=world.token)
    peer = good(b.get_arrays())[0].name
    remote = f"{world.name}:pg"
    good(a.post_protection_groups_targets(group_names=["pg"], member_names=[peer]))
    bad(a.post_protection_groups_targets(group_names=["pg"], member_names=[peer]), 400,
        "already includes")
    allow = flasharray.TargetProtectionGroupPostPatch(allowed=True)
    good(b.patch_protection_groups_targets(group_names=[remote], target=allow))
    bad(b.patch_protection_groups_targets(group_names=[remote], target=allow), 400,
        "already allowed on")
    equal(good(a.get_protection_groups_targets(group_names=["pg"]))[0].allowed, True, "allowed")
    suffix = flasharray.ProtectionGroupSnapshotPost(suffix="s1")
    good(a.post_protection_group_snapshots(
        source_names=["pg"], replicate_now=True, protection_group_snapshot=suffix))
    world.control.advance(milliseconds=60_000)
    points = good(b.get_protection_group_snapshots_transfer(
        names=[remote], destroyed=False, filter='progress="1.0"', sort=["started-"]))
    equal([point.name for point in points], [f"{remote}.s1"], "points")
    found = good(b.get_volume_snapshots(filter=f"name='{remote}.s1.*'"))
    equal([snapshot.name for snapshot in found], [f"{remote}.s1.vol-01"], "snapshots")


def main():
    """Reads the command line and runs all checks."""
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("array", "name", "peer", "token", "control"):
        parser.add_argument(f"--{option}", required=True)
    sys.exit(0 if run(World(parser.parse_args())) else 1)


if __name__ == "__main__":
    main()
