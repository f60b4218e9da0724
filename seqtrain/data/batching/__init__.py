"""From sequences in memory to padded batches, and the order of batches."""
