"""Records the reference results with which `pkg-scripts/real` compares a real Gemma 3 270M: `real.py MODEL.gguf goldens`.

Token ids by Google's sentencepiece, on a model built from the file's vocabulary; logits, greedy ids and
the text's mean surprise by NumPy in f64 (`forward.py`). No weight is in the record.
"""

import hashlib
import json
import sys

import numpy as np
import sentencepiece
from sentencepiece import sentencepiece_model_pb2 as proto

from forward import Network
from texts import texts

PROMPTS = [
    "The capital of France is",
    "Once upon a time, in a village by the sea,",
    "def fibonacci(n):\n    ",
    '{"name": "Ada", "age": 36, "city": "',
    "Die Hauptstadt von Italien ist",
    "日本の首都は",
]
STEPS = 12
EVERY = 1_024
HERE = __file__.rsplit("/", 1)[0] if "/" in __file__ else "."


def tokenizer(network):
    """Returns sentencepiece's own encoder with the pieces, scores and types of the file."""
    model = proto.ModelProto()
    model.trainer_spec.model_type = proto.TrainerSpec.BPE
    model.trainer_spec.byte_fallback = True
    model.normalizer_spec.name = "identity"
    model.normalizer_spec.add_dummy_prefix = False
    model.normalizer_spec.remove_extra_whitespaces = False
    fields = [network.field(f"tokenizer.ggml.{name}") for name in ("tokens", "scores", "token_type")]
    for piece, score, kind in zip(*fields):
        # Some pieces of a GGUF contain spaces, for which sentencepiece has its own mark.
        piece = piece.replace(" ", "\u2581")
        model.pieces.add(piece=piece, score=score, type=kind)
    return sentencepiece.SentencePieceProcessor(model_proto=model.SerializeToString())


def surprise(network, ids):
    """Returns the mean of -ln p over all tokens except the first."""
    hidden = network.hidden(np.array(ids))[:-1]
    head = network.weights.get("output.weight", network.weights["token_embd.weight"])
    total = 0.0
    for start in range(0, len(hidden), 64):
        logits = hidden[start : start + 64] @ head.T
        if network.soft_cap:
            logits = network.soft_cap * np.tanh(logits / network.soft_cap)
        largest = logits.max(-1, keepdims=True)
        sums = np.log(np.exp(logits - largest).sum(-1)) + largest[:, 0]
        rows = np.arange(len(logits))
        total += (sums - logits[rows, ids[start + 1 : start + 1 + len(logits)]]).sum()
    return total / len(hidden)


def main(path, folder):
    network = Network(path)
    encoder = tokenizer(network)
    bos = int(network.field("tokenizer.ggml.bos_token_id"))
    prompts = []
    for text in PROMPTS:
        ids = [bos, *encoder.encode(text)]
        record = {"text": text, "ids": list(ids), "greedy": [], "margins": []}
        for step in range(STEPS):
            logits = network.logits(np.array(ids))
            if step == 0:
                record["deviation"] = float(logits.std())
                record["logits"] = [float(f"{it:.8g}") for it in logits[::EVERY]]
            second, first = np.sort(logits)[-2:]
            record["greedy"].append(int(logits.argmax()))
            record["margins"].append(float(f"{(first - second) / logits.std():.4g}"))
            ids.append(int(logits.argmax()))
        record["answer"] = encoder.decode(record["greedy"])
        prompts.append(record)
        print(text, "->", record["answer"], flush=True)
    with open(f"{HERE}/real.txt", encoding="utf-8") as file:
        ids = [bos, *encoder.encode(file.read())]
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    golden = {
        "sha256": digest,
        "every": EVERY,
        # sentencepiece cannot distinguish its mark for a space from the same character in the text.
        "tokens": [
            {"text": text, "ids": encoder.encode(text)}
            for text in texts() + PROMPTS
            if "\u2581" not in text
        ],
        "prompts": prompts,
        "text": {"ids": len(ids), "surprise": surprise(network, ids)},
    }
    with open(f"{folder}/real_270m.json", "w", encoding="utf-8") as file:
        json.dump(golden, file, ensure_ascii=False, separators=(",", ":"))


main(*sys.argv[1:])
