from network_builders import one_thread  # noqa: F401
