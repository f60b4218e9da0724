"""The time loop of the hand-written recurrent layers, behind one small interface.

An engine runs one layer, all its directions at once, on packed rows:

    output, final = engine(cell, x, weights, state, walk)

    x         (N, I)          rows of all steps: step by step, the longest sequence first (a
                              PackedSequence's data); a padded (T, B, I) is N = T * B rows with constant
                              batch sizes
    weights   D mappings      one per direction, forward first: name -> parameter, with the names and shapes
                              of `cell.shapes` (for an LSTM weight_ih (4H, I), weight_hh (4H, H),
                              bias_ih (4H,), bias_hh (4H,); no biases in a layer without them; gate rows in
                              torch's order i, f, g, o)
    state     (D, B, H) each  states before the first step: (h_0, c_0), for a GRU (h_0,); of other sizes
                              where `cell.state_sizes` says so; sequences in the order of x
    walk      PackedWalk      batch_sizes (ints), offsets, lengths, reversal, reverse(rows)
    output    (N, D * H)      rows aligned to x: forward h, then backward h of the same time step
    final     (D, B, H) each  states after the last step of each sequence in the direction's own walk (for
                              the backward direction that is the sequence's first row)

All tensors are on one device. x, weights, h and output have one dtype; c is float32 where that is bfloat16
or float16, else the same. Autocast is off when an engine is called: the casts have been made, under autograd
(a hand-written backward pass must turn it off itself). Gradients reach x, all weights and all states, and so
do second derivatives: a hand-written backward pass that finds grad mode enabled, as under create_graph=True,
goes through `reference_layer` or uses operations that autograd knows. Results are the same bit for bit when
repeated. An engine never changes its arguments.

Each engine computes the input projection and its gradients itself, in the layout that suits it.

    walk.py        packed rows, and the walk of both directions over them
    cells/         the cells: what each declares of its equations, parameters, gates and states
    engines/       what runs one layer:
      reference.py   any cell, by autograd; what the other engines are tested against
      native.py      the LSTM and the GRU on a CPU: kernel.cpp, loaded by kernel.py; docs/recurrence.md
      triton/        the LSTM on a GPU, by Triton kernels
      selection.py   which engine runs a layer
    modes.py       which modes of torch are active: autocast, tracing, transforms
    stack.py       layers on top of each other, with dropout and autocast's casts
    operator.py    a layer as one operator, for torch.compile, torch.export and torch.jit.trace
    onnx.py        a layer as one node, for both of torch.onnx.export's exporters
    trace.py       every gate and state of every step of a recurrent module, torch's own or ours

Public names are imported on first use: what a cell declares is asked before torch is imported.
"""

import lazy_loader

# The public names and their homes are in __init__.pyi.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
