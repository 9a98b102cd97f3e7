"""Trackers beside the run's own logger: MLflow, SwanLab, W&B. They are sent what the run's folder holds.

The run's own files are the queue. A process of its own (`follower`) reads them during the fit and sends what is new;
the fit never waits for it. What was sent is noted in the run's folder (`journal`), so that ``python -m dlcore sync``
sends the rest later, and a resumed run continues the same run of the tracker.
"""
