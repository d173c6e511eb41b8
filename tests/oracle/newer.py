"""Gemma 3n and Gemma 4 in NumPy, in f64, on dequantised weights: the reference for logits.

Written from the formulas, one whole sequence at a time, and sharing nothing with the Rust. `mistakes` are
named departures from the formulas: a test proves that each of them is far from the record.
"""

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


class Newer:
    def __init__(self, path, mistakes=()):
        reader = GGUFReader(path)
        self.fields = reader.fields
        self.arch = self.field("general.architecture")
        self.weights = {
            tensor.name.removesuffix(".weight"): dequantize(tensor.data, tensor.tensor_type).astype(np.float64)
            for tensor in reader.tensors
        }
        self.mistakes = set(mistakes)
        self.is_3n = self.arch == "gemma3n"
        self.count = self.key("block_count")
        self.width = self.key("embedding_length")
        self.epsilon = self.key("attention.layer_norm_rms_epsilon")
        self.heads = self.key("attention.head_count")
        self.window = self.key("attention.sliding_window")
        self.cap = self.key("final_logit_softcapping", 30.0)
        self.part = self.key("embedding_length_per_layer_input", 0)
        self.own = self.count - int(self.key("attention.shared_kv_layers", 0))
        pattern = self.key("attention.sliding_window_pattern", 5)
        if not isinstance(pattern, list):
            pattern = [layer % pattern < pattern - 1 for layer in range(self.count)]
        self.local = [bool(flag) for flag in pattern]

    def field(self, name, default=None):
        field = self.fields.get(name)
        return default if field is None else field.contents()

    def key(self, name, default=None):
        return self.field(f"{self.arch}.{name}", default)

    def wrong(self, name):
        return name in self.mistakes

    def sees(self, mistake):
        """Whether a mistake can affect the file."""
        has = lambda part: any(name.endswith(part) for name in self.weights)
        shares = self.own < self.count
        needs = {
            "first layer as source": shares, "source one too early": shares,
            "shared layers use their own keys": shares and f"blk.{self.count - 1}.attn_k" in self.weights,
            "values from normed keys": not all(f"blk.{layer}.attn_v" in self.weights for layer in range(self.own)),
            "output scale ignored": has("layer_output_scale"),
        }
        divisors = self.weights.get("rope_freqs", np.ones(1))
        needs["divisors ignored"] = divisors.max() > 1
        needs["divisors on local layers"] = divisors[: self.key("attention.key_length_swa", 0) // 2].max(initial=1) > 1
        needs["values from turned keys"] = needs["values from normed keys"]
        rows = {"rows not scaled", "no rows", "no projection", "projection not normed", "rows by value and layer",
                "neighbouring layer's row", "input gate without gelu"}
        return needs.get(mistake, self.part > 0 if mistake in rows else True)

    def each(self, name, layer):
        value = self.key(name)
        return value[layer] if isinstance(value, list) else value

    def head_dim(self, layer):
        local = self.key("attention.key_length_swa", self.key("attention.key_length"))
        return local if self.local[layer] else self.key("attention.key_length")

    def rms(self, x):
        return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + self.epsilon)

    def norm(self, x, name):
        weight = self.weights[name]
        return self.rms(x) * (1 + weight if self.wrong("norms of one plus weight") else weight)

    def rope(self, x, layer):
        dim = x.shape[-1]
        half = dim // 2
        is_local = self.local[layer] != self.wrong("bases swapped")
        base = float(self.key("rope.freq_base_swa" if is_local else "rope.freq_base", 1e4))
        if self.wrong("one base"):
            base = float(self.key("rope.freq_base", 1e4))
        rates = base ** (-2.0 * np.arange(half) / dim)
        divides = not self.local[layer] and not self.wrong("divisors ignored")
        divides = divides or self.wrong("divisors on local layers")
        if divides and "rope_freqs" in self.weights:
            rates = rates / self.weights["rope_freqs"][:half]
        angles = np.arange(x.shape[0])[:, None, None] * rates
        cos, sin = np.cos(angles), np.sin(angles)
        if self.wrong("interleaved pairs"):
            low, high = x[..., 0::2], x[..., 1::2]
            turned = np.stack([low * cos - high * sin, high * cos + low * sin], -1)
            return turned.reshape(x.shape)
        low, high = x[..., :half], x[..., half:]
        return np.concatenate([low * cos - high * sin, high * cos + low * sin], -1)

    def source(self, layer):
        if layer < self.own:
            return layer
        same = [earlier for earlier in range(self.own) if self.local[earlier] == self.local[layer]]
        if self.wrong("first layer as source"):
            return same[0]
        if self.wrong("source one too early"):
            return same[-2] if len(same) > 1 else same[-1]
        return same[-1]

    def mask(self, distance, layer):
        seen = distance >= 0
        if self.local[layer] and not self.wrong("no window"):
            seen = seen & (distance < self.window + self.wrong("window one wider"))
        return seen

    def attention(self, h, layer, kept):
        name, count, dim = f"blk.{layer}", len(h), self.head_dim(layer)
        product = lambda part: h @ self.weights[f"{name}.{part}"].T
        kv_heads = self.each("attention.head_count_kv", layer)
        q = self.norm(product("attn_q").reshape(count, self.heads, dim), f"{name}.attn_q_norm")
        q = self.rope(q, layer)
        uses_own = layer < self.own or self.wrong("shared layers use their own keys")
        if uses_own:
            k = product("attn_k").reshape(count, kv_heads, dim)
            has_values = f"{name}.attn_v" in self.weights
            v = product("attn_v").reshape(count, kv_heads, dim) if has_values else k
            k = self.norm(k, f"{name}.attn_k_norm")
            if not has_values and self.wrong("values from normed keys"):
                v = k
            k = self.rope(k, layer)
            if not has_values and self.wrong("values from turned keys"):
                v = k
            if not self.wrong("values not normed"):
                v = self.rms(v)
            kept[layer] = (k, v)
        k, v = kept[layer if uses_own else self.source(layer)]
        group = self.heads // k.shape[1]
        k, v = np.repeat(k, group, axis=1), np.repeat(v, group, axis=1)
        scale = 1 / np.sqrt(dim) if self.wrong("queries scaled") else 1.0
        scores = np.einsum("qhd,khd->hqk", q, k) * scale
        distance = np.arange(count)[:, None] - np.arange(count)[None, :]
        scores = np.where(self.mask(distance, layer)[None], scores, -np.inf)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        mixed = np.einsum("hqk,khd->qhd", scores, v).reshape(count, -1)
        return mixed @ self.weights[f"{name}.attn_output"].T

    def inputs(self, tokens, x):
        """Returns each layer's input for each token: [tokens, layers, part]."""
        count = len(tokens)
        rows = self.weights["per_layer_token_embd"][tokens]
        if self.wrong("rows by value and layer"):
            rows = rows.reshape(count, self.part, self.count).swapaxes(1, 2)
        else:
            rows = rows.reshape(count, self.count, self.part)
        if self.wrong("neighbouring layer's row"):
            rows = np.roll(rows, 1, axis=1)
        if not self.wrong("rows not scaled"):
            rows = rows * np.sqrt(self.part)
        projected = (x @ self.weights["per_layer_model_proj"].T) / np.sqrt(self.width)
        projected = projected.reshape(count, self.count, self.part)
        if not self.wrong("projection not normed"):
            projected = self.norm(projected, "per_layer_proj_norm")
        if self.wrong("no rows"):
            rows = rows * 0
        if self.wrong("no projection"):
            projected = projected * 0
        return (projected + rows) / np.sqrt(2)

    def feed_forward(self, x, layer):
        name = f"blk.{layer}"
        n = self.norm(x, f"{name}.ffn_norm")
        gate, up = n @ self.weights[f"{name}.ffn_gate"].T, n @ self.weights[f"{name}.ffn_up"].T
        scales = self.key("activation_sparsity_scale")
        if self.is_3n and scales and np.isfinite(scales[layer]) and scales[layer] > 0:
            deviation = gate.std(-1, keepdims=True, ddof=0 if self.wrong("deviation over n") else 1)
            cut = gate.mean(-1, keepdims=True) + scales[layer] * deviation
            if self.wrong("gates kept whole"):
                gate = np.where(gate > cut, gate, 0)
            elif not self.wrong("no sparsity"):
                gate = np.maximum(0, gate - cut)
        return self.norm((gelu(gate) * up) @ self.weights[f"{name}.ffn_down"].T, f"{name}.post_ffw_norm")

    def per_layer(self, x, layer, inputs):
        name = f"blk.{layer}"
        gate = x @ self.weights[f"{name}.inp_gate"].T
        gate = gate if self.wrong("input gate without gelu") else gelu(gate)
        return self.norm((gate * inputs[:, layer]) @ self.weights[f"{name}.proj"].T, f"{name}.post_norm")

    def layer_4(self, x, layer, kept, inputs):
        name = f"blk.{layer}"
        attended = self.attention(self.norm(x, f"{name}.attn_norm"), layer, kept)
        x = x + self.norm(attended, f"{name}.post_attention_norm")
        x = x + self.feed_forward(x, layer)
        if self.part:
            x = x + self.per_layer(x, layer, inputs)
        scale = self.weights.get(f"{name}.layer_output_scale", np.ones(1))
        return x if self.wrong("output scale ignored") else x * scale

    def routed(self, x, name):
        normed = self.norm(x, f"{name}.altup_router_norm")
        share = np.sqrt(self.width) if self.wrong("routed by the root") else self.width
        return np.tanh((normed / share) @ self.weights[f"{name}.altup_router"].T)

    def layer_3n(self, streams, layer, kept, inputs):
        name, count = f"blk.{layer}", len(streams)
        c = self.routed(streams[0], name) @ self.weights[f"{name}.altup_predict_coef"].T
        c = c.reshape(-1, count, count)
        if self.wrong("coefficients transposed"):
            c = c.swapaxes(1, 2)
        predicted = np.einsum("tij,jtd->itd", c, streams)
        if not self.wrong("predictions alone"):
            predicted = predicted + streams
        a = predicted[0]
        h = self.norm(a, f"{name}.attn_norm")
        low = h @ self.weights[f"{name}.laurel_l"].T @ self.weights[f"{name}.laurel_r"].T
        laurel = (a if self.wrong("laurel beside the stream") else h) + self.norm(low, f"{name}.laurel_post_norm")
        attended = a + self.norm(self.attention(h, layer, kept), f"{name}.post_attention_norm")
        x = attended if self.wrong("no laurel") else (attended + laurel)
        if not self.wrong("laurel not halved"):
            x = x / np.sqrt(2)
        after = x + self.feed_forward(x, layer)
        routed = self.routed(a if self.wrong("old value routed") else after, name)
        c = routed @ self.weights[f"{name}.altup_correct_coef"].T
        if not self.wrong("corrections without one"):
            c = c + 1
        corrected = predicted + (after - a)[None] * c.T[:, :, None]
        active = corrected[0]
        if not self.wrong("correct scale ignored"):
            active = active * self.weights[f"{name}.altup_correct_scale"]
        p = self.per_layer(active, layer, inputs)
        first = 0 if self.wrong("input into all streams") else 1
        if self.wrong("input into the active stream"):
            corrected[0] += p
        else:
            corrected[first:] += p
        return corrected

    def embed(self, tokens):
        return self.weights["token_embd"][tokens] * np.sqrt(self.width)

    def hidden(self, tokens):
        x = self.embed(tokens)
        inputs = self.inputs(tokens, x) if self.part else None
        kept = {}
        if not self.is_3n:
            for layer in range(self.count):
                x = self.layer_4(x, layer, kept, inputs)
            return self.norm(x, "output_norm")
        length = lambda y: np.sqrt((y * y).sum(-1, keepdims=True))
        streams = [x]
        for matrix in self.weights["altup_proj"]:
            y = x @ matrix.T
            streams.append(y * length(x) / length(y))
        streams = np.stack(streams)
        for layer in range(self.count):
            streams = self.layer_3n(streams, layer, kept, inputs)
        x = streams[0]
        if not self.wrong("first stream alone"):
            for matrix, stream in zip(self.weights["altup_unembd_proj"], streams[1:]):
                y = stream @ matrix.T
                if not self.wrong("lengths not restored"):
                    y = y * length(streams[0]) / length(y)
                x = x + y
            x = x / len(streams)
        return self.norm(x, "output_norm")

    def logits(self, tokens):
        head = self.weights.get("output", self.weights["token_embd"])
        logits = head @ self.hidden(tokens)[-1]
        return self.cap * np.tanh(logits / self.cap) if self.cap else logits


# Each deliberate mistake, and the models that it affects.
MISTAKES = {
    "queries scaled": "both", "values not normed": "both", "norms of one plus weight": "both",
    "first layer as source": "both", "source one too early": "both", "one base": "both", "bases swapped": "both",
    "interleaved pairs": "both", "window one wider": "both", "no window": "both", "rows not scaled": "both",
    "no rows": "both", "no projection": "both", "projection not normed": "both", "rows by value and layer": "both",
    "neighbouring layer's row": "both", "input gate without gelu": "both",
    "shared layers use their own keys": "both", "divisors ignored": "gemma4", "divisors on local layers": "gemma4",
    "values from normed keys": "gemma4", "values from turned keys": "gemma4", "output scale ignored": "gemma4",
    "coefficients transposed": "gemma3n", "predictions alone": "gemma3n", "corrections without one": "gemma3n",
    "old value routed": "gemma3n", "routed by the root": "gemma3n", "input into the active stream": "gemma3n",
    "input into all streams": "gemma3n", "correct scale ignored": "gemma3n", "no laurel": "gemma3n",
    "laurel beside the stream": "gemma3n", "laurel not halved": "gemma3n", "first stream alone": "gemma3n",
    "lengths not restored": "gemma3n", "no sparsity": "gemma3n", "gates kept whole": "gemma3n",
    "deviation over n": "gemma3n",
}
