"""OpenStack Cinder's real PureISCSIDriver against two simulated arrays.

    cinder_checks.py --array HOST:PORT --name fa-a --peer HOST:PORT --token TOKEN --control URL

Runs with a Python that has Cinder. The driver's class is used as cinder-volume uses it, but without
database and message queue: volumes, types and snapshots are plain objects.
"""

import argparse
import pathlib
import sys
import tempfile
import uuid
from unittest import mock

import eventlet

eventlet.monkey_patch()

# Behind the patch, as Cinder's own programs have it.
# pylint: disable=wrong-import-position
from cinder import exception
from cinder import objects

objects.register_all()

from cinder.objects import fields
from cinder.volume import configuration
from cinder.volume import volume_types
from cinder.volume.drivers import pure
from cinder.volume.manager import volume_backend_opts
from oslo_config import cfg
from pypureclient import flasharray

from checks import check, equal, raises, run
from simulator import Control, calls

GIB = 1 << 30
CONNECTOR = {
    "initiator": "iqn.1994-05.com.redhat:0123456789ab",
    "host": "compute-1.example.org",
    "ip": "192.0.2.9",
    "multipath": True,
}


class Plain(dict):
    """An object whose members are attributes and items, as Cinder's objects are."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(name) from error

    def __setattr__(self, name, value):
        self[name] = value


class Type(Plain):
    """A volume type."""

    def is_replicated(self):
        """As Cinder's object says it."""
        return self["extra_specs"].get("replication_enabled") == "<is> True"


TYPES = {}


def make_type(**specs):
    """A volume type that the driver finds again by its id."""
    made = Type(id=str(uuid.uuid4()), name="type", extra_specs=specs, qos_specs_id=None)
    TYPES[made.id] = made
    return made


def make_volume(size=1, volume_type=None):
    """A volume that Cinder has just made a record of."""
    volume_type = volume_type or PLAIN
    identity = str(uuid.uuid4())
    return Plain(
        id=identity, name_id=identity, name=f"volume-{identity}", size=size,
        project_id=uuid.uuid4().hex, volume_type=volume_type, volume_type_id=volume_type.id,
        provider_id=None, metadata={}, group_id=None, group=None, consistencygroup_id=None,
        volume_attachment=[], host="host@pure#pure", status="available", bootable=False,
        multiattach=False, display_name="v", availability_zone="nova", cluster_name=None,
    )


def make_snapshot(volume):
    """A snapshot that Cinder has just made a record of."""
    identity = str(uuid.uuid4())
    return Plain(
        id=identity, name=f"snapshot-{identity}", volume=volume, volume_id=volume.id,
        volume_size=volume.size, metadata={}, group_snapshot=None, cgsnapshot=None,
        group_snapshot_id=None, cgsnapshot_id=None,
    )


PLAIN = make_type()
ASYNC = make_type(replication_enabled="<is> True", replication_type="<in> async")
SYNC = make_type(replication_enabled="<is> True", replication_type="<in> sync")
IN_GROUP = make_type(**{"flasharray:vg_name": "tenant.gold"})


class World:
    """Two arrays, and the driver on one of them."""

    def __init__(self, arguments):
        self.name = arguments.name
        self.target = arguments.array
        self.peer = arguments.peer
        self.token = arguments.token
        self.control = Control(arguments.control)
        self.array = flasharray.Client(self.target, api_token=self.token)
        self.other = flasharray.Client(self.peer, api_token=self.token)
        self.driver = self.start("plain")

    @staticmethod
    def start(backend):
        """A driver as cinder-volume starts it."""
        options = configuration.Configuration(volume_backend_opts, config_group=backend)
        driver = pure.PureISCSIDriver(configuration=options, db=mock.Mock(), host=f"host@{backend}")
        driver.do_setup(None)
        driver.check_for_setup_error()
        return driver

    def create(self, driver=None, **wanted):
        """A volume that the driver has made."""
        volume = make_volume(**wanted)
        remember(volume, (driver or self.driver).create_volume(volume))
        return volume

    def held(self, name, array=None):
        """The array's item of a volume."""
        response = (array or self.array).get_volumes(names=[name])
        equal(response.status_code, 200, f"status of volume {name}")
        return list(response.items)[0]

    def calls(self):
        """Method, endpoint and status of all calls to the first array since the last look."""
        return calls(self.control, self.name)

    def write(self, name, data, array=None):
        """Writes into a volume as a host would."""
        self.control.write_volume(
            array=array or self.name, volume=name, offset=0, hex=data.hex())

    def read(self, name, length, array=None):
        """Reads a volume as a host would."""
        read = self.control.read_volume(
            array=array or self.name, name=name, offset=0, length=length)
        return bytes.fromhex(read["hex"])


def remember(thing, update):
    """Writes down what the driver wants remembered, as the volume manager does."""
    for name, value in (update or {}).items():
        thing[name] = value


# --- start and statistics -------------------------------------------------------------------------


@check
def a_start_reads_the_array(world):
    world.calls()
    driver = world.start("plain")
    equal(driver._array.array_name, world.name, "array")
    paths = [call[1] for call in world.calls()]
    equal(paths[:2], ["api_version", "login"], "first calls")
    equal(set(paths[2:]), {"arrays"}, "other calls")


@check
def statistics_have_all_that_the_scheduler_needs(world):
    world.calls()
    stats = world.driver.get_volume_stats(refresh=True)
    equal(stats["storage_protocol"], "iSCSI", "protocol")
    pool = stats.get("pools", [stats])[0]
    equal(pool["total_capacity_gb"], 10240.0, "capacity")
    equal(0 < pool["free_capacity_gb"] <= pool["total_capacity_gb"], True, "free capacity")
    equal({call[2] for call in world.calls()}, {200}, "statuses")


# --- a volume's life ------------------------------------------------------------------------------


@check
def a_volume_is_made_extended_and_deleted(world):
    volume = world.create(size=2)
    name = f"volume-{volume.id}-cinder"
    equal(volume.provider_id, name, "provider_id")
    equal(world.held(name).provisioned, 2 * GIB, "size")
    world.driver.extend_volume(volume, 5)
    equal(world.held(name).provisioned, 5 * GIB, "size")
    world.driver.delete_volume(volume)
    equal(world.held(name).destroyed, True, "destroyed")


@check
def limits_of_the_type_are_the_volumes(world):
    volume = world.create(volume_type=make_type(maxIOPS="1000", maxBWS="10"))
    qos = world.held(volume.provider_id).qos
    equal((qos.iops_limit, qos.bandwidth_limit), (1000, 10 << 20), "limits")


@check
def a_type_may_say_a_volume_group(world):
    volume = world.create(volume_type=IN_GROUP)
    equal(volume.provider_id, f"tenant-gold/volume-{volume.id}-cinder", "provider_id")
    equal(world.held(volume.provider_id).volume_group.name, "tenant-gold", "volume group")
    world.driver.delete_volume(volume)
    groups = list(world.array.get_volume_groups(names=["tenant-gold"]).items)
    equal(groups[0].destroyed, True, "the empty group is destroyed")


@check
def snapshots_freeze_and_copies_have_the_bytes(world):
    volume = world.create()
    world.write(volume.provider_id, b"before")
    snapshot = make_snapshot(volume)
    remember(snapshot, world.driver.create_snapshot(snapshot))
    world.write(volume.provider_id, b"after!")

    copy = make_volume(size=3)
    remember(copy, world.driver.create_volume_from_snapshot(copy, snapshot))
    equal(world.held(copy.provider_id).provisioned, 3 * GIB, "size")
    equal(world.read(copy.provider_id, 6), b"before", "bytes of the copy")

    clone = make_volume()
    remember(clone, world.driver.create_cloned_volume(clone, volume))
    equal(world.read(clone.provider_id, 6), b"after!", "bytes of the clone")

    name = f"{volume.provider_id}.{snapshot.name}"
    world.driver.delete_snapshot(snapshot)
    equal(list(world.array.get_volume_snapshots(names=[name]).items)[0].destroyed, True, "destroyed")
    # A second time it is gone already, which is fine.
    world.driver.delete_snapshot(snapshot)


# --- connections ----------------------------------------------------------------------------------


@check
def a_volume_is_attached_twice_and_detached(world):
    volume, second = world.create(), world.create()
    data = world.driver.initialize_connection(volume, CONNECTOR)["data"]
    serial = world.held(volume.provider_id).serial
    equal(data["wwn"], f"3624a9370{serial.lower()}", "wwn")
    equal(set(data["target_luns"]), {1}, "LUNs")
    equal(len(data["target_portals"]), 2, "portals")
    equal(len(data["target_iqns"]), 2, "target names")
    # The same again: the driver asks what there is. Some releases then trip over their own answer.
    world.calls()
    try:
        again = world.driver.initialize_connection(volume, CONNECTOR)["data"]
        equal(again["target_luns"], data["target_luns"], "LUNs")
    except AttributeError as error:
        equal(str(error), "'dict' object has no attribute 'lun'", "the driver's defect")
    told = [call for call in world.calls() if call[1] in ("connections", "volumes")][:3]
    equal(told, [("POST", "connections", 400), ("GET", "volumes", 200),
                 ("GET", "connections", 200)], "calls")
    other = world.driver.initialize_connection(second, CONNECTOR)["data"]
    equal(set(other["target_luns"]), {2}, "LUNs of the second")
    hosts = list(world.array.get_hosts().items)
    equal(len(hosts), 1, "hosts")
    equal(hosts[0].name.startswith("compute-1-example-org-"), True, hosts[0].name)

    world.driver.terminate_connection(volume, CONNECTOR)
    equal(world.held(volume.provider_id).connection_count, 0, "connections")
    equal(len(list(world.array.get_hosts().items)), 1, "the host has another volume")
    world.driver.terminate_connection(second, CONNECTOR)
    equal(list(world.array.get_hosts().items), [], "the last detach removes the host")
    # Detached already: no error.
    world.driver.terminate_connection(second, CONNECTOR)


@check
def an_attached_volume_is_disconnected_by_its_deletion(world):
    volume = world.create()
    world.driver.initialize_connection(volume, CONNECTOR)
    world.driver.delete_volume(volume)
    equal(world.held(volume.provider_id).connection_count, 0, "connections")
    equal(world.held(volume.provider_id).destroyed, True, "destroyed")


# --- manage and unmanage --------------------------------------------------------------------------


def recovered(world, name, size=GIB):
    """A volume on the array that Cinder does not know."""
    response = world.array.post_volumes(
        names=[name], with_default_protection=False,
        volume=flasharray.VolumePost(provisioned=size))
    equal(response.status_code, 200, "status")
    return list(response.items)[0]


def reference(name):
    """Both keys: releases differ in which they read."""
    return {"source-name": name, "name": name}


@check
def a_foreign_volume_is_managed_and_let_go(world):
    there = recovered(world, "drf-run1-0001", size=GIB + 512)
    world.write("drf-run1-0001", b"bytes")
    volume = make_volume()
    size = world.driver.manage_existing_get_size(volume, reference("drf-run1-0001"))
    equal(size, 2, "size, rounded up")
    remember(volume, world.driver.manage_existing(volume, reference("drf-run1-0001")))
    name = f"volume-{volume.id}-cinder"
    equal(volume.provider_id, name, "provider_id")
    held = world.held(name)
    equal((held.id, held.serial), (there.id, there.serial), "identity")
    equal(world.read(name, 5), b"bytes", "bytes")

    world.driver.unmanage(volume)
    equal(world.held(f"{name}-unmanaged").id, there.id, "identity")


@check
def what_cannot_be_managed_is_refused(world):
    refused = exception.ManageExistingInvalidReference
    volume = make_volume()
    raises(refused, lambda: world.driver.manage_existing_get_size(volume, reference("none")))
    recovered(world, "wrong-key")
    raises(refused, lambda: world.driver.manage_existing_get_size(volume, {"name": "wrong-key"}))
    recovered(world, "connected")
    world.control.connect_host(array=world.name, volume="connected")
    raises(refused, lambda: world.driver.manage_existing(volume, reference("connected")))
    equal(world.held("connected").name, "connected", "name")
    world.control.disconnect_host(array=world.name, volume="connected")


@check
def a_volume_in_a_volume_group_is_managed_out_of_it(world):
    post = flasharray.VolumeGroupPost()
    equal(world.array.post_volume_groups(names=["vg"], volume_group=post).status_code, 200, "status")
    there = recovered(world, "vg/inside")
    volume = make_volume()
    remember(volume, world.driver.manage_existing(volume, reference("vg/inside")))
    equal(world.held(f"volume-{volume.id}-cinder").id, there.id, "identity")


@check
def manageable_volumes_are_listed_with_reasons(world):
    recovered(world, "free")
    recovered(world, "taken")
    world.control.connect_host(array=world.name, volume="taken")
    recovered(world, "gone")
    world.array.patch_volumes(names=["gone"], volume=flasharray.VolumePatch(destroyed=True))
    known = world.create()
    found = world.driver.get_manageable_volumes([known], None, 1000, 0, ["size"], ["asc"])
    safe = {item["reference"]["name"]: item["safe_to_manage"] for item in found}
    wanted = {"free": True, "taken": False, "gone": False, known.provider_id: False}
    equal({name: safe.get(name) for name in wanted}, wanted, "safe to manage")
    world.control.disconnect_host(array=world.name, volume="taken")


@check
def snapshots_are_managed_and_let_go(world):
    volume = world.create()
    equal(world.array.post_volume_snapshots(
        source_names=[volume.provider_id],
        volume_snapshot=flasharray.VolumeSnapshotPost(suffix="foreign")).status_code, 200, "status")
    foreign = f"{volume.provider_id}.foreign"
    snapshot = make_snapshot(volume)
    equal(world.driver.manage_existing_snapshot_get_size(snapshot, reference(foreign)), 1, "size")
    remember(snapshot, world.driver.manage_existing_snapshot(snapshot, reference(foreign)))
    name = f"{volume.provider_id}.{snapshot.name}"
    equal(world.array.get_volume_snapshots(names=[name]).status_code, 200, "status")
    listed = world.driver.get_manageable_snapshots([], None, 1000, 0, ["size"], ["asc"])
    equal(name in [item["reference"]["name"] for item in listed], True, "listed")
    world.driver.unmanage_snapshot(snapshot)
    # The name is as long as the driver lets it be, so its end makes room.
    name = name[:-len("-unmanaged")] + "-unmanaged"
    equal(world.array.get_volume_snapshots(names=[name]).status_code, 200, "status")


# --- replication ----------------------------------------------------------------------------------


@check
def asynchronous_replication_is_set_up_any_number_of_times(world):
    for _ in range(2):
        world.async_driver = world.start("async")
        group = list(world.array.get_protection_groups(names=["cinder-group"]).items)[0]
        equal(group.replication_schedule.enabled, True, "schedule")
        equal(group.target_retention.all_for_sec, 14400, "retention")
        targets = world.array.get_protection_groups_targets(group_names=["cinder-group"])
        equal([target.allowed for target in targets.items], [True], "allowed")
    remote = list(world.other.get_protection_groups(names=[f"{world.name}:cinder-group"]).items)
    equal(remote[0].is_local, False, "the other array's view")


@check
def a_replicated_type_is_in_the_group_and_fails_over(world):
    driver = world.async_driver
    volume = world.create(driver=driver, volume_type=ASYNC)
    plain = world.create(driver=driver)
    equal(volume.replication_status, fields.ReplicationStatus.ENABLED, "replication_status")
    members = world.array.get_protection_groups_volumes(group_names=["cinder-group"]).items
    equal([item.member.name for item in members], [volume.provider_id], "members")
    world.write(volume.provider_id, b"replicated")
    # Two runs of the schedule, and time for what they send. Releases before 27 say seconds where the
    # array reads milliseconds; it refuses them and keeps to its own frequency.
    group = list(world.array.get_protection_groups(names=["cinder-group"]).items)[0]
    frequency = group.replication_schedule.frequency
    equal(frequency >= 300_000, True, f"frequency {frequency}")
    world.control.advance(milliseconds=2 * frequency + 60_000)

    target, updates, _ = driver.failover_host(None, [volume, plain], secondary_id="fa-b", groups=[])
    equal(target, "fa-b", "target")
    status = {item["volume_id"]: item["updates"] for item in updates}
    equal(status[volume.id]["replication_status"], "failed-over", "replication_status")
    equal(status[plain.id]["status"], "error", "status of what was not replicated")
    equal(world.read(volume.provider_id, 10, array="fa-b"), b"replicated", "bytes")


@check
def synchronous_replication_stretches_a_pod(world):
    driver = world.start("sync")
    pod = list(world.array.get_pods(names=["cinder-pod"]).items)[0]
    equal(sorted(array.status for array in pod.arrays), ["online", "online"], "statuses")
    volume = world.create(driver=driver, volume_type=SYNC)
    equal(volume.provider_id, f"cinder-pod::volume-{volume.id}-cinder", "provider_id")
    here, there = world.held(volume.provider_id), world.held(volume.provider_id, world.other)
    equal(here.serial, there.serial, "serial on both arrays")
    # What is in a stretched pod is not managed.
    raises(exception.ManageExistingInvalidReference,
           lambda: driver.manage_existing_get_size(make_volume(), reference(volume.provider_id)))
    equal(len(driver.get_volume_stats(refresh=True)["replication_targets"]), 1, "targets")
    driver.initialize_connection(volume, CONNECTOR)
    driver.terminate_connection(volume, CONNECTOR)
    driver.delete_volume(volume)


def configuration_file(arguments, directory):
    """A cinder.conf with a back end for each kind of replication."""
    lines = []
    for backend in ("plain", "async", "sync"):
        lines += [
            f"[{backend}]",
            f"san_ip = {arguments.array}",
            f"pure_api_token = {arguments.token}",
            "volume_backend_name = pure",
        ]
        if backend != "plain":
            lines.append(f"replication_device = backend_id:fa-b,san_ip:{arguments.peer},"
                         f"api_token:{arguments.token},type:{backend}")
    path = pathlib.Path(directory, "cinder.conf")
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


def main():
    """Reads the command line and runs all checks."""
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("array", "name", "peer", "token", "control"):
        parser.add_argument(f"--{option}", required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        cfg.CONF([], project="cinder",
                 default_config_files=[configuration_file(arguments, directory)])
    with mock.patch.object(volume_types, "get_volume_type", lambda _, identity: TYPES[identity]), \
            mock.patch.object(volume_types, "get_volume_type_extra_specs",
                              lambda identity: TYPES[identity].extra_specs):
        good = run(World(arguments))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
