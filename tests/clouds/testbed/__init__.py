"""Starts, stops and reports on two independent OpenStack clouds on one machine.

Standard library only.  Each cloud ("site") is a full set of real services with its
own databases, message queue, configuration, credentials and ports; the sites share
one MariaDB server and one RabbitMQ server, which belong to neither.
"""
