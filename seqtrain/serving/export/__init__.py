"""Trained models as ONNX files, which run without torch, and as programs of torch.export."""
