"""Cinder driver whose back end is a directory of sparse files.

It does what the recovery service needs of a back end: create, delete, extend,
clone, snapshot, revert, attach, image copy, retype, list/manage/unmanage of
existing volumes, and the capability flags of an array with asynchronous
replication.  Naming follows the Pure driver: a managed volume is renamed to the
name Cinder expects (volume-<id>-cinder) and an unmanaged one gets the suffix
"-unmanaged".  It replicates nothing itself: a mock array that works on the same
directory does.  For it, each connection is written down as a file

    <pool>.array/connections/<volume's file name>/<connector's host>

just as an array lists its connections.  Names that begin with a dot are no
volumes.
"""

import os
import shutil

from cinder import exception
from cinder.image import image_utils
from cinder import interface
from cinder.objects import fields
from cinder.volume import configuration
from cinder.volume import driver
from cinder.volume import volume_utils
from oslo_config import cfg
from oslo_utils import units

OPTS = [
    cfg.StrOpt('testbed_pool_dir', default='$state_path/pool',
               help='Directory that holds the volumes.'),
    cfg.StrOpt('testbed_total_gb', default='100000',
               help='Capacity reported to the scheduler.'),
]
cfg.CONF.register_opts(OPTS, group=configuration.SHARED_CONF_GROUP)

SUFFIX = '-cinder'
UNMANAGED = '-unmanaged'


@interface.volumedriver
class FileDriver(driver.VolumeDriver):

    VERSION = '1.0'
    CI_WIKI_NAME = 'none'

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.configuration.append_config_values(OPTS)

    # names -----------------------------------------------------------------

    def _path(self, name):
        if '/' in name or name.startswith('.'):
            raise exception.InvalidInput(reason='bad back-end name %r' % name)
        return os.path.join(self.configuration.testbed_pool_dir, name)

    def _vol(self, volume):
        return self._path(volume.name + SUFFIX)

    def _snap(self, snapshot):
        return self._path('%s%s.%s' % (snapshot.volume_name, SUFFIX,
                                       snapshot.name))

    # set-up ----------------------------------------------------------------

    def do_setup(self, context):
        os.makedirs(self.configuration.testbed_pool_dir, exist_ok=True)
        # Its presence says that connections are written down.
        os.makedirs(self._book(), exist_ok=True)

    def check_for_setup_error(self):
        pass

    def _update_volume_stats(self):
        total = int(self.configuration.testbed_total_gb)
        backend = self.configuration.safe_get('volume_backend_name')
        self._stats = {
            'volume_backend_name': backend or 'testbed',
            'vendor_name': 'Testbed',
            'driver_version': self.VERSION,
            'storage_protocol': 'file',
            'pools': [{
                'pool_name': 'pool',
                'total_capacity_gb': total,
                'free_capacity_gb': total,
                'allocated_capacity_gb': 0,
                'reserved_percentage': 0,
                'thin_provisioning_support': True,
                'max_over_subscription_ratio': '20',
                'multiattach': True,
                'QoS_support': False,
                # Group type "protector" asks for it, as it would of an array.
                'consistent_group_snapshot_enabled': True,
                'replication_enabled': True,
                'replication_type': ['async'],
                'replication_count': 1,
                'replication_targets': ['other-site'],
            }],
        }

    # volumes ---------------------------------------------------------------

    def _size(self, path, gib):
        with open(path, 'ab') as f:
            f.truncate(gib * units.Gi)

    def _replication(self, volume):
        specs = volume.volume_type.extra_specs if volume.volume_type else {}
        if volume_utils.is_replicated_spec(specs):
            return {'replication_status': fields.ReplicationStatus.ENABLED}
        return {'replication_status': fields.ReplicationStatus.DISABLED}

    def _copy(self, src, dst, gib=None):
        self._execute('cp', '--sparse=always', src, dst)
        if gib:
            self._size(dst, gib)

    def create_volume(self, volume):
        self._size(self._vol(volume), volume.size)
        return self._replication(volume)

    def create_volume_from_snapshot(self, volume, snapshot):
        self._copy(self._snap(snapshot), self._vol(volume), volume.size)
        return self._replication(volume)

    def create_cloned_volume(self, volume, src_vref):
        self._copy(self._vol(src_vref), self._vol(volume), volume.size)
        return self._replication(volume)

    def delete_volume(self, volume):
        try:
            os.unlink(self._vol(volume))
        except FileNotFoundError:
            pass

    def extend_volume(self, volume, new_size):
        self._size(self._vol(volume), new_size)

    def revert_to_snapshot(self, context, volume, snapshot):
        self._copy(self._snap(snapshot), self._vol(volume), volume.size)

    def retype(self, context, volume, new_type, diff, host):
        return True, None

    # snapshots -------------------------------------------------------------

    def create_snapshot(self, snapshot):
        self._copy(self._path(snapshot.volume_name + SUFFIX),
                   self._snap(snapshot))

    def delete_snapshot(self, snapshot):
        try:
            os.unlink(self._snap(snapshot))
        except FileNotFoundError:
            pass

    # images ----------------------------------------------------------------

    def copy_image_to_volume(self, context, volume, image_service, image_id,
                             disable_sparse=False):
        image_utils.fetch_to_raw(
            context, image_service, image_id, self._vol(volume),
            self.configuration.volume_dd_blocksize, size=volume.size,
            run_as_root=False)
        self._size(self._vol(volume), volume.size)

    def copy_volume_to_image(self, context, volume, image_service, image_meta):
        volume_utils.upload_volume(context, image_service, image_meta,
                                   self._vol(volume), volume,
                                   run_as_root=False)

    # attachments -----------------------------------------------------------

    def ensure_export(self, context, volume):
        pass

    def create_export(self, context, volume, connector):
        pass

    def remove_export(self, context, volume):
        pass

    def _book(self):
        pool = self.configuration.testbed_pool_dir.rstrip('/')
        return os.path.join(pool + '.array', 'connections')

    def _connections(self, volume):
        return os.path.join(self._book(), volume.name + SUFFIX)

    def _connection(self, volume, connector):
        return os.path.join(self._connections(volume),
                            os.path.basename(connector['host']))

    def initialize_connection(self, volume, connector):
        if not os.path.exists(self._vol(volume)):
            raise exception.VolumeBackendAPIException(
                data='the array has no volume %s' % (volume.name + SUFFIX))
        path = self._connection(volume, connector)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as f:
            f.write(connector.get('initiator') or '')
        return {'driver_volume_type': 'local',
                'data': {'device_path': self._vol(volume),
                         'volume_id': volume.id}}

    def terminate_connection(self, volume, connector, **kwargs):
        folder = self._connections(volume)
        if not connector:           # a forced detach: every host
            shutil.rmtree(folder, ignore_errors=True)
            return
        try:
            os.unlink(self._connection(volume, connector))
            os.rmdir(folder)
        except OSError:             # gone already, or another host is left
            pass

    # manage and unmanage ---------------------------------------------------

    def _existing(self, existing_ref):
        name = existing_ref.get('source-name')
        if not name:
            raise exception.ManageExistingInvalidReference(
                existing_ref=existing_ref, reason="needs a 'source-name' key")
        path = self._path(name)
        if not os.path.isfile(path):
            raise exception.ManageExistingInvalidReference(
                existing_ref=existing_ref,
                reason='no back-end volume named %s' % name)
        return path

    def manage_existing_get_size(self, volume, existing_ref):
        size = os.path.getsize(self._existing(existing_ref))
        return (size + units.Gi - 1) // units.Gi

    def manage_existing(self, volume, existing_ref):
        os.rename(self._existing(existing_ref), self._vol(volume))
        return self._replication(volume)

    def unmanage(self, volume):
        shutil.rmtree(self._connections(volume), ignore_errors=True)
        path = self._vol(volume)
        shutil.move(path, path + UNMANAGED)

    def get_manageable_volumes(self, cinder_volumes, marker, limit, offset,
                               sort_keys, sort_dirs):
        known = {v.name + SUFFIX: v.id for v in cinder_volumes}
        found = []
        for name in sorted(os.listdir(self.configuration.testbed_pool_dir)):
            if name.startswith('.') or '.snapshot-' in name:
                continue
            found.append({
                'reference': {'source-name': name},
                'size': (os.path.getsize(self._path(name)) + units.Gi - 1)
                // units.Gi,
                'safe_to_manage': name not in known,
                'reason_not_safe': ('already managed' if name in known
                                    else None),
                'cinder_id': known.get(name),
                'extra_info': None,
            })
        return volume_utils.paginate_entries_list(
            found, marker, limit, offset, sort_keys, sort_dirs)
