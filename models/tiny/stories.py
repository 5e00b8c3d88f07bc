"""Makes one story: chooses its hero, friends, things and plot, and the wish that it fulfils."""

from dataclasses import dataclass

import words
from plots import PLOTS

SIZES = ["little", "little", "young"]
OPENINGS = [
    "[once upon a time, there was|once upon a time, there lived|there once was|long ago, there lived]"
    " {hero} named {H}, who lived {home}. {character}",
    "[once upon a time, there was|there once was|long ago, there was] {hero} named {H}. {He} lived"
    " {home}. {character}",
    "{H} was {hero}. {He} lived {home}. {character}",
]
ASKS = [
    "tell me a story",
    "can you tell me a story",
    "please tell me a story",
    "write a story",
    "write a short story",
    "tell me a short story",
    "I want to hear a story",
    "could you write a story",
    "tell me a bedtime story",
    "make up a story",
]
ABOUT_HERO = [
    "{hero}",
    "{hero}",
    "{hero} named {H}",
    "a(n) {kind}",
    "{H} the {kind}",
    "a(n) {kind} and a(n) {fkind}",
    "{hero} and a(n) {fkind}",
]
ENDINGS = ["", "", "", "", "\n\nThe end.", "\n\nAnd they all lived happily ever after."]


@dataclass
class Story:
    wish: str
    text: str
    questions: list


def pronouns(is_girl, prefix=""):
    forms = ("she", "her", "her", "herself") if is_girl else ("he", "him", "his", "himself")
    return {prefix + key: form for key, form in zip(("he", "him", "his", "himself"), forms)}


def character(rng, kind):
    """A name that suits the kind, and whether it is a girl's."""
    is_girl = kind in words.GIRL_ONLY or (kind not in words.BOY_ONLY and rng.random() < 0.5)
    return rng.choice(words.GIRLS if is_girl else words.BOYS), is_girl


def cast(rng, plot):
    """The words for the hero and two friends, all different."""
    homes = words.ANIMALS | words.PEOPLE
    while True:
        kinds = rng.sample(list(words.ANIMALS) * 2 + list(words.PEOPLE), 3)
        fits = kinds[0] not in plot.get("unlike", ())
        if len(set(kinds)) == 3 and fits and not set(kinds[1:]) & set(words.PEOPLE):
            break
    named = [character(rng, kind) for kind in kinds]
    if len({name for name, _ in named}) < 3:
        return cast(rng, plot)
    cast_words = {"home": homes[kinds[0]]}
    for kind, (name, is_girl), prefix, letter in zip(kinds, named, ("", "f", "g"), "HFG"):
        cast_words |= pronouns(is_girl, prefix)
        cast_words |= {letter: name, prefix + "kind": kind, prefix + "k": "the " + kind}
    return cast_words


def things(rng):
    place = rng.choice(list(words.PLACES))
    return {
        "place": place,
        "at": words.PLACES[place],
        "colour": rng.choice(words.COLOURS),
        "toy": rng.choice(words.TOYS),
        "treasure": rng.choice(words.TREASURES),
        "food": rng.choice(words.FOODS),
        "fruit": rng.choice(words.FRUIT),
        "flower": rng.choice(words.FLOWERS),
    }


def describe(rng, trait, kind):
    """The hero with an article, and whether the trait is named."""
    draw = rng.random()
    if draw < 0.5:
        return f"a(n) {trait} {rng.choice(SIZES)} {kind}"
    return (
        f"a(n) {trait} {kind}"
        if draw < 0.85
        else f"a(n) {rng.choice(['little', 'small', 'young', 'tiny'])} {kind}"
    )


def wish(rng, plot):
    ask, draw = rng.choice(ASKS), rng.random()
    if draw < 0.06:
        what = ""
    elif draw < 0.62:
        what = " about " + rng.choice(ABOUT_HERO)
    elif draw < 0.84:
        what = " about " + rng.choice(plot["about"])
    else:
        what = " about {hero} and " + rng.choice(plot["about"])
    return ask + what + ("?" if ask.startswith(("can", "could")) else ".")


def draw(rng, expand, Words):
    plot = rng.choice(PLOTS)
    trait = rng.choice(plot["traits"] if rng.random() < 0.75 else list(words.TRAITS))
    story = Words(cast(rng, plot) | things(rng))
    story["character"] = words.TRAITS[trait] if rng.random() < 0.8 else ""
    story["hero"] = describe(rng, trait, story["kind"])
    body = " ".join([rng.choice(OPENINGS), plot["text"].replace("\n\n", "¶").replace("\n", " ")])
    text = expand((body + rng.choice(ENDINGS)).replace("¶", "\n\n"), story, rng)
    asks = plot["ask"] + [
        ("What was the {kind}'s name?", "The {kind}'s name was {H}."),
        ("Who was the story about?", "The story was about {hero} named {H}."),
        ("Who was {F}?", "{F} was a(n) {fkind}."),
        ("Did you like the story?", "[Yes, I liked it very much.|Yes! I liked {H} the most.]"),
    ]
    questions = [(expand(q, story, rng), expand(a, story, rng)) for q, a in asks]
    return Story(expand(wish(rng, plot), story, rng), text, questions)
