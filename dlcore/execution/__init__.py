"""Several training steps between two calls of Lightning's hooks: the fast path behind `StepsPerExecution`."""
