"""Compares llama.cpp's greedy answers with the engine's own, for the tiny model.

    hybridge-tiny answers crate/npm/tiny/tiny.gguf > answers.jsonl
    python tiny_answers.py crate/npm/tiny/tiny.gguf answers.jsonl

llama.cpp reads the same file, tokenises the rendered conversation itself, and answers greedily.
"""

import json
import sys

from llama_cpp import Llama

END = {1, 106}


def rendered(case):
    prefix = f"{case['system']}\n\n" if case["system"] else ""
    out = ""
    for at, (question, answer) in enumerate(case["turns"]):
        out += f"<start_of_turn>user\n{prefix}{question}<end_of_turn>\n<start_of_turn>model\n"
        if at + 1 < len(case["turns"]):
            out += f"{answer}<end_of_turn>\n"
        prefix = ""
    return out


def greedy(model, prompt):
    model.reset()
    ids = []
    for token in model.generate(prompt, temp=0.0, top_k=1, repeat_penalty=1.0):
        if token in END or len(ids) == 96:
            return ids
        ids.append(token)


def main(path, answers):
    model = Llama(path, n_ctx=512, n_threads=1, verbose=False, logits_all=False)
    tokenised = same = count = 0
    for line in open(answers, encoding="utf-8"):
        case = json.loads(line)
        count += 1
        prompt = model.tokenize(rendered(case).encode(), add_bos=True, special=True)
        tokenised += prompt == case["prompt"]
        ids = greedy(model, prompt)
        same += ids == case["ids"]
        if ids != case["ids"]:
            print(case["task"], "|", case["turns"][-1][0][-60:], "| ours", repr(case["text"]), "| llama.cpp", repr(model.detokenize(ids).decode()))
        elif prompt != case["prompt"]:
            print(case["task"], "tokens differ", prompt, case["prompt"])
    print(f"{count} prompts: {tokenised} tokenised alike, {same} answered alike")


main(*sys.argv[1:])
