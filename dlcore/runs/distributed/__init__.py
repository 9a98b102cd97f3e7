"""Distributed training: join the process group, compare settings, monitor the processes, shut down and restart."""
