"""What is in a data set: figures to look at before a training, and a page of pictures."""
