"""Gemma 3 and EmbeddingGemma in NumPy, in f64, on dequantised weights: the reference for logits.

Written from the formulas, with gguf's own reader and decoders, and sharing nothing with the Rust.
"""

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize


class Network:
    def __init__(self, path):
        reader = GGUFReader(path)
        self.fields = reader.fields
        self.arch = self.field("general.architecture")
        self.weights = {
            tensor.name: dequantize(tensor.data, tensor.tensor_type).astype(np.float64)
            for tensor in reader.tensors
        }
        self.layers = self.key("block_count")
        self.heads = self.key("attention.head_count")
        self.kv_heads = self.key("attention.head_count_kv")
        self.head_dim = self.key("attention.key_length")
        self.width = self.key("embedding_length")
        self.window = self.key("attention.sliding_window", 0)
        self.epsilon = self.key("attention.layer_norm_rms_epsilon")
        self.soft_cap = self.key("final_logit_softcapping", 0.0)
        largest = self.arch == "gemma3" and self.layers == 62
        scale_of = self.width // self.heads if largest else self.head_dim
        self.query_scale = 1 / np.sqrt(scale_of)

    def field(self, name, default=None):
        field = self.fields.get(name)
        return default if field is None else field.contents()

    def key(self, name, default=None):
        return self.field(f"{self.arch}.{name}", default)

    def is_local(self, layer):
        if not self.window:
            return False
        pattern = self.key("attention.sliding_window_pattern", 6)
        if isinstance(pattern, list):
            return bool(pattern[layer])
        return layer % pattern < pattern - 1

    def norm(self, x, name):
        scale = np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + self.epsilon)
        return x / scale * self.weights[f"{name}.weight"]

    def rope(self, x, is_local):
        base = 1e4 if is_local else self.key("rope.freq_base", 1e4)
        factor = 1.0 if is_local else self.key("rope.scaling.factor", 1.0)
        half = self.head_dim // 2
        places = np.arange(x.shape[0])[:, None, None] / factor
        angles = places * float(base) ** (-2.0 * np.arange(half) / self.head_dim)
        low, high = x[..., :half], x[..., half:]
        cos, sin = np.cos(angles), np.sin(angles)
        return np.concatenate([low * cos - high * sin, high * cos + low * sin], -1)

    def mask(self, count, is_local):
        distance = np.arange(count)[:, None] - np.arange(count)[None, :]
        if self.arch == "gemma-embedding":
            return np.abs(distance) <= self.window // 2 if is_local else distance == distance
        seen = distance >= 0
        return seen & (distance < self.window) if is_local else seen

    def embed(self, tokens):
        return self.weights["token_embd.weight"][tokens] * np.sqrt(self.width)

    def hidden(self, tokens):
        count = len(tokens)
        x = self.embed(tokens)
        for layer in range(self.layers):
            name, is_local = f"blk.{layer}", self.is_local(layer)
            product = lambda part, h: h @ self.weights[f"{name}.{part}.weight"].T
            h = self.norm(x, f"{name}.attn_norm")
            q = product("attn_q", h).reshape(count, self.heads, self.head_dim)
            k = product("attn_k", h).reshape(count, self.kv_heads, self.head_dim)
            v = product("attn_v", h).reshape(count, self.kv_heads, self.head_dim)
            q = self.rope(self.norm(q, f"{name}.attn_q_norm"), is_local) * self.query_scale
            k = self.rope(self.norm(k, f"{name}.attn_k_norm"), is_local)
            group = self.heads // self.kv_heads
            k, v = np.repeat(k, group, axis=1), np.repeat(v, group, axis=1)
            scores = np.einsum("qhd,khd->hqk", q, k)
            scores = np.where(self.mask(count, is_local)[None], scores, -np.inf)
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            scores /= scores.sum(-1, keepdims=True)
            mixed = np.einsum("hqk,khd->qhd", scores, v).reshape(count, -1)
            attention = product("attn_output", mixed)
            x = x + self.norm(attention, f"{name}.post_attention_norm")
            h = self.norm(x, f"{name}.ffn_norm")
            gate = product("ffn_gate", h)
            gate = 0.5 * gate * (1 + np.tanh(np.sqrt(2 / np.pi) * (gate + 0.044715 * gate**3)))
            fed = product("ffn_down", gate * product("ffn_up", h))
            x = x + self.norm(fed, f"{name}.post_ffw_norm")
        return self.norm(x, "output_norm")

    def logits(self, tokens):
        head = self.weights.get("output.weight", self.weights["token_embd.weight"])
        logits = head @ self.hidden(tokens)[-1]
        if self.soft_cap:
            logits = self.soft_cap * np.tanh(logits / self.soft_cap)
        return logits

    def vector(self, tokens):
        mean = self.hidden(tokens).mean(0)
        vector = self.weights["dense_3.weight"] @ (self.weights["dense_2.weight"] @ mean)
        return vector / np.linalg.norm(vector)
