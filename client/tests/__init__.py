"""The commands as they are typed: the real `openstack` program in this process, with the HTTP of
two sites answered from the published document."""
