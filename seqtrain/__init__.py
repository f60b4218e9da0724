"""Train recurrent sequence models from a configuration, and watch their hidden states."""
