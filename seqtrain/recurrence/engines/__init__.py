"""What runs one recurrent layer: see `seqtrain.recurrence` for the interface."""
