"""Trained models as files that run elsewhere: ONNX and torch.export."""
