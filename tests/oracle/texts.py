"""Texts for comparing tokenizers."""

import random

TEXTS = [
    "", " ", "  ", "\n", "Hello world", "hello", " hello  world ", "What is the capital of France?",
    "The quick brown fox", "the\nweather\n\nis  fine\t\t\tnow", "日本語のテキスト", "Straße café naïve",
    "emoji 😀👩‍👩‍👧 and 𝒜", "def f(x):\n    return x + 1\n", "3.14159 2145906", "\u2581literal▁▁",
    "<table><tr><td>a</td></tr></table>", "<unused5><mask>[multimodal]", "<tag237><tag23", "\r\n\x00\x7f",
    "<start_of_turn>user\nHello<end_of_turn>\n<start_of_turn>model\n", "<bos>hi<eos>", "<0x41><unk><pad>",
    "\n" * 31, "\n" * 32, "\n" * 100, " " * 31, " " * 40 + "x", "\t" * 9, "a\n \n b", "<<b>>", "</b></b",
    "ﬁ ligature Å Å", "الطقس جميل", "हिन्दी पाठ", "한국어 텍스트", "\u200b zero \ufeff width", "é vs é",
]


def texts(more=()):
    """Returns the fixed texts, and reproducible combinations of them with `more`."""
    chance = random.Random(5)
    parts = ["the", "weather", " ", "  ", "\n", "\n\n", "\t", "▁", "<b>", "</b>", "<eos>", "ß", "語", "😀",
             "12", "capital", "of", "<start_of_turn>", "France", "hello", ".", "<", ">", "prints ", "x", *more]
    thrown = ["".join(chance.choices(parts, k=chance.randint(2, 14))) for _ in range(120)]
    return TEXTS + thrown
