"""Records the ids of Gemma 4's tokenizer: `gemma4_tokens.py gemma4_chat.gguf goldens`.

The judge of the merges is Hugging Face's `tokenizers`. What stands around them (marks, spaces, runs of newlines) is
done here once more, in the slow and obvious way.
"""

import json
import pathlib
import re
import sys

import gguf
from tokenizers import Tokenizer
from tokenizers.models import BPE

from texts import texts

# `<unk>` is found where control pieces are.
CONTROL, USER_DEFINED = (2, 3), 4
MARKS = ["<|turn>", "<turn|>", "<|tool>", "<tool|>", "<|tool_call>", "<tool_call|>", "<|tool_response>",
         "<tool_response|>", '<|"|>', "<|think|>", "<|channel>", "<channel|>"]
OWN = [
    "<|turn>user\nHello<turn|>\n<|turn>model\n", '<|tool_call>call:f{a:<|"|>x<|"|>}<tool_call|><|tool_response>',
    "<|channel>thought\nhm<channel|>the weather", "<|think|>\n<|tool>declaration:f{}<tool|>", "<|channel><|chan",
    "the end.\nthe next.\n\n", "." + "\n" * 33, "\n" * 64 + "x", "▁▁▁the", " " * 33 + "the", "\t" * 33, "a \n b",
]


class Reference:
    def __init__(self, path):
        fields = gguf.GGUFReader(path).fields
        value = lambda key: fields[f"tokenizer.ggml.{key}"].contents()
        self.pieces, kinds = value("tokens"), value("token_type")
        # Of a text that occurs twice, the later ID counts.
        special = {text for text, kind in zip(self.pieces, kinds) if kind in CONTROL or text in MARKS}
        user = {text for text, kind in zip(self.pieces, kinds) if kind == USER_DEFINED} - special
        self.ids = {text: id for id, text in enumerate(self.pieces)}
        self.always, self.parsed = sorted(user, key=len, reverse=True), sorted(user | special, key=len, reverse=True)
        texts = {text: id for text, id in self.ids.items() if text not in special}
        merges = [tuple(line.split(" ")) for line in value("merges")]
        assert all(left in texts and right in texts and left + right in texts for left, right in merges)
        self.bpe = Tokenizer(BPE(vocab=texts, merges=merges, byte_fallback=True, unk_token="<unk>", fuse_unk=False))

    def encode(self, text, parsed):
        fragments = [text]
        for piece in self.parsed if parsed else self.always:
            cut = []
            for fragment in fragments:
                if isinstance(fragment, int):
                    cut.append(fragment)
                    continue
                for number, part in enumerate(fragment.split(piece)):
                    cut += [self.ids[piece]] * (number > 0) + [part] * (part != "")
            fragments = cut
        ids = []
        for fragment in fragments:
            ids += [fragment] if isinstance(fragment, int) else self.merged(fragment)
        return ids

    def merged(self, text):
        ids = []
        for run in re.findall(r"[^\n]+|\n+", text.replace(" ", "▁")):
            ids += [self.ids[run]] if run[0] == "\n" and run in self.ids else self.bpe.encode(run).ids
        return ids


def main(model, goldens):
    reference = Reference(model)
    cases = [{"text": text, "ids": reference.encode(text, False), "parsed": reference.encode(text, True)}
             for text in texts(MARKS) + OWN]
    target = pathlib.Path(goldens) / "tokens_gemma4.json"
    target.write_text(json.dumps(cases, ensure_ascii=True, separators=(",", ":")) + "\n")


main(*sys.argv[1:])
