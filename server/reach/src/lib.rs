//! How a process reaches a site: its cloud, its arrays and its Protector.
