"""Records the results of llama.cpp and NumPy for the tiny models: `record.py MODELS GOLDENS [NAME...]`."""

import json
import pathlib
import sys

import gguf
import numpy as np

from forward import Network
from newer import MISTAKES, Newer
from texts import texts

try:
    import llama_cpp
except ImportError:  # NumPy judges alone then, and what llama.cpp said before stays.
    llama_cpp = None

STEPS = 16


def fingerprint(data):
    """FNV-1a with 64 bits, which shows whether a test's model is the recorded one."""
    state = 0xCBF29CE484222325
    for byte in data:
        state = ((state ^ byte) * 0x100000001B3) % 2**64
    return f"{state:016x}"


def short(values):
    """Rounds to the digits that f32 needs."""
    return [float(f"{value:.9g}") for value in values]


def continuation(network, prompt):
    """Returns the greedy IDs, and the margin of each over the next best in standard deviations."""
    ids, margins = list(prompt), []
    for _ in range(STEPS):
        logits = network.logits(ids)
        second, first = np.sort(logits)[-2:]
        margins.append(round(float((first - second) / logits.std()), 4))
        ids.append(int(np.argmax(logits)))
    return ids[len(prompt):], margins


def open_llama(path, **options):
    return llama_cpp.Llama(str(path), n_ctx=256, n_batch=256, n_threads=1, verbose=False, **options)


def llama_logits(llama, prompt):
    llama.reset()
    llama.eval(prompt)
    pointer = llama_cpp.llama_get_logits_ith(llama.ctx, -1)
    return np.ctypeslib.as_array(pointer, shape=(llama.n_vocab(),)).astype(np.float64)


def llama_reads(network):
    """Whether llama.cpp can read the model: it fixes most sizes of Gemma 3n, so it cannot read a tiny one."""
    return llama_cpp is not None and network.arch != "gemma3n"


def known_mistakes(path, network, prompt):
    """Returns how far each known mistake moves a logit, in standard deviations of the exact ones."""
    exact = network.logits(prompt)
    names = [name for name, where in MISTAKES.items() if where in ("both", network.arch)]
    moved = {name: np.abs(Newer(path, [name]).logits(prompt) - exact).max() / exact.std() for name in names if network.sees(name)}
    return {name: round(float(value), 6) for name, value in moved.items()}


def of_text_model(path, network, prompt):
    exact = network.logits(prompt)
    ids, margins = continuation(network, prompt)
    alone = {"logits": short(exact), "greedy": ids, "margins": margins}
    if isinstance(network, Newer):
        alone["mistakes"] = known_mistakes(path, network, prompt)
    if not llama_reads(network):
        return alone
    llama = open_llama(path)
    theirs = llama_logits(llama, prompt)
    llama_ids, tokens = [], list(prompt)
    for _ in range(STEPS):
        llama_ids.append(int(np.argmax(llama_logits(llama, tokens))))
        tokens.append(llama_ids[-1])
    # Decoding token by token would give the same logits again.
    return alone | {
        "llama": {
            "greedy": llama_ids,
            "worst": round(float(np.abs(theirs - exact).max() / exact.std()), 6),
        },
    }


def of_vector_model(path, network, prompt):
    vector = network.vector(prompt)
    llama = open_llama(path, embedding=True, pooling_type=llama_cpp.LLAMA_POOLING_TYPE_MEAN)
    batch = llama_cpp.llama_batch_init(len(prompt), 0, 1)
    batch.n_tokens = len(prompt)
    for index, token in enumerate(prompt):
        batch.token[index], batch.pos[index] = token, index
        batch.n_seq_id[index], batch.seq_id[index][0] = 1, 0
        batch.logits[index] = True
    assert llama_cpp.llama_decode(llama.ctx, batch) == 0
    pointer = llama_cpp.llama_get_embeddings_seq(llama.ctx, 0)
    theirs = np.ctypeslib.as_array(pointer, shape=(len(vector),)).astype(np.float64)
    cosine = float(theirs @ vector / np.linalg.norm(theirs))
    return {"vector": short(vector), "llama": {"cosine": round(cosine, 9)}}


def tokens(path):
    """Returns token IDs by the tiny vocabulary, with control pieces as text and parsed."""
    llama = open_llama(path, vocab_only=True)
    ids = lambda text, special: llama.tokenize(text.encode(), add_bos=False, special=special)
    return [{"text": text, "ids": ids(text, False), "parsed": ids(text, True)} for text in texts()]


# The offsets of the half-precision scales in a block.
SCALES = {"F32": [], "F16": [0], "BF16": [], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2],
          "Q8_0": [0], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}


def blocks():
    """Returns two blocks of random bits in every encoding, with finite scales, decoded by gguf."""
    chance = np.random.default_rng(5)
    for name, scales in SCALES.items():
        kind = gguf.GGMLQuantizationType[name]
        data = chance.integers(0, 256, (2, gguf.GGML_QUANT_SIZES[kind][1]), dtype=np.uint8)
        if name in ("F32", "BF16"):
            data[:, -1] &= 0xBF  # below 2: no infinity, no NaN
        for place in scales:
            halves = chance.uniform(-2, 2, 2).astype("<f2")
            data[:, place : place + 2] = halves.view(np.uint8).reshape(2, 2)
        values = gguf.quants.dequantize(data, kind).astype(np.float32)
        yield {"id": int(kind), "bytes": data.tobytes().hex(), "values": short(values.ravel())}


def open_network(path):
    name = gguf.GGUFReader(path).fields["general.architecture"].contents()
    return Newer(path) if name in ("gemma3n", "gemma4") else Network(path)


def adapted(path, adapter):
    """Returns the network with `scale · B · A` added to each matrix that the adapter names."""
    network, reader = open_network(path), gguf.GGUFReader(adapter)
    alpha = reader.fields["adapter.lora.alpha"].contents()
    values = {it.name: gguf.quants.dequantize(it.data, it.tensor_type).astype(np.float64) for it in reader.tensors}
    for name in sorted(name.removesuffix(".lora_a") for name in values if name.endswith(".lora_a")):
        a, b = values[f"{name}.lora_a"], values[f"{name}.lora_b"]
        key = name if name in network.weights else name.removesuffix(".weight")
        network.weights[key] = network.weights[key] + alpha / a.shape[0] * b @ a
    return network


def of_adapter(models, adapter):
    path = models / f"{adapter.stem}.gguf"
    prompt = [int(token) for token in path.with_suffix(".prompt").read_text().split(",")]
    network = adapted(path, adapter)
    exact = network.logits(prompt)
    golden = {"model": adapter.stem, "fingerprint": fingerprint(adapter.read_bytes()), "prompt": prompt}
    golden |= {"logits": short(exact)}
    # The difference of the logits without the adapter, which a test that ignores it would report.
    plain = open_network(path).logits(prompt)
    golden |= {"mistakes": {"adapter ignored": round(float(np.abs(plain - exact).max() / exact.std()), 6)}}
    if llama_reads(network):
        theirs = llama_logits(open_llama(path, lora_path=str(adapter)), prompt)
        golden |= {"llama": {"greedy": [], "worst": round(float(np.abs(theirs - exact).max() / exact.std()), 6)}}
    return golden


def main(models, goldens, *only):
    if not only:
        target = pathlib.Path(goldens) / "blocks.json"
        target.write_text(json.dumps(list(blocks()), separators=(",", ":")) + "\n")
        cases = tokens(pathlib.Path(models) / "f32.gguf")
        target = pathlib.Path(goldens) / "tokens.json"
        target.write_text(json.dumps(cases, ensure_ascii=True, separators=(",", ":")) + "\n")
    for path in sorted(pathlib.Path(models).glob("*.gguf")):
        if only and path.stem not in only:
            continue
        prompt = [int(token) for token in path.with_suffix(".prompt").read_text().split(",")]
        network = open_network(path)
        judge = of_vector_model if network.arch == "gemma-embedding" else of_text_model
        golden = {"model": path.stem, "fingerprint": fingerprint(path.read_bytes()), "prompt": prompt}
        golden |= judge(path, network, prompt)
        if path.with_suffix(".long").exists():
            long = [int(token) for token in path.with_suffix(".long").read_text().split(",")]
            golden |= {"long_prompt": long, "long_logits": short(network.logits(long))}
        target = pathlib.Path(goldens) / f"{path.stem}.json"
        target.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
        print(path.stem, golden.get("llama"), golden.get("mistakes"))
    for adapter in sorted((pathlib.Path(models) / "adapters").glob("*.gguf")):
        name = f"adapted_{adapter.stem}"
        if only and name not in only:
            continue
        golden = of_adapter(pathlib.Path(models), adapter)
        target = pathlib.Path(goldens) / f"{name}.json"
        target.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
        print(name, golden.get("llama"), golden["mistakes"])


if __name__ == "__main__":
    main(*sys.argv[1:])
