"""The commands of `seqtrain`, one module each."""
