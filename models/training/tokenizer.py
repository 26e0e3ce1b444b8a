"""The tokenizer of every embedded model: bytes, control tokens and, for `tools`, pieces of lower-case letters.

It is llama.cpp's "llama" (SPM) tokenizer with byte fallback. Byte models have no merges at all. A piece holds only the
letters a-z, so that a word is always cut the same way, whatever stands beside it: that is what makes copying learnable.
"""

import re
from collections import Counter
from pathlib import Path

UNKNOWN, BOS, EOS = 0, 1, 2
# llama.cpp turns every space into U+2581 before it looks for tokens, so that is what the token of byte 0x20 is called.
SPACE = "\u2581"
BYTES = [SPACE if b == 0x20 else f"<0x{b:02X}>" for b in range(256)]
CONTROL = ["<|system|>", "<|user|>", "<|assistant|>", "<|tools|>", "<|tool|>"]
USER_DEFINED = ["<tool_call>", "</tool_call>"]
FIRST_BYTE = 3
FIRST_CONTROL = FIRST_BYTE + 256



def _any_of(tokens: list[str]) -> re.Pattern[str]:
    return re.compile("(" + "|".join(map(re.escape, tokens)) + ")")


_ALWAYS, _SPECIAL = _any_of(USER_DEFINED), _any_of([*USER_DEFINED, *CONTROL, "<s>", "</s>"])
_LETTERS = re.compile("[a-z]+|[^a-z]+")


class Tokenizer:
    """`pieces` are in the order in which they were merged: the earlier, the higher their score."""

    def __init__(self, pieces: list[str] | None = None):
        self.pieces = pieces or []
        # Single letters must be pieces of their own when there are merges: SPM merges pieces, not bytes.
        self.letters = [chr(c) for c in range(ord("a"), ord("z") + 1)] if self.pieces else []
        self.tokens = ["<unk>", "<s>", "</s>", *BYTES, *CONTROL, *USER_DEFINED, *self.letters, *self.pieces]
        self.ids = {token: i for i, token in enumerate(self.tokens)}
        self.rank = {piece: i for i, piece in enumerate(self.pieces)}
        self._cache: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return len(self.tokens)

    def scores(self) -> list[float]:
        """SPM merges the pair with the highest score first."""
        plain = len(self.tokens) - len(self.pieces) - len(self.letters)
        return [0.0] * plain + [-1e6] * len(self.letters) + [-float(i) for i in range(len(self.pieces))]

    def types(self) -> list[int]:
        """llama.cpp's token types: 1 normal, 2 unknown, 3 control, 4 user defined, 6 byte."""
        words = len(self.letters) + len(self.pieces)
        return [2, 3, 3] + [1 if token == SPACE else 6 for token in BYTES] + [3] * len(CONTROL) + [4] * len(USER_DEFINED) + [1] * words

    def encode(self, text: str, special: bool = False) -> list[int]:
        """Ids of `text`. With `special`, the names of control tokens in it become those tokens; those of user-defined
        tokens always do, as in llama.cpp."""
        ids: list[int] = []
        for i, part in enumerate((_SPECIAL if special else _ALWAYS).split(text.replace(SPACE, " "))):
            if i % 2:
                ids.append(self.ids[part])
            elif part:
                ids += self._plain(part)
        return ids

    def decode(self, ids: list[int]) -> str:
        raw = bytearray()
        for i in ids:
            if FIRST_BYTE <= i < FIRST_CONTROL:
                raw.append(i - FIRST_BYTE)
            elif i > EOS:
                raw += self.tokens[i].encode()
        return raw.decode("utf-8", errors="replace")

    def _plain(self, text: str) -> list[int]:
        if not self.pieces:
            return [b + FIRST_BYTE for b in text.encode()]
        ids: list[int] = []
        for run in _LETTERS.findall(text):
            if "a" <= run[0] <= "z":
                ids += self._word(run)
            else:
                ids += [b + FIRST_BYTE for b in run.encode()]
        return ids

    def _word(self, word: str) -> list[int]:
        if word in self._cache:
            return self._cache[word]
        parts = list(word)
        while len(parts) > 1:
            ranks = [self.rank.get(a + b, len(self.pieces)) for a, b in zip(parts, parts[1:])]
            best = min(ranks)
            if best == len(self.pieces):
                break
            at = ranks.index(best)
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        ids = [self.ids[p] for p in parts]
        if len(self._cache) < 200_000:
            self._cache[word] = ids
        return ids


def learn_pieces(texts: list[str], count: int, longest: int = 12) -> list[str]:
    """Byte-pair merges over the runs of lower-case letters in `texts`."""
    words = Counter(run for text in texts for run in re.findall("[a-z]+", text))
    parts = {word: list(word) for word in words}
    pieces: list[str] = []
    for _ in range(count):
        pairs: Counter[str] = Counter()
        for word, n in words.items():
            p = parts[word]
            for a, b in zip(p, p[1:]):
                if len(a) + len(b) <= longest:
                    pairs[a + "\0" + b] += n
        if not pairs:
            break
        a, b = max(sorted(pairs), key=pairs.__getitem__).split("\0")
        pieces.append(a + b)
        for p in parts.values():
            i = 0
            while i < len(p) - 1:
                if p[i] == a and p[i + 1] == b:
                    p[i : i + 2] = [a + b]
                i += 1
    # Two ways to the same string (a+bc, ab+c) would be learnt twice.
    return list(dict.fromkeys(pieces))


def load_pieces(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []
