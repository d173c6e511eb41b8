"""Text networks with rows of pictures among their tokens, in NumPy, in f64: the reference for logits after pictures.

`seeing.py MODELS GOLDENS` records the tiny models with rows of chance, one picture longer than a chunk and one short.
`mistakes` are named departures from the formulas, recorded with how far each moves a logit.
"""

import json
import pathlib
import sys

import numpy as np

from forward import Network
from newer import Newer
from record import fingerprint, short
from vision import Random

# The lengths of the pictures, and the number of tokens before each and at the end.
SPANS = [40, 6]
TEXT = [5, 3, 9]
SEED = 25
STRIDE = 5
MISTAKES = {
    "period_2": ["rows scaled", "rows causal", "whole prompt both ways", "ahead on local layers only", "text sees ahead",
                 "past not windowed", "pictures see each other"],
    "gemma4_dense": ["rows scaled", "rows causal", "whole prompt both ways", "ahead on global layers too",
                     "past not windowed"],
    "gemma4": ["rows scaled", "whole prompt both ways", "rows both ways", "no rows of the table", "another row of the table"],
}


class Seeing:
    """A mixin for both networks: `self.rows` replace the embeddings of tokens of -1."""

    def prepare(self, tokens, rows, spans):
        tokens = np.array(tokens)
        self.is_row = tokens < 0
        self.rows = np.asarray(rows, np.float64)
        self.picture = np.full(len(tokens), -1)
        places = np.flatnonzero(self.is_row)
        self.picture[places] = np.repeat(np.arange(len(spans)), spans)
        return np.where(self.is_row, 0, tokens)

    def put(self, x):
        x = x.copy()
        x[self.is_row] = self.rows * (np.sqrt(self.width) if self.wrong("rows scaled") else 1)
        return x

    def around(self, seen, distance, is_local, window):
        """`seen` contains the positions visible to text."""
        same = (self.picture[:, None] == self.picture[None, :]) & (self.picture >= 0)[:, None]
        if self.wrong("pictures see each other"):
            same = self.is_row[:, None] & self.is_row[None, :]
        if self.wrong("whole prompt both ways"):
            same = np.ones_like(same)
        if self.wrong("text sees ahead"):
            same = same | np.roll(same, -1, axis=0)
        if not self.looks_ahead(is_local):
            return seen
        ahead = same & (distance < 0)
        if is_local and self.wrong("past not windowed"):
            return seen | same
        return seen | ahead

    def looks_ahead(self, is_local):
        if self.wrong("rows causal"):
            return False
        if self.wrong("whole prompt both ways") or self.wrong("rows both ways"):
            return True
        if self.kind == "behind":
            return False
        if self.wrong("ahead on global layers too"):
            return True
        return is_local or (self.kind == "everywhere" and not self.wrong("ahead on local layers only"))


class Seeing3(Seeing, Network):
    kind = "everywhere"

    def __init__(self, path, mistakes=()):
        super().__init__(path)
        self.mistakes = set(mistakes)

    def wrong(self, name):
        return name in self.mistakes

    def embed(self, tokens):
        return self.put(super().embed(tokens))

    def mask(self, count, is_local):
        distance = np.arange(count)[:, None] - np.arange(count)[None, :]
        return self.around(super().mask(count, is_local), distance, is_local, self.window)


class Seeing4(Seeing, Newer):
    @property
    def kind(self):
        return "behind" if self.part else "local"

    def embed(self, tokens):
        return self.put(super().embed(tokens))

    def mask(self, distance, layer):
        return self.around(super().mask(distance, layer), distance, self.local[layer], self.window)

    def inputs(self, tokens, x):
        if self.wrong("another row of the table"):
            tokens = np.where(self.is_row, 3, tokens)
        if self.wrong("no rows of the table"):
            table = self.weights["per_layer_token_embd"]
            self.weights["per_layer_token_embd"] = np.concatenate([table, np.zeros_like(table[:1])])
            made = super().inputs(np.where(self.is_row, len(table), tokens), x)
            self.weights["per_layer_token_embd"] = table
            return made
        return super().inputs(tokens, x)


def chance(seed, count):
    """Returns uniform numbers from -1 to 1 with 24 bits, like the tests' own generator."""
    random, mask = Random(seed), 2**64 - 1
    values = []
    for _ in range(count):
        random.state = (random.state + 0x9E3779B97F4A7C15) & mask
        z = random.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        values.append(((z ^ (z >> 31)) >> 40) / 8388608 - 1)
    return np.array(values)


def prompt(vocabulary):
    random, ids = Random(SEED), []
    text = lambda count: [random.below(vocabulary) for _ in range(count)]
    for count, span in zip(TEXT, SPANS):
        ids += text(count) + [-1] * span
    return ids + text(TEXT[-1])


def main(models, goldens):
    for name, mistakes in MISTAKES.items():
        path = pathlib.Path(models) / f"{name}.gguf"
        kind = Seeing3 if name == "period_2" else Seeing4
        vocabulary = len(kind(path).weights["token_embd.weight" if name == "period_2" else "token_embd"])
        ids = prompt(vocabulary)
        width = kind(path).width
        # About as large as scaled embeddings.
        rows = 4 * chance(SEED, sum(SPANS) * width).reshape(-1, width)

        def logits(mistakes=()):
            network = kind(path, mistakes)
            return network.logits(network.prepare(ids, rows, SPANS))

        exact = logits()
        moved = {it: round(float(np.abs(logits([it]) - exact).max() / exact.std()), 4) for it in mistakes}
        golden = {"model": name, "fingerprint": fingerprint(path.read_bytes()), "prompt": ids, "spans": SPANS, "seed": SEED,
                  "stride": STRIDE, "deviation": float(exact.std()), "logits": short(exact[::STRIDE]), "mistakes": moved}
        (pathlib.Path(goldens) / f"seeing_{name}.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
        print(name, moved)


if __name__ == "__main__":
    main(*sys.argv[1:])
