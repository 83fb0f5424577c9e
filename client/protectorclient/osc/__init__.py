"""The commands `openstack protector`."""
