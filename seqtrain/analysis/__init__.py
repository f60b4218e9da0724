"""What happens in a recurrence: from a trace to statistics to figures, for TensorBoard and `inspect`."""
