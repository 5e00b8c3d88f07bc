"""Writes the corpus: chats that ask for stories and get them, chats of questions and answers, and
plain stories. Everything is drawn from a seed, so that the same corpus can be made again."""

import hashlib
import random
import re

import facts
import stories

SYSTEM = [
    "You are a helpful assistant.",
    "You are a kind storyteller.",
    "You answer in short sentences.",
    "You are a friendly helper for children.",
    "You tell stories and answer simple questions.",
]
BEFORE = [
    "hello! ",
    "tell me, ",
    "please tell me, ",
    "I have a question. ",
    "can you help me? ",
    "ok. ",
]


class Words(dict):
    """A story's words. A capitalised key that is not there is the lower-case one, capitalised."""

    def __missing__(self, key):
        value = self[key[0].lower() + key[1:]] if key[0].isupper() else None
        if value is None:
            raise KeyError(key)
        return value[0].upper() + value[1:]


INNERMOST = re.compile(r"\[([^\[\]]*)\]")
SENTENCE = re.compile(r'(^|\n|[.!?] |[,:] (?="))("?)([a-z])')


def capital(match):
    """Raises a sentence's first letter, unless a speech goes on: "Yes," she said, "and no." """
    before, quote, letter = match.groups()
    if before == ", " and re.search(r',"[^".!?]*$', match.string[: match.start()]):
        return match[0]
    return before + quote + letter.upper()


def expand(text, words, rng):
    """Chooses among [a|b], fills in {x}, and sets articles, capitals and spaces right."""
    while "[" in text or "{" in text:
        text, changes = INNERMOST.subn(lambda m: rng.choice(m[1].split("|")), text)
        if not changes:
            text = re.sub(r"\{(\w+)\}", lambda m: words[m[1]], text)
    text = text.replace("(n)", "")
    text = re.sub(r"\b([aA]) (?=[aeiou](?!ne\b))", r"\1n ", text)
    text = re.sub(r" +", " ", text).replace(" \n", "\n").replace("\n ", "\n").strip()
    return SENTENCE.sub(capital, text)


def careless(text, rng):
    """Now and then a question is typed without its capital or its last mark."""
    draw = rng.random()
    if draw < 0.06:
        text = text[0].lower() + text[1:]
    if draw < 0.03 or 0.94 < draw:
        text = text.rstrip("?.!")
    return text


def question(rng):
    asked, answer = facts.draw(rng)
    before = rng.choice(BEFORE) if rng.random() < 0.08 else ""
    return careless(expand(before + asked, Words(), rng), rng), expand(answer, Words(), rng)


def story_chat(rng):
    """A wish, its story, and sometimes questions about it."""
    story = stories.draw(rng, expand, Words)
    turns = [(careless(story.wish, rng), story.text)]
    if rng.random() < 0.3:
        turns += rng.sample(story.questions, min(len(story.questions), rng.randint(1, 3)))
    elif rng.random() < 0.1:
        turns.append(question(rng))
    elif rng.random() < 0.1:
        another = stories.draw(rng, expand, Words)
        turns.append((careless(another.wish, rng), another.text))
    return turns


def chat(rng):
    draw = rng.random()
    if draw < 0.66:
        return story_chat(rng)
    turns = [question(rng) for _ in range(rng.choice([2, 3, 4, 5, 6]))]
    if draw > 0.96:
        turns = turns[:2] + story_chat(rng)[:1]
    return turns


def document(rng):
    """A list of messages, or one text alone."""
    if rng.random() < 0.06:
        return stories.draw(rng, expand, Words).text
    messages = []
    if rng.random() < 0.08:
        messages.append({"role": "system", "content": rng.choice(SYSTEM)})
    for asked, answer in chat(rng):
        messages.append({"role": "user", "content": asked})
        messages.append({"role": "assistant", "content": answer})
    return messages


def documents(count, seed):
    """Yields `count` different documents."""
    rng, seen = random.Random(seed), set()
    while len(seen) < count:
        made = document(rng)
        digest = hashlib.sha1(repr(made).encode()).digest()
        if digest not in seen:
            seen.add(digest)
            yield made


if __name__ == "__main__":
    for made in documents(12, seed=5):
        print(
            (
                made
                if isinstance(made, str)
                else "\n".join(f"<{m['role']}> {m['content']}" for m in made)
            ),
            end="\n" + "-" * 80 + "\n",
        )
