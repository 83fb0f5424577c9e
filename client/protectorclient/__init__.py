"""Client of Protector, disaster recovery for OpenStack."""
