"""The LSTM on a GPU, by Triton kernels."""
