"""What a person types: train, evaluate, predict."""
