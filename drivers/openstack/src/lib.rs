//! protector-driver-openstack
