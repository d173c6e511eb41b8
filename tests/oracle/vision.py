"""Vision towers in NumPy, in f64, on dequantised weights, and Pillow's resizing: the references for pictures.

`vision.py record MODELS GOLDENS` records what they say about the tiny towers, `vision.py resize GOLDENS` the
fingerprints of resized pictures. `mistakes` are named departures from the formulas; each is recorded with how far
it moves a row, so that a test knows that the record would show it.
"""

import json
import pathlib
import sys

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize
from PIL import Image

from record import fingerprint, short

MISTAKES = {
    "gemma3": ["pixels from 0 to 1", "blue first", "columns after rows", "no projection norm", "no last norm",
               "largest of the pool", "causal", "scores not scaled"],
    "gemma4v": ["pixels from 0 to 1", "blue first", "columns after rows", "axes exchanged", "no rope", "rope base 10000",
                "scores scaled", "values not normed", "no norms after blocks", "clamps ignored", "not standardised",
                "no root of the width", "no projection norm", "largest of the pool", "causal"],
    "gemma4uv": ["blue first", "columns after rows", "axes exchanged", "no projection norm"],
}
STRIDE = 13


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def rms(x, epsilon=1e-6):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon)


class Tower:
    def __init__(self, path, mistakes=()):
        reader = GGUFReader(path)
        self.fields = reader.fields
        self.weights = {t.name: dequantize(t.data, t.tensor_type).astype(np.float64) for t in reader.tensors}
        self.shapes = {t.name: [int(size) for size in t.shape] for t in reader.tensors}
        self.mistakes = set(mistakes)
        self.kind = self.field("clip.vision.projector_type") or self.field("clip.projector_type")
        self.width = self.key("embedding_length")
        self.heads = self.key("attention.head_count")
        self.patch = self.key("patch_size")
        self.pool = self.key("projector.scale_factor") or (4 if self.kind == "gemma3" else 3)
        if self.kind == "gemma4uv":
            self.patch, self.pool = self.patch * self.pool, 1

    def field(self, name):
        field = self.fields.get(name)
        return None if field is None else field.contents()

    def key(self, name):
        return self.field(f"clip.vision.{name}")

    def wrong(self, name):
        return name in self.mistakes

    def sees(self, name):
        if name == "not standardised":
            return "v.std_scale" in self.weights
        if name == "no root of the width":  # The norm before the projection hides it otherwise.
            return "v.std_scale" in self.weights
        if name == "clamps ignored":
            return "v.blk.0.attn_q.input_min" in self.weights
        return True

    def size(self, size, budget):
        if self.kind == "gemma3":
            return (self.key("image_size"),) * 2
        unit = self.patch * self.pool
        width, height = size
        factor = np.sqrt(budget * unit * unit / (width * height))
        w, h = (int(np.floor(factor * side / unit)) * unit for side in size)
        if w == 0:
            return unit, min(height // width, budget) * unit
        if h == 0:
            return min(width // height, budget) * unit, unit
        return w, h

    def norm(self, x, name, epsilon=1e-6):
        weight, bias = self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias")
        if bias is None:
            return rms(x, epsilon) * weight
        x = x - x.mean(-1, keepdims=True)
        return rms(x, epsilon) * weight + bias

    def linear(self, x, name):
        has_clamps = f"{name}.input_min" in self.weights and not self.wrong("clamps ignored")
        clamp = lambda x, kind: np.clip(x, self.weights[f"{name}.{kind}_min"], self.weights[f"{name}.{kind}_max"])
        if has_clamps:
            x = clamp(x, "input")
        y = x @ self.weights[f"{name}.weight"].T
        if f"{name}.bias" in self.weights:
            y = y + self.weights[f"{name}.bias"]
        return clamp(y, "output") if has_clamps else y

    def rope(self, x, columns):
        """x: [patches, heads, dim]"""
        if self.wrong("no rope"):
            return x
        base = 10000.0 if self.wrong("rope base 10000") else 100.0
        index = np.arange(len(x))
        places = [index % columns, index // columns]
        if self.wrong("axes exchanged"):
            places.reverse()
        half = x.shape[-1] // 2
        out = x.copy()
        for part, place in enumerate(places):
            for j in range(half // 2):
                angle = (place * base ** (-2 * j / half))[:, None]
                low, high = part * half + j, part * half + j + half // 2
                a, b = x[..., low], x[..., high]
                out[..., low] = a * np.cos(angle) - b * np.sin(angle)
                out[..., high] = b * np.cos(angle) + a * np.sin(angle)
        return out

    def attention(self, h, name, columns):
        of_3 = self.kind == "gemma3"
        split = lambda part: self.linear(h, f"{name}.{part}").reshape(len(h), self.heads, -1)
        q, k, v = split("attn_q"), split("attn_k"), split("attn_v")
        scale = 1 / np.sqrt(q.shape[-1]) if of_3 != (self.wrong("scores scaled") or self.wrong("scores not scaled")) else 1.0
        if not of_3:
            q = self.rope(self.norm(q, f"{name}.attn_q_norm"), columns)
            k = self.rope(self.norm(k, f"{name}.attn_k_norm"), columns)
            v = v if self.wrong("values not normed") else rms(v)
        scores = np.einsum("qhd,khd->hqk", q, k) * scale
        if self.wrong("causal"):
            scores = np.where(np.tril(np.ones(scores.shape[1:])) > 0, scores, -np.inf)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = np.einsum("hqk,khd->qhd", scores / scores.sum(-1, keepdims=True), v)
        return self.linear(mixed.reshape(len(h), -1), f"{name}.attn_out")

    def layer(self, x, name, columns):
        after = lambda y, part: y if self.wrong("no norms after blocks") else self.norm(y, f"{name}.{part}")
        y = self.attention(self.norm(x, f"{name}.ln1"), name, columns)
        x = x + (y if self.kind == "gemma3" else after(y, "attn_post_norm"))
        h = self.norm(x, f"{name}.ln2")
        if self.kind == "gemma3":
            first, second = "ffn_up", "ffn_down"
            if self.shapes[f"{name}.ffn_up.weight"][0] != self.width:
                first, second = second, first
            return x + self.linear(gelu(self.linear(h, f"{name}.{first}")), f"{name}.{second}")
        y = self.linear(gelu(self.linear(h, f"{name}.ffn_gate")) * self.linear(h, f"{name}.ffn_up"), f"{name}.ffn_down")
        return x + after(y, "ffn_post_norm")

    def rows(self, pixels):
        """pixels: [height, width, 3] bytes, of the tower's size."""
        height, width, _ = pixels.shape
        side, columns, lines = self.patch, width // self.patch, height // self.patch
        x = pixels.astype(np.float64) / 255
        if self.kind != "gemma4uv" and not self.wrong("pixels from 0 to 1"):
            x = 2 * x - 1
        if self.wrong("blue first"):
            x = x[..., ::-1]
        x = x.reshape(lines, side, columns, side, 3)
        order = (0, 2, 1, 3, 4) if self.wrong("columns after rows") else (0, 2, 4, 1, 3)
        x = x.transpose(order).reshape(lines * columns, -1)
        patch = self.weights["v.patch_embd.weight"].reshape(self.width, -1)
        if self.kind == "gemma4uv":
            x = self.norm(x, "v.patch_norm.1", 1e-5)
        x = x @ patch.T + self.weights.get("v.patch_embd.bias", 0)
        if self.kind == "gemma4uv":
            x = self.norm(x, "v.patch_norm.2", 1e-5)
        table = self.weights["v.position_embd.weight"]
        if self.kind == "gemma3":
            x = x + table
        else:
            index = np.arange(len(x))
            across, down = (1, 0) if self.wrong("axes exchanged") else (0, 1)
            x = x + table[across][index % columns] + table[down][index // columns]
        if self.kind == "gemma4uv":
            x = self.norm(x, "v.patch_norm.3", 1e-5)
        else:
            for layer in range(self.key("block_count")):
                x = self.layer(x, f"v.blk.{layer}", columns)
        if self.kind == "gemma3" and not self.wrong("no last norm"):
            x = self.norm(x, "v.post_ln")
        pool = self.pool
        x = x.reshape(lines // pool, pool, columns // pool, pool, -1).transpose(0, 2, 1, 3, 4)
        x = x.reshape(len(x) * x.shape[1], pool * pool, -1)
        x = x.max(1) if self.wrong("largest of the pool") else x.mean(1)
        if self.kind == "gemma4v" and not self.wrong("no root of the width"):
            x = x * np.sqrt(self.width)
        if "v.std_scale" in self.weights and not self.wrong("not standardised"):
            x = (x - self.weights["v.std_bias"]) * self.weights["v.std_scale"]
        if not self.wrong("no projection norm"):
            x = rms(x)
        if self.kind == "gemma3":
            return (x * self.weights["mm.soft_emb_norm.weight"]) @ self.weights["mm.input_projection.weight"]
        return x @ self.weights["mm.input_projection.weight"].T


def resized(pixels, size, kind):
    filter = Image.Resampling.BILINEAR if kind == "gemma3" else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(pixels).resize(size, filter))


def read_ppm(path):
    return np.asarray(Image.open(path).convert("RGB"))


def case(tower, path, picture, budget):
    pixels = read_ppm(picture)
    size = tower.size(pixels.shape[1::-1], budget)
    prepared = resized(pixels, size, tower.kind)
    exact = tower.rows(prepared)
    moved = {}
    for name in filter(tower.sees, MISTAKES[tower.kind]):
        moved[name] = round(float(np.abs(Tower(path, [name]).rows(prepared) - exact).max() / exact.std()), 4)
    return {
        "picture": [int(side) for side in pixels.shape[1::-1]], "budget": budget, "size": [int(side) for side in size],
        "tokens": len(exact), "deviation": float(exact.std()), "values": short(exact.ravel()[::STRIDE]), "mistakes": moved,
    }


def record(models, goldens):
    pictures = sorted(pathlib.Path(models).glob("*.ppm"))
    for path in sorted(pathlib.Path(models).glob("vision_*.gguf")):
        tower = Tower(path)
        budgets = [70] if tower.kind != "gemma3" else [280]
        cases = [case(tower, path, picture, budget) for picture in pictures for budget in budgets]
        golden = {"model": path.stem, "fingerprint": fingerprint(path.read_bytes()), "stride": STRIDE, "cases": cases}
        (pathlib.Path(goldens) / f"{path.stem}.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
        print(path.stem, [case["size"] for case in cases], cases[0]["mistakes"])


class Random:
    """SplitMix64, like the tests' own."""

    def __init__(self, seed):
        self.state = seed

    def below(self, bound):
        mask = 2**64 - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return ((z ^ (z >> 31)) >> 32) % bound


def resize(goldens):
    sizes = [((1, 1), (48, 48)), ((7, 3), (96, 48)), ((100, 80), (56, 56)), ((56, 56), (100, 80)), ((31, 200), (48, 144)),
             ((200, 31), (144, 48)), ((64, 48), (64, 96)), ((64, 48), (32, 48)), ((113, 97), (112, 96)), ((3, 301), (48, 48)),
             ((255, 254), (16, 16)), ((2, 2), (224, 224))]
    cases = []
    for seed, (start, end) in enumerate(sizes):
        for name, kind in [("bilinear", "gemma3"), ("bicubic", "gemma4v")]:
            chance = Random(seed)
            data = [chance.below(256) for _ in range(3 * start[0] * start[1])]
            pixels = np.array(data, np.uint8).reshape(start[1], start[0], 3)
            out = resized(pixels, end, kind)
            cases.append({"seed": seed, "from": start, "to": end, "filter": name, "fingerprint": fingerprint(out.tobytes())})
    (pathlib.Path(goldens) / "resize.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    {"record": record, "resize": resize}[sys.argv[1]](*sys.argv[2:])
