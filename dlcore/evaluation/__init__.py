"""What a test's outputs say, in plain arrays: curves, calibration, thresholds, confidence intervals, label errors."""
