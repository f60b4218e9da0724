"""The simple recurrent unit (Lei et al. 2018, arXiv 1709.02755, equations 1 to 4)."""

from torch import cat
from torch.nn.functional import pad

from seqtrain.recurrence.cells import Cell, Gate, add_bias, multiply_input, register_cell


@register_cell
class SRU(Cell):
    """The gates look at the state through one weight per unit, and a highway leads past the recurrence:

    f = sigmoid(W_f x + v_f c + b_f)
    r = sigmoid(W_r x + v_r c + b_r)
    n =         W_n x
    s =         W_s x
    c' = f c + (1 - f) n
    h' = r c' + (1 - r) s

    weight_ih has the rows of f, r, n and s, weight_ch v_f and v_r, bias_ih b_f and b_r.
    """

    name = "sru"
    gates = (
        Gate("forget", memory="keeps"),
        Gate("highway"),
        Gate("candidate", "linear"),
        Gate("skipped", "linear"),
    )
    states = ("h", "c")
    biases = ("bias_ih",)

    def shapes(self, input_size, hidden_size, bias):
        shapes = {"weight_ih": (4 * hidden_size, input_size), "weight_ch": (2 * hidden_size,)}
        return shapes | {"bias_ih": (2 * hidden_size,)} if bias else shapes

    def find_blocks(self, parameter):
        return super().find_blocks(parameter) if parameter == "weight_ih" else ("forget", "highway")

    def project(self, x, weights):
        """(D, N, I) to (D, N, 4H): all products of the whole sequence."""
        biases = {
            name: pad(weights[name], (0, weights[name].size(-1))) for name in self.biases if name in weights
        }
        return add_bias(multiply_input(x, weights), biases, *biases)

    def step(self, projected, state, weights):
        """One time step of all directions: (D, b, 4H) and the states (D, b, H) to the next ones."""
        _, c = state
        gates, n, s = projected.tensor_split((2 * c.size(-1), 3 * c.size(-1)), -1)
        f, r = gates.addcmul(weights["weight_ch"].unsqueeze(1), cat([c, c], -1)).sigmoid().chunk(2, -1)
        c = f * c + (1 - f) * n
        h = r * c + (1 - r) * s
        return (h, c), {"forget": f, "highway": r, "candidate": n, "skipped": s}
