"""Golden values for the tokenizer: small tokenizers of every published style and component, trained
on a corpus that this script makes up, and what Hugging Face's libraries make of a set of texts.

Needs the wheels tokenizers==0.22.2, transformers, mlx-lm==0.30.4 and sentencepiece. Writes
tokenizer/NAME.json beside itself: {"tokenizer": tokenizer.json, "texts": [numbers of texts.json],
"ids": [without special tokens], "special": [first few, with them], "decoded": [...], "skipped": [...]
(null where it is the text itself), "stream": segments of mlx_lm's detokenizer, "stream_kind"}; the
rare components, which share a model, are cases of rare.json.
"""

import io
import json
import random
import sys
from pathlib import Path

import sentencepiece
from mlx_lm import tokenizer_utils
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers
from tokenizers import pre_tokenizers, processors, trainers

HERE = Path(__file__).resolve().parent / "tokenizer"

WORDS = """the of and to in is you that it he was for on are as with his they at be this have from or one
had by word but not what all were we when your can said there use an each which she do how their if will
up other about out many then them these so some her would make like him into time has look two more write
go see number no way could people my than first water been call who oil its now find long down day did get
come made may part""".split()
OTHER = [
    "Größe Straße über schön Äpfel", "l'été déjà vu naïve façade œuvre", "niño corazón mañana ¿qué?",
    "привет мир это тест как дела", "Ελλάδα και η γλώσσα", "שלום עולם", "مرحبا بالعالم كيف الحال",
    "नमस्ते दुनिया हिन्दी भाषा", "สวัสดีชาวโลก", "你好世界，今天天气很好。", "漢字と仮名交じり文です。カタカナ",
    "한국어 문장입니다 안녕하세요", "Tiếng Việt có nhiều dấu", "😀 😂 👍🏽 👨‍👩‍👧‍👦 🇫🇷", "x² + y³ = ½ · π ≈ 3.14159",
]
CODE = ["def main(argv):\n    return len(argv) - 1\n", "for (int i = 0; i < n; i++) {\n\tsum += a[i];\n}\n",
        "#include <stdio.h>\n", "if x != None and y >= 10:\n\n        pass\n", "<div class=\"a\">&amp;</div>"]


def corpus():
    """Sentences, seeded."""
    rng = random.Random(7)
    lines = []
    for i in range(900):
        words = [rng.choice(WORDS) for _ in range(rng.randint(3, 12))]
        if rng.random() < 0.3:
            words.insert(rng.randrange(len(words)), str(rng.randint(0, 10 ** rng.randint(1, 6))))
        if rng.random() < 0.2:
            words.insert(rng.randrange(len(words)), rng.choice(["don't", "I'm", "we've", "it's", "you'll", "THE"]))
        line = " ".join(words)
        lines.append(line[0].upper() + line[1:] + rng.choice([".", "?", "!", ", and", "..."]))
        if i % 6 == 0:
            lines.append(rng.choice(OTHER))
        if i % 9 == 0:
            lines.append(rng.choice(CODE))
    return lines


def random_text(rng, length):
    """Characters from all over Unicode, in runs."""
    pools = [
        lambda: rng.randint(0x20, 0x7E), lambda: rng.choice(b" \n\t\r\x0b\x0c"), lambda: rng.randint(0, 0x1F),
        lambda: rng.randint(0xA0, 0x24F), lambda: rng.randint(0x300, 0x36F), lambda: rng.randint(0x370, 0x5FF),
        lambda: rng.randint(0x600, 0x6FF), lambda: rng.randint(0x900, 0x97F), lambda: rng.randint(0xE00, 0xE7F),
        lambda: rng.randint(0x1100, 0x11FF), lambda: rng.randint(0x1E00, 0x1FFF), lambda: rng.randint(0x2000, 0x206F),
        lambda: rng.randint(0x2070, 0x2BFF), lambda: rng.randint(0x3000, 0x30FF), lambda: rng.randint(0x4E00, 0x9FFF),
        lambda: rng.randint(0xAC00, 0xD7A3), lambda: rng.randint(0xF900, 0xFFFD), lambda: rng.randint(0x1F300, 0x1FAFF),
        lambda: rng.randint(0x10000, 0x1FFFF), lambda: rng.choice([0x200D, 0xFE0F, 0x2581, 0xFEFF, 0xA0, 0x3000, 0x85]),
        lambda: rng.randint(0x30, 0x39), lambda: rng.choice([0x660, 0x966, 0xFF11, 0x2160, 0xB2, 0xBD, 0x1D7D8]),
        lambda: rng.choice([c for c in range(0xE000)] ) if rng.random() < 0.05 else rng.randint(0x20000, 0x2FA1F),
    ]
    out = []
    while len(out) < length:
        pool = rng.choice(pools[:1] * 8 + pools)
        out += [chr(pool()) for _ in range(rng.randint(1, 6))]
    return "".join(out)[:length]


def texts():
    """What is encoded: strings, and bytes that are no UTF-8."""
    rng = random.Random(11)
    out = ["", " ", "  ", "   ", "\n", "\n\n", " \n ", "\t", "\r\n", "a", " a", "a ", "  a  b   c    ", "\u00a0", "\u2581",
           "\u2581a \u2581b", "a\u2581b", "\u3000全角\u3000", "\x00", "a\x00b", "\x01\x02\x7f\x80\x85\x9f", "\ufeffbom", "\ufffd"]
    out += ["Hello, world!", "The quick brown fox jumps over the lazy dog.", "I'm you're he'd we'll they've it's don't",
            "I'M YOU'RE HE'D WE'LL IT'S DON'T", "'s 't 're 've 'm 'll 'd ' '' 'x", "’s it’s don’t", "O'Reilly's", "ſ'ſ K'K"]
    out += ["1", "12", "123", "1234", "12345", "1234567890", "3.14159", "1,000,000", "٣٤٥", "१२३४", "１２３", "²³½Ⅷ", "a1b2c3", "2024-01-31T12:00"]
    out += ["camelCaseWordsAndPascalCase", "snake_case_name", "SCREAMING_SNAKE", "kebab-case", "path/to/file.txt", "C:\\dir\\file",
            "user@example.com", "https://example.org/a?b=c&d=%20#e", "<|x|>", "a->b", "!!!", "?!?!", "...", "…", "—dash–", "«quoted»", "„low“"]
    out += OTHER + CODE
    out += ["e\u0301 vs é", "a\u0323\u0302 ậ a\u0302\u0323", "\u1112\u1161\u11ab\u1100\u1173\u11af 한글", "\u0041\u030a Å \u212b", "ﬁ ﬂ ﬀ Ⅳ ①", "ｶﾞ ﾊﾟ",
            "\u0344 \u0343 \u0340", "\u0f73\u0f75", "क्षत्रिय ज़", "ำน้ำ", "İIıi ẞß ΣΑΣ", "ǅ ǈ", "\U0001d400\U0001d7d8", "\u0958", "\u2126Ω"]
    out += ["👩🏽‍🚀", "🏳️‍🌈", "🇩🇪🇫🇷🇺", "☃️", "👍🏿👍", "a😀b", "\U000e0067\U000e007f", "\U0010ffff", "\ue000", "\u0378"]
    out += ["<s>", "</s>", "<unk>", "a<s>b</s>c", " <s> hello </s> ", "<s><s></s>", "<|begin_of_text|>Hi<|eot_id|>", "x <|im_start|>user\nhi<|im_end|>\n",
            "<mask>", "a <mask> b", "a  <mask>  b", "[CLS] a [SEP]", "[MASK]ed [mask]", "<tool_call>{}</tool_call>", "TOKEN token ToKeN", "wordtoken token1 token",
            "  left  right  both  ", "aleftb left left", "rightright right  x", "both both  both", "<0x41><0xE2>", "Ġhello", "ab##cd", "hello</w>"]
    out += ["a" * 200, "ab" * 150, "the" * 80, " " * 130, "\n" * 40, "1" * 90, "é" * 70, "漢" * 60, "😀" * 30, "a b " * 60, "." * 64, "́" * 60,
            "supercalifragilisticexpialidocious" * 4, "x" + "\u0301\u0323" * 40]
    lines = corpus()
    out += [rng.choice(lines) for _ in range(25)]
    out += [" ".join(rng.choice(lines) for _ in range(4)), "\n".join(rng.choice(lines) for _ in range(4))]
    out += [random_text(rng, rng.randint(1, 40)) for _ in range(90)]
    out = [t.encode("utf-8", "surrogatepass") for t in out]
    out += [b"\xff", b"a\xffb", b"\xc3", b"\xc3(", b"\xe2\x82", b"\xe2\x82x", b"\xf0\x9f\x98", b"\xf0\x9f\x98\xff", b"\xed\xa0\x80", b"\xc0\xaf",
            b"\xf4\x90\x80\x80", b"\x80\x80ok", b"ok\xe4\xbd", b"\xe4\xbd\xa0\xe5", b"\xf8\x88\x80\x80\x80", b"a\xc3\xa9\xc3"]
    out += [bytes(rng.randrange(256) for _ in range(rng.randint(1, 24))) for _ in range(20)]
    return out


LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
TEKKEN = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
          r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
          r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
GPT4O = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
GPT4 = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
DEEPSEEK = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
            r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"

N, P, D, T = normalizers, pre_tokenizers, decoders, processors


def byte_bpe(**model):
    """A byte-level BPE, trained; its pipeline is set afterwards."""
    t = Tokenizer(models.BPE(**model))
    return t


def train(t, size=420, specials=(), alphabet=True, lines=None, **options):
    initial = pre_tokenizers.ByteLevel.alphabet() if alphabet else []
    if isinstance(t.model, models.BPE):
        trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=list(specials), initial_alphabet=initial,
                                      show_progress=False, **options)
    elif isinstance(t.model, models.WordPiece):
        trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=list(specials), show_progress=False, **options)
    elif isinstance(t.model, models.Unigram):
        trainer = trainers.UnigramTrainer(vocab_size=size, special_tokens=list(specials), show_progress=False, **options)
    else:
        trainer = trainers.WordLevelTrainer(vocab_size=size, special_tokens=list(specials), show_progress=False, **options)
    t.train_from_iterator(lines or corpus(), trainer)
    return t


def split_then_bytes(*patterns):
    steps = [P.Split(Regex(p), "isolated") for p in patterns]
    return P.Sequence(steps + [P.ByteLevel(add_prefix_space=False, use_regex=False)])


def template(bos=None, eos=None, t=None):
    single = " ".join(([bos] if bos else []) + ["$A"] + ([eos] if eos else []))
    return T.TemplateProcessing(single=single, pair=single + " $B:1",
                                special_tokens=[(x, t.token_to_id(x)) for x in (bos, eos) if x])


def with_bytes(t, fallback):
    """Puts <0x00> to <0xFF> into a BPE's vocabulary after its first three tokens."""
    j = json.loads(t.to_str())
    vocab = sorted(j["model"]["vocab"].items(), key=lambda x: x[1])
    names = [v for v, _ in vocab]
    extra = ["<0x%02X>" % b for b in range(256) if b not in fallback]
    names = names[:3] + extra + [n for n in names[3:] if n not in extra]
    j["model"]["vocab"] = {n: i for i, n in enumerate(names)}
    for a in j["added_tokens"]:
        a["id"] = j["model"]["vocab"][a["content"]]
    return Tokenizer.from_str(json.dumps(j))


SPM_SPECIALS = ["<unk>", "<s>", "</s>"]
SPM_DECODER = D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)])
SPM_DECODER_KEEP = D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse()])


def spm(normalizer, pre, decoder, missing=(), bytes=True, **model):
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=bytes, **model))
    t.normalizer, t.pre_tokenizer = normalizer, P.Metaspace()
    if not isinstance(normalizer, N.Replace) and normalizer is not None:
        t.normalizer = None
    train(t, 500, SPM_SPECIALS, alphabet=False, limit_alphabet=120)
    if bytes:
        t = with_bytes(t, missing)
    t.normalizer, t.pre_tokenizer = normalizer, pre
    if decoder:
        t.decoder = decoder
    t.post_processor = template("<s>", None, t)
    return t


def build():
    """All tokenizers by name."""
    out = {}
    llama_norm = N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")])
    out["llama2"] = spm(llama_norm, None, SPM_DECODER)
    out["llama2_metaspace"] = spm(None, P.Metaspace("▁", "first", False), SPM_DECODER)
    out["gemma"] = spm(N.Replace(" ", "▁"), P.Split(" ", "merged_with_previous"), SPM_DECODER_KEEP)
    out["spm_partial_bytes"] = spm(llama_norm, None, D.Sequence([D.ByteFallback(), D.Metaspace("▁", "always")]),
                                   missing=set(range(0x80, 0xC0)))
    out["spm_ignore_merges"] = spm(llama_norm, None, SPM_DECODER, ignore_merges=True)

    t = byte_bpe(ignore_merges=True)
    t.pre_tokenizer = split_then_bytes(LLAMA3)
    specials = ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<|reserved_special_token_0|>"]
    train(t, 480)
    t.add_special_tokens(specials)
    t.decoder = D.ByteLevel()
    t.post_processor = T.Sequence([T.ByteLevel(trim_offsets=False), template("<|begin_of_text|>", None, t)])
    out["llama3"] = t

    t = byte_bpe()
    t.normalizer, t.pre_tokenizer = N.NFC(), split_then_bytes(QWEN2)
    train(t, 480)
    t.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    t.add_tokens([AddedToken("<tool_call>", normalized=False), AddedToken("</tool_call>", normalized=False)])
    t.decoder, t.post_processor = D.ByteLevel(), T.ByteLevel(trim_offsets=False)
    out["qwen2"] = t

    t = byte_bpe()
    t.pre_tokenizer, t.decoder = P.ByteLevel(add_prefix_space=False), D.ByteLevel()
    train(t, 480, ["<|endoftext|>"])
    t.post_processor = T.ByteLevel(trim_offsets=True)
    out["gpt2"] = t

    t = byte_bpe()
    t.pre_tokenizer, t.decoder = P.ByteLevel(add_prefix_space=True), D.ByteLevel()
    train(t, 440, ["<s>", "<pad>", "</s>", "<unk>"])
    t.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    t.post_processor = T.RobertaProcessing(("</s>", 2), ("<s>", 0))
    out["roberta"] = t

    for name, patterns, options in (("tekken", [TEKKEN], {"ignore_merges": True}), ("gpt4o", [GPT4O], {}), ("gpt4", [GPT4], {}),
                                    ("deepseek", [r"\p{N}{1,3}", "[一-龥\u3040-ゟ゠-ヿ]+", DEEPSEEK], {}), ("bloom", [BLOOM], {})):
        t = byte_bpe(**options)
        t.pre_tokenizer, t.decoder = split_then_bytes(*patterns), D.ByteLevel()
        train(t, 460)
        t.add_special_tokens(["<s>", "</s>"])
        t.post_processor = template("<s>", "</s>", t)
        out[name] = t

    t = byte_bpe()
    t.pre_tokenizer = P.Sequence([P.Punctuation("contiguous"), P.ByteLevel(add_prefix_space=False), P.Digits(False),
                                  P.Split(Regex("[0-9][0-9][0-9]"), "isolated")])
    t.decoder = D.ByteLevel()
    out["falcon"] = train(t, 440)
    t = byte_bpe()
    t.pre_tokenizer, t.decoder = P.Sequence([P.Digits(True), P.ByteLevel(add_prefix_space=False)]), D.ByteLevel()
    out["starcoder"] = train(t, 440, ["<|endoftext|>"])

    t = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=60))
    t.normalizer, t.pre_tokenizer = N.BertNormalizer(), P.BertPreTokenizer()
    train(t, 700, ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    t.post_processor, t.decoder = template("[CLS]", "[SEP]", t), D.WordPiece()
    out["bert"] = t
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer, t.pre_tokenizer = N.BertNormalizer(True, False, False, False), P.BertPreTokenizer()
    train(t, 500, ["[UNK]", "[CLS]", "[SEP]"])
    t.post_processor, t.decoder = T.BertProcessing(("[SEP]", 2), ("[CLS]", 1)), D.WordPiece(cleanup=False)
    out["bert_cased"] = t

    t = Tokenizer(models.Unigram())
    t.normalizer = N.Sequence([N.Nmt(), N.NFKC(), N.Replace(Regex(" {2,}"), " ")])
    t.pre_tokenizer, t.decoder = P.Metaspace(), D.Metaspace()
    train(t, 500, ["<pad>", "</s>", "<unk>"], unk_token="<unk>")
    t.post_processor = template(None, "</s>", t)
    out["t5"] = t
    t = Tokenizer(models.Unigram([("<unk>", 0.0), ("▁", -3.0), ("a", -4.0), ("▁the", -2.5), ("th", -3.5), ("e", -3.6), ("▁of", -3.0), ("he", -3.4), ("t", -5.0)]
                                 + [("<0x%02X>" % b, -9.0) for b in range(256)], 0, True))
    t.pre_tokenizer, t.decoder = P.Metaspace("▁", "never"), SPM_DECODER
    out["unigram_bytes"] = t
    out["precompiled"] = precompiled()

    t = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    t.normalizer, t.pre_tokenizer = N.Sequence([N.NFD(), N.Lowercase(), N.StripAccents()]), P.Whitespace()
    out["wordlevel"] = train(t, 400, ["[UNK]"])
    t = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    t.normalizer, t.pre_tokenizer = N.Sequence([N.NFC(), N.Replace(Regex(r"\s+"), " "), N.Lowercase()]), P.Sequence(
        [P.Split(Regex(r"<\|startoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), "removed", True), P.ByteLevel(False)])
    train(t, 700, ["<unk>"], end_of_word_suffix="</w>")
    t.decoder = D.Sequence([D.ByteLevel(), D.Replace("</w>", " ")])
    out["clip"] = t
    t = Tokenizer(models.BPE(unk_token="<unk>", continuing_subword_prefix="##", end_of_word_suffix="</w>"))
    t.pre_tokenizer, t.decoder = P.BertPreTokenizer(), D.BPEDecoder("</w>")
    out["bpe_affixes"] = train(t, 500, ["<unk>"], alphabet=False, continuing_subword_prefix="##", end_of_word_suffix="</w>", limit_alphabet=80)
    chars = ["<pad>", "<s>", "</s>", "<unk>", "|"] + list("ETAONIHSRDLUMWCFGYPBVK'XJQZ.!?,")
    t = Tokenizer(models.WordLevel({c: i for i, c in enumerate(chars)}, unk_token="<unk>"))
    t.normalizer, t.pre_tokenizer = N.Replace(" ", "|"), P.Split("", "isolated")
    t.decoder = D.CTC()
    out["ctc"] = t
    out.update(rare())
    return out


def precompiled():
    """A Unigram with SentencePiece's own normalisation, by a few rules of our own."""
    rules = ["41\t61", "C4\t61 65", "FB01\t66 69", "2122\t54 4D", "3000\t20", "65 301\tE9", "AD\t", "1F600\t3A 29", "31 FE0F 20E3\t31", "D A\tA",
             "1112 1161\tD558", "E33 E49\tE49 E33"]
    path = HERE / "rules.tsv"
    path.write_text("\n".join(rules) + "\n")
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(corpus()), model_writer=model, vocab_size=420, model_type="unigram",
                                             normalization_rule_tsv=str(path), minloglevel=2, character_coverage=0.98, num_threads=1)
    path.unlink()
    from sentencepiece import sentencepiece_model_pb2 as pb
    proto = pb.ModelProto.FromString(model.getvalue())
    t = Tokenizer(models.Unigram([(p.piece, p.score) for p in proto.pieces], proto.trainer_spec.unk_id, False))
    t.normalizer = N.Sequence([N.Precompiled(proto.normalizer_spec.precompiled_charsmap), N.Strip(False, True)])
    t.pre_tokenizer, t.decoder = P.Metaspace(), D.Metaspace()
    return t


def rare():
    """A base model with merges over everything, under each component in turn."""
    base = byte_bpe(unk_token="<unk>")
    base.pre_tokenizer = P.FixedLength(9) if hasattr(P, "FixedLength") else None
    train(base, 800, ["<unk>"], alphabet=False, limit_alphabet=150)
    text = base.to_str()

    def make(normalizer=None, pre=None, decoder=None, added=(), special=()):
        t = Tokenizer.from_str(text)
        if normalizer:
            t.normalizer = normalizer
        j = json.loads(t.to_str())
        j["pre_tokenizer"] = None
        t = Tokenizer.from_str(json.dumps(j))
        if pre:
            t.pre_tokenizer = pre
        if decoder:
            t.decoder = decoder
        t.add_tokens(list(added))
        t.add_special_tokens(list(special))
        return t

    out = {"plain": make()}
    for behavior in ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"):
        for invert in (False, True):
            out[f"rare_split_{behavior}{'_inverted' if invert else ''}"] = make(pre=P.Split(Regex(r"[aeiou]|\d+"), behavior, invert))
        out[f"rare_split_text_{behavior}"] = make(pre=P.Split("th", behavior))
        out[f"rare_punctuation_{behavior}"] = make(pre=P.Punctuation(behavior))
    for scheme in ("always", "first", "never"):
        for split in (True, False):
            out[f"rare_metaspace_{scheme}{'_split' if split else ''}"] = make(pre=P.Metaspace("_", scheme, split), decoder=D.Metaspace("_", scheme, split),
                                                                             special=["<s>"])
    out["rare_metaspace_after_strip"] = make(N.Strip(), P.Metaspace("_", "first", True))
    out["rare_metaspace_after_split"] = make(N.Prepend("xy"), P.Sequence([P.Split("h", "isolated"), P.Metaspace("_", "first", True)]))
    for name, pre in (("digits", P.Digits(False)), ("digits_individual", P.Digits(True)), ("whitespace", P.Whitespace()),
                      ("whitespace_split", P.WhitespaceSplit()), ("delimiter", P.CharDelimiterSplit("e")), ("bert", P.BertPreTokenizer()),
                      ("fixed", P.FixedLength(3)), ("bytes", P.ByteLevel(True)), ("sequence", P.Sequence([P.WhitespaceSplit(), P.Punctuation(), P.Digits(True)])),
                      ("empty_pattern", P.Split("", "isolated")), ("lines", P.Split(Regex(r"^\s|\w$"), "isolated")),
                      ("words", P.Split(Regex(r"\b\w|\B\W"), "isolated")), ("sets", P.Split(Regex(r"[\p{L}&&[^aeiou\W]]{2,3}+|[^\S\n]|[[:punct:]]|[^[:^digit:]]?+1"), "isolated")),
                      ("options", P.Split(Regex(r"(?i)th|E(?m:.)T|a{,2}b|(?<=o)n|(?<!o)N"), "isolated"))):
        out[f"rare_pre_{name}"] = make(pre=pre)
    for name, norm in (("nfd", N.NFD()), ("nfkd", N.NFKD()), ("nfkc", N.NFKC()), ("lowercase", N.Lowercase()), ("strip_left", N.Strip(True, False)),
                       ("strip_right", N.Strip(False, True)), ("strip_accents", N.StripAccents()), ("nmt", N.Nmt()), ("replace_text", N.Replace("th", "")),
                       ("replace_regex", N.Replace(Regex(r"\s+|(?<=a)b"), "<>")), ("prepend", N.Prepend("the ")), ("bytes", N.ByteLevel()),
                       ("bert", N.BertNormalizer(True, True, None, True)), ("bert_accents", N.BertNormalizer(False, False, True, False)),
                       ("sequence", N.Sequence([N.NFKC(), N.Lowercase(), N.Strip(), N.Replace("the", "a")]))):
        out[f"rare_norm_{name}"] = make(norm)
    tokens = [AddedToken("left", lstrip=True), AddedToken("right", rstrip=True), AddedToken("both", lstrip=True, rstrip=True),
              AddedToken("token", single_word=True), AddedToken("TOKEN", normalized=False), AddedToken("the", single_word=True, rstrip=True),
              AddedToken("é", normalized=True), AddedToken("wor", lstrip=True), AddedToken("word"), AddedToken(" a", rstrip=True), AddedToken("1")]
    specials = [AddedToken("<s>", lstrip=True), AddedToken("</s>", rstrip=True), AddedToken("<mask>", lstrip=True, rstrip=True, normalized=True),
                AddedToken("<unk>")]
    out["rare_added"] = make(None, None, None, tokens, specials)
    out["rare_added_normalized"] = make(N.Sequence([N.Lowercase(), N.NFD()]), P.WhitespaceSplit(), None, tokens, specials)
    for name, decoder in (("wordpiece", D.WordPiece("t", True)), ("strip", D.Sequence([D.Strip("e", 1, 0), D.Strip(" ", 2, 0)])), ("strip_right", D.Strip("s", 0, 1)), ("fuse", D.Sequence([D.Fuse(), D.Replace("he", "HE")])),
                          ("replace_regex", D.Replace(Regex(r"\s|o$"), "_")), ("bpe", D.BPEDecoder("e")), ("metaspace", D.Metaspace("e", "first")), ("bytes", D.ByteLevel()),
                          ("ctc", D.CTC("e", " ", True))):
        out[f"rare_dec_{name}"] = make(decoder=decoder)
    return out


STREAMS = {"SPMStreamingDetokenizer": "spm", "BPEStreamingDetokenizer": "bpe", "NaiveStreamingDetokenizer": "naive"}


def detokenizer(t):
    """The detokenizer that mlx_lm chooses for a tokenizer."""

    class Wrapped:
        def __init__(self):
            self.vocab = t.get_vocab(True)

        def decode(self, ids):
            return t.decode(ids, skip_special_tokens=False)

    decoder = json.loads(t.to_str())["decoder"]
    if tokenizer_utils._is_spm_decoder(decoder):
        return tokenizer_utils.SPMStreamingDetokenizer(Wrapped())
    if tokenizer_utils._is_spm_decoder_no_space(decoder):
        return tokenizer_utils.SPMStreamingDetokenizer(Wrapped(), trim_space=False)
    if tokenizer_utils._is_bpe_decoder(decoder):
        return tokenizer_utils.BPEStreamingDetokenizer(Wrapped())
    return tokenizer_utils.NaiveStreamingDetokenizer(Wrapped())


def stream(t, ids):
    """The segments that mlx_lm prints; None where it fails."""
    try:
        d = detokenizer(t)
        segments = []
        for i in ids:
            d.add_token(i)
            segments.append(d.last_segment)
        d.finalize()
        segments.append(d.last_segment)
        return segments
    except (KeyError, IndexError, TypeError, ValueError):
        return None


def record(name, t, blobs):
    """One file of golden values."""
    rng = random.Random(name)
    full = not name.startswith("rare_")
    chosen = [i for i in range(len(blobs)) if full or rng.random() < 0.35]
    strings = [blobs[i].decode("utf-8", "replace") for i in chosen]
    ids = [t.encode(s, add_special_tokens=False).ids for s in strings]
    decoded = [t.decode(i, skip_special_tokens=False) for i in ids]
    skipped = [t.decode(i, skip_special_tokens=True) for i in ids]
    streams = [stream(t, i) if full and k % 3 == 0 else None for k, i in enumerate(ids)]
    return {
        "tokenizer": json.loads(t.to_str()),
        "texts": chosen,
        "ids": ids,
        "special": [t.encode(s, add_special_tokens=True).ids for s in strings[:12]],
        "decoded": [None if d == s else d for d, s in zip(decoded, strings)],
        "skipped": [None if d == s else d for d, s in zip(skipped, decoded)],
        "stream_kind": STREAMS[type(detokenizer(t)).__name__],
        "stream": streams,
    }


ATOMS = (r"\s \S \w \W \d \D \h . \p{L} \P{L} \p{N} \p{P} \p{S} \p{M} \p{Z} \p{Lu} \p{Ll} \p{Lt} \p{Lm} \p{Lo} \p{Mc} \p{Me} \p{Nd} \p{Nl} \p{No} "
         r"\p{Pd} \p{Po} \p{Sc} \p{Sm} \p{So} \p{Cc} \p{Cf} \p{Han} \p{Hiragana} \p{Katakana} \p{Hangul} \p{Latin} \p{Cyrillic} [[:punct:]] [[:xdigit:]] [[:alpha:]] [[:alnum:]] "
         r"[^\s\p{L}\p{N}] [^\r\n\p{L}\p{N}] [^\r\n\p{L}\p{P}\p{S}] [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}] [\p{Ll}\p{Lm}\p{Lo}\p{M}] [\p{L}\p{M}] [\p{P}\p{S}] "
         r"[^(\s|[.,!?…。，、।۔،])] [一-龥\u3040-ゟ゠-ヿ] [\p{L}&&[^\p{Han}]] [^\S\n] (?i:k) (?i:[s-t]) \p{L}\b").split()


def blocks():
    """Every character, between others, in blocks."""
    bounds = list(range(0, 0x34000, 0x1000)) + [0x34000]
    ranges = [range(a, b) for a, b in zip(bounds, bounds[1:])] + [range(0xE0000, 0xE1000), range(0x10F000, 0x110000)]
    for r in ranges:
        yield "".join("a" + chr(c) + "\n" for c in r if not 0xD800 <= c < 0xE000)


def fnv(text):
    """FNV-1a, 32 bits, of UTF-8."""
    h = 0x811C9DC5
    for b in text.encode():
        h = (h ^ b) * 0x01000193 & 0xFFFFFFFF
    return h


def properties():
    """What each component that asks for characters' properties makes of every character: hashes of the
    results for each block, for pre-tokenizers of the pieces joined with U+001F."""
    norms = [N.NFC(), N.NFD(), N.NFKC(), N.NFKD(), N.Sequence([N.NFD(), N.NFC()]), N.Sequence([N.NFKD(), N.NFKC()]), N.Lowercase(), N.StripAccents(),
             N.Nmt(), N.BertNormalizer(True, False, False, False), N.BertNormalizer(False, True, True, False)]
    norms += [N.Replace(Regex(a), "") for a in ATOMS]
    pres = [P.Punctuation("isolated"), P.Digits(True), P.WhitespaceSplit(), P.Whitespace(), P.BertPreTokenizer()]
    texts = list(blocks())
    t, out = Tokenizer(models.BPE()), []
    for n in norms:
        t.normalizer = n
        out.append({"normalizer": json.loads(t.to_str())["normalizer"], "hashes": [fnv(n.normalize_str(x)) for x in texts]})
    for p in pres:
        t.pre_tokenizer = p
        out.append({"pre_tokenizer": json.loads(t.to_str())["pre_tokenizer"],
                    "hashes": [fnv("\x1f".join(s for s, _ in p.pre_tokenize_str(x))) for x in texts]})
    return out


def write(name, values):
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    (HERE / f"{name}.json").write_text(text + "\n")
    print(name, len(text), file=sys.stderr)


def main():
    HERE.mkdir(exist_ok=True)
    blobs = texts()
    (HERE / "texts.json").write_text(json.dumps([b.hex() for b in blobs], separators=(",", ":")) + "\n")
    shared = {"model": None, "cases": {}}
    for name, t in build().items():
        values = record(name, t, blobs)
        if name.startswith("rare_"):
            shared["model"] = values["tokenizer"].pop("model")
            shared["cases"][name] = values
        else:
            write(name, values)
    write("rare", shared)
    write("properties", properties())


if __name__ == "__main__":
    main()
