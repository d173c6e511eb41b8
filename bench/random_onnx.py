"""A network of one of the bench's shapes with random weights, as Transformers.js reads it: four bits in the layers, eight in the head.

    python3 -m venv ~/onnx && ~/onnx/bin/pip install onnx numpy
    ~/onnx/bin/python bench/random_onnx.py mini ~/onnx/mini

What it writes means nothing; what it costs is what such an export costs.
"""

import json
import sys
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

SHAPES = {"mini": (6, 640, 2048, 4, 1, 32768), "270m": (18, 640, 2048, 4, 1, 262144)}
DIM, WINDOW, CONTEXT = 256, 512, 8192
MS = {"domain": "com.microsoft"}


class Graph:
    """Nodes and weights of a file being written."""

    def __init__(self):
        self.nodes, self.weights, self.random = [], [], np.random.default_rng(1)

    def node(self, kind, inputs, outputs=None, **attributes):
        name = f"n{len(self.nodes)}"
        outputs = outputs or [name]
        self.nodes.append(helper.make_node(kind, inputs, outputs, name=name, **attributes))
        return outputs[0]

    def weight(self, name, array):
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def linear(self, name, x, rows, columns, bits=4):
        """x · Wᵀ, blocks of 32 with a scale each."""
        blocks = columns // 32
        codes = self.random.integers(0, 256, (rows, blocks, 4 * bits), dtype=np.uint8)
        scale = 1.7 / np.sqrt(columns) / 2 ** (bits - 1)
        scales = np.full(rows * blocks, scale, np.float32)
        inputs = [x, self.weight(f"{name}.codes", codes), self.weight(f"{name}.scales", scales)]
        return self.node("MatMulNBits", inputs, K=columns, N=rows, bits=bits, block_size=32, **MS)

    def norm(self, name, x, width):
        return self.node("SimplifiedLayerNormalization", [x, self.weight(name, np.ones(width, np.float32))], axis=-1, epsilon=1e-6)

    def heads_norm(self, name, x, heads):
        apart = self.node("Reshape", [x, self.weight(f"{name}.apart", np.array([0, 0, heads, DIM]))])
        normed = self.norm(name, apart, DIM)
        return self.node("Reshape", [normed, self.weight(f"{name}.joined", np.array([0, 0, heads * DIM]))])


def build(layers, width, hidden, heads, kv, vocabulary):
    g = Graph()
    table = g.weight("embedding", g.random.standard_normal((vocabulary, width), np.float32))
    x = g.node("Gather", [table, "input_ids"])
    one, axis = g.weight("one", np.array([1])), g.weight("axis", np.array([1]))
    length = g.node("ReduceSum", ["attention_mask", axis], keepdims=0)
    seen = g.node("Cast", [g.node("Sub", [length, one])], to=TensorProto.INT32)
    shape = g.node("Shape", ["attention_mask"])
    total = g.node("Cast", [g.node("Gather", [shape, g.weight("second", np.array(1))])], to=TensorProto.INT32)
    angles = np.outer(np.arange(CONTEXT), 1e6 ** (-np.arange(DIM // 2) / (DIM // 2))).astype(np.float32)
    cos, sin = g.weight("cos", np.cos(angles)), g.weight("sin", np.sin(angles))
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch_size", size]) for name, size in [("input_ids", "sequence_length"), ("attention_mask", "total_sequence_length")]]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch_size", "sequence_length", vocabulary])]
    for i in range(layers):
        n = f"layer.{i}"
        pasts = [f"past_key_values.{i}.{kind}" for kind in ("key", "value")]
        presents = [f"present.{i}.{kind}" for kind in ("key", "value")]
        inputs += [helper.make_tensor_value_info(it, TensorProto.FLOAT, ["batch_size", kv, "past_sequence_length", DIM]) for it in pasts]
        outputs += [helper.make_tensor_value_info(it, TensorProto.FLOAT, ["batch_size", kv, "total_sequence_length", DIM]) for it in presents]
        h = g.norm(f"{n}.in", x, width)
        q = g.heads_norm(f"{n}.qn", g.linear(f"{n}.q", h, heads * DIM, width), heads)
        k = g.heads_norm(f"{n}.kn", g.linear(f"{n}.k", h, kv * DIM, width), kv)
        v = g.linear(f"{n}.v", h, kv * DIM, width)
        window = -1 if i % 6 == 5 else WINDOW
        mixed = g.node("GroupQueryAttention", [q, k, v, *pasts, seen, total, cos, sin], [f"{n}.mixed", *presents],
                       num_heads=heads, kv_num_heads=kv, scale=DIM**-0.5, do_rotary=1, local_window_size=window, **MS)
        o = g.norm(f"{n}.post", g.linear(f"{n}.o", mixed, width, heads * DIM), width)
        x = g.node("Add", [x, o])
        h = g.norm(f"{n}.pre", x, width)
        gate = g.node("Gelu", [g.linear(f"{n}.gate", h, hidden, width)], approximate="tanh")
        inner = g.node("Mul", [gate, g.linear(f"{n}.up", h, hidden, width)])
        x = g.node("Add", [x, g.norm(f"{n}.ffn", g.linear(f"{n}.down", inner, width, hidden), width)])
    logits = g.linear("head", g.norm("last", x, width), vocabulary, width, bits=8)
    g.node("Identity", [logits], ["logits"])
    graph = helper.make_graph(g.nodes, "random", inputs, outputs, g.weights)
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)])


def main(shape, folder):
    layers, width, hidden, heads, kv, vocabulary = SHAPES[shape]
    folder = Path(folder)
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    save(build(*SHAPES[shape]), folder / "onnx" / "model_q4.onnx")
    config = dict(model_type="gemma3_text", architectures=["Gemma3ForCausalLM"], num_hidden_layers=layers, hidden_size=width, intermediate_size=hidden,
                  num_attention_heads=heads, num_key_value_heads=kv, head_dim=DIM, vocab_size=vocabulary, bos_token_id=2, eos_token_id=1)
    config["transformers.js_config"] = {}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "generation_config.json").write_text(json.dumps({"bos_token_id": 2, "eos_token_id": 1}))


if __name__ == "__main__":
    main(*sys.argv[1:3])
