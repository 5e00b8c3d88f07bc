"""Trains the tokenizer: byte-level BPE as Llama 3 has it, with that model's special tokens after
the vocabulary. Needs the wheel tokenizers."""

import json

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from words import ANIMALS, BOYS, GIRLS, PEOPLE, TRAITS

VOCABULARY = 2048
EMPHASIS = 4
SHORT = 40  # tokens of an answer
SPECIAL = [
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<|reserved_0|>",
    "<|reserved_1|>",
    "<|reserved_2|>",
]
WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
TEMPLATE = """{{- bos_token }}
{%- for message in messages %}
    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}
    {{- message['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""


def train(texts):
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(SPECIAL),
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens(SPECIAL)
    start = SPECIAL[0]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A",
        pair=f"{start} $A {start}:1 $B:1",
        special_tokens=[(start, tokenizer.token_to_id(start))],
    )
    assert tokenizer.get_vocab_size() == VOCABULARY
    return tokenizer


def save(tokenizer, folder, context):
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|begin_of_text|>",
        "eos_token": "<|eot_id|>",
        "clean_up_tokenization_spaces": False,
        "model_input_names": ["input_ids", "attention_mask"],
        "model_max_length": context,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")
    (folder / "chat_template.jinja").write_text(TEMPLATE)


def told_tokens(tokenizer):
    """The ids that write who a story is about: names, kinds and characters."""
    told = [*GIRLS, *BOYS, *ANIMALS, *PEOPLE, *TRAITS]
    texts = (before + word for word in told for before in ("", " "))
    return {i for text in texts for i in tokenizer.encode(text, add_special_tokens=False).ids}


def emphasise(told, end, ids, learnt):
    """Makes those words count more where they come again, and short answers: few tokens as they
    are, whether a story makes sense and an answer is right depends on them."""
    seen, begin = set(), 0
    for i, token in enumerate(ids):
        if not learnt[i]:
            begin = i + 1
        elif token == end and i - begin < SHORT:
            learnt[begin : i + 1] = [EMPHASIS] * (i + 1 - begin)
        if token in told:
            learnt[i] *= 1 if token not in seen or learnt[i] > 1 else EMPHASIS
            seen.add(token)
    return ids, learnt


def encode(tokenizer, document):
    """The ids of a document, and for each how much the model is to learn to write it."""

    def ids(text):
        return tokenizer.encode(text, add_special_tokens=False).ids

    token = tokenizer.token_to_id
    out, learnt = [token("<|begin_of_text|>")], [0]
    if isinstance(document, str):
        body = ids(document) + [token("<|end_of_text|>")]
        return out + body, learnt + [1] * len(body)
    for message in document:
        head = [
            token("<|start_header_id|>"),
            *ids(message["role"]),
            token("<|end_header_id|>"),
            *ids("\n\n"),
        ]
        body = ids(message["content"]) + [token("<|eot_id|>")]
        out += head + body
        learnt += [0] * len(head) + [int(message["role"] == "assistant")] * len(body)
    return out, learnt
