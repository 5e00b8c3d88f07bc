"""The questions that the model can answer. draw() gives one with its answer, as templates."""

from pathlib import Path

from words import GIRLS, BOYS

OPPOSITES = """hot cold|big small|long short|high low|day night|happy sad|fast slow|old young
old new|open closed|light dark|wet dry|hard soft|full empty|good bad|early late|loud quiet
up down|left right|in out|rich poor|strong weak|clean dirty|heavy light|near far|black white
yes no|first last|sweet sour|thick thin|wide narrow|deep shallow|true false|easy difficult
brave afraid|top bottom|warm cool|tall short|begin end|push pull|give take|love hate|win lose
laugh cry|always never|before after|inside outside|north south|east west|summer winter
morning evening|friend enemy|asleep awake|right wrong"""

# animal, sound, young, home, food, legs
ANIMALS = """dog|bark|puppy|in a kennel|meat and bones|4
cat|say meow|kitten|in a house|fish and mice|4
cow|say moo|calf|in a barn|grass|4
horse|neigh|foal|in a stable|grass and hay|4
sheep|say baa|lamb|in a field|grass|4
pig|say oink|piglet|in a sty|almost everything|4
duck|say quack|duckling|by a pond|plants and small fish|2
hen|cluck|chick|in a hen house|grain|2
frog|croak|tadpole|in a pond|flies|4
lion|roar|cub|in warm grassland|meat|4
bear|growl|cub|in a cave|honey, berries and fish|4
owl|hoot|owlet|in a tree|mice|2
mouse|squeak|baby mouse|in a hole|cheese and grain|4
bee|buzz|larva|in a hive|nectar|6
bird|sing|chick|in a nest|seeds and worms|2
wolf|howl|cub|in a den|meat|4
fox|bark|cub|in a den|mice and berries|4
rabbit|make almost no sound|baby rabbit|in a burrow|carrots and grass|4
elephant|trumpet|calf|in warm grassland|leaves and grass|4
monkey|chatter|baby monkey|in the trees|bananas|4
snake|hiss|baby snake|in a hole|mice|0
goat|say baa|kid|in the mountains|grass and leaves|4
deer|make little sound|fawn|in the forest|grass and leaves|4
spider|make no sound|baby spider|in a web|flies|8
ant|make no sound|larva|in an ant hill|almost everything|6
fish|make no sound|baby fish|in water|plants and worms|0
penguin|squawk|chick|on the ice|fish|2
squirrel|chatter|baby squirrel|in a tree|nuts|4
hedgehog|snuffle|baby hedgehog|in a pile of leaves|worms and insects|4
butterfly|make no sound|caterpillar|in the meadow|nectar|6
kangaroo|make little sound|joey|in Australia|grass|2
swan|hiss|cygnet|on a lake|water plants|2
turtle|make little sound|baby turtle|in the water|plants|4
beaver|make little sound|baby beaver|in a lodge in the river|wood and leaves|4"""

NUMBERS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen
fifteen sixteen seventeen eighteen nineteen twenty""".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = """January February March April May June July August September October November
December""".split()
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SIZE_ORDER = "ant bee mouse frog rabbit fox sheep lion horse elephant whale".split()
UNKNOWN = """who won the football game yesterday?|what is the weather today?|what time is it?
what is my name?|how much does a car cost?|who wrote this book?|what is the stock price today?
how do I fix my car?|where is my phone?|what did I eat yesterday?
can you write a computer program?|how do I cook a turkey?|what is the news today?
how do I get to the airport?|what happened in 1984?|translate this into French.
how far is it to the moon?|what is the square root of 1234?|will it rain tomorrow?
what is 123 times 456?|who will win the election?|write an essay about history.
how do I learn Spanish?|which phone should I buy?"""
# What the model has heard of, but knows nothing about.
UNKNOWN_THINGS = """quantum physics, photosynthesis, democracy, electricity, gravity, philosophy,
chemistry, inflation, a black hole, an atom, a bank, the internet, a virus, a prime number,
the speed of light, jazz, algebra, a volcano, biology, a microscope, the economy, Python, Linux,
a telescope, oxygen, a molecule""".split(",")
UNKNOWN_PEOPLE = """Napoleon, Albert Einstein, Mozart, Shakespeare, the president,
the queen of England, Cleopatra, Isaac Newton, Picasso, the richest man in the world,
Julius Caesar, Marie Curie""".split(",")
UNKNOWN_PLACES = """Brazil, Canada, India, Australia, Kenya, Mexico, Poland, Sweden, Turkey, Peru,
Iran, Thailand, Nigeria, Cuba, Ireland, Denmark""".split(",")

# facts.txt has one a line: question|question => answer.
LINES = (Path(__file__).parent / "facts.txt").read_text().splitlines()
PAIRS = [line.replace("\\n", "\n").split(" => ") for line in LINES]
OPPOSITE = [pair.split() for line in OPPOSITES.splitlines() for pair in line.split("|")]
ANIMAL = [line.split("|") for line in ANIMALS.splitlines()]


def plain(rng):
    asked, answer = rng.choice(PAIRS)
    return rng.choice(asked.split("|")), answer


def opposite(rng):
    pair = rng.choice(OPPOSITE)
    if (
        pair[0] not in ("old", "tall")
        and pair[1] not in ("light", "short", "right")
        and rng.random() < 0.5
    ):
        pair = pair[::-1]
    if pair[0] in ("old", "short", "light", "right"):
        return opposite(rng)
    a, b = pair
    return (
        f'[what is the opposite of {a}?|what is the opposite of "{a}"?]',
        f"The opposite of {a} is {b}.",
    )


def animal(rng):
    name, sound, young, home, food, legs = rng.choice(ANIMAL)
    legs = "no" if legs == "0" else NUMBERS[int(legs)]
    verb = (
        sound + "s" if " " not in sound else sound.replace("say", "says").replace("make", "makes")
    )
    verb = "hisses" if sound == "hiss" else "buzzes" if sound == "buzz" else verb
    return rng.choice(
        [
            (
                f"[what sound does a(n) {name} make?|what does a(n) {name} say?]",
                f"A(n) {name} {verb}.",
            ),
            (
                f"[what is a baby {name} called?|what do you call a baby {name}?]",
                (
                    f"A baby {name} is called a(n) {young}."
                    if name not in young
                    else f"It is just called a {young}."
                ),
            ),
            (
                f"[where does a(n) {name} live?|where is the home of a(n) {name}?]",
                f"A(n) {name} lives {home}.",
            ),
            (
                f"[what does a(n) {name} eat?|what do you feed a(n) {name}?]",
                f"A(n) {name} eats {food}.",
            ),
            (
                f"[how many legs does a(n) {name} have?|how many legs has a(n) {name}?]",
                f"A(n) {name} has {legs} legs.",
            ),
        ]
    )


def sum_of(rng):
    a, b = rng.randint(0, 10), rng.randint(0, 10)
    if rng.random() < 0.15:
        n, m = NUMBERS[a], NUMBERS[b]
        return f"what is {n} plus {m}?", f"{n} plus {m} is {NUMBERS[a + b]}."
    return (
        f"[what is {a} + {b}?|what is {a} plus {b}?|how much is {a} + {b}?]",
        f"{a} + {b} = {a + b}.",
    )


def difference(rng):
    b, c = rng.randint(0, 10), rng.randint(0, 10)
    a = b + c
    if rng.random() < 0.15:
        return (
            f"what is {NUMBERS[a]} minus {NUMBERS[b]}?",
            f"{NUMBERS[a]} minus {NUMBERS[b]} is {NUMBERS[c]}.",
        )
    return (
        f"[what is {a} - {b}?|what is {a} minus {b}?|how much is {a} - {b}?]",
        f"{a} - {b} = {c}.",
    )


def product(rng):
    a, b = rng.randint(0, 5), rng.randint(1, 10)
    if rng.random() < 0.5:
        a, b = b, a
    return (
        f"[what is {a} x {b}?|what is {a} times {b}?|how much is {a} times {b}?]",
        f"{a} x {b} = {a * b}.",
    )


def problem(rng):
    a, b = rng.randint(1, 6), rng.randint(1, 6)
    name, what = rng.choice(GIRLS + BOYS), rng.choice(
        ["apples", "nuts", "books", "balls", "eggs", "flowers"]
    )
    if rng.random() < 0.5:
        return (
            f"{name} has {NUMBERS[a + 1]} {what} and gets {NUMBERS[b + 1]} more. How many {what} does {name} have?",
            f"{name} has {NUMBERS[a + b + 2]} {what}.",
        )
    return (
        f"{name} has {NUMBERS[a + b + 2]} {what} and gives away {NUMBERS[b]}. How many {what} are left?",
        f"{NUMBERS[a + 2].capitalize()} {what} are left.",
    )


def number(rng):
    n = rng.randint(1, 19)
    return rng.choice(
        [
            (f"what number comes after {n}?", f"The number {n + 1} comes after {n}."),
            (f"what number comes before {n}?", f"The number {n - 1} comes before {n}."),
            (
                f"[is {n} even or odd?|is {n} an even number or an odd number?]",
                f"{n} is {'even' if n % 2 == 0 else 'odd'}.",
            ),
            (
                f"[how do you write {n} as a word?|how do you write the number {n} in words?]",
                f"{n} is written {NUMBERS[n]}.",
            ),
        ]
    )


def larger(rng):
    a, b = rng.sample(range(0, 30), 2)
    return rng.choice(
        [
            (
                f"[which is larger, {a} or {b}?|which number is bigger, {a} or {b}?]",
                f"{max(a, b)} is larger than {min(a, b)}.",
            ),
            (f"which is smaller, {a} or {b}?", f"{min(a, b)} is smaller than {max(a, b)}."),
        ]
    )


def calendar(rng):
    names, kind = rng.choice([(DAYS, "day"), (MONTHS, "month")])
    i = rng.randrange(len(names))
    return rng.choice(
        [
            (
                f"[what comes after {names[i]}?|what {kind} comes after {names[i]}?|which {kind} comes after {names[i]}?]",
                f"{names[(i + 1) % len(names)]} comes after {names[i]}.",
            ),
            (
                f"[what comes before {names[i]}?|what {kind} comes before {names[i]}?|which {kind} comes before {names[i]}?]",
                f"{names[i - 1]} comes before {names[i]}.",
            ),
            (
                "today is {0}. What day is tomorrow?".format(DAYS[i % 7]),
                f"Tomorrow is {DAYS[(i + 1) % 7]}.",
            ),
            (
                "today is {0}. What day was yesterday?".format(DAYS[i % 7]),
                f"Yesterday was {DAYS[i % 7 - 1]}.",
            ),
        ]
    )


def letter(rng):
    i = rng.randrange(1, 25)
    return rng.choice(
        [
            (
                f"what letter comes after {LETTERS[i]}?",
                f"The letter {LETTERS[i + 1]} comes after {LETTERS[i]}.",
            ),
            (
                f"what letter comes before {LETTERS[i]}?",
                f"The letter {LETTERS[i - 1]} comes before {LETTERS[i]}.",
            ),
        ]
    )


def compare(rng):
    i, j = sorted(rng.sample(range(len(SIZE_ORDER)), 2))
    small, big = SIZE_ORDER[i], SIZE_ORDER[j]
    return rng.choice(
        [
            (
                f"which is bigger, a(n) {small} or a(n) {big}?",
                f"A(n) {big} is bigger than a(n) {small}.",
            ),
            (
                f"which is bigger, a(n) {big} or a(n) {small}?",
                f"A(n) {big} is bigger than a(n) {small}.",
            ),
            (
                f"which is smaller, a(n) {big} or a(n) {small}?",
                f"A(n) {small} is smaller than a(n) {big}.",
            ),
            (
                f"is a(n) {big} bigger than a(n) {small}?",
                f"Yes, a(n) {big} is bigger than a(n) {small}.",
            ),
            (
                f"is a(n) {small} bigger than a(n) {big}?",
                f"No, a(n) {small} is smaller than a(n) {big}.",
            ),
        ]
    )


def introduction(rng):
    name = rng.choice(GIRLS + BOYS)
    return (
        f"[my name is {name}.|I am {name}.|hello, I am {name}!]",
        f"Hello, {name}! It is nice to meet you.",
    )


def unknown(rng):
    thing, person, place = (
        rng.choice(names).strip() for names in (UNKNOWN_THINGS, UNKNOWN_PEOPLE, UNKNOWN_PLACES)
    )
    asked = rng.choice(
        [
            rng.choice(UNKNOWN.replace("\n", "|").split("|")),
            f"[what is {thing}?|what do you know about {thing}?|explain {thing}.|how does {thing} work?]",
            f"[who is {person}?|who was {person}?|tell me about {person}.|when was {person} born?]",
            f"[what is the capital of {place}?|how many people live in {place}?|where is {place}?]",
        ]
    )
    return asked, (
        "[I am sorry, I do not know that. I am a very small model."
        "|I do not know. I can tell you a story, if you like.]"
    )


KINDS = [
    (plain, 40),
    (opposite, 8),
    (animal, 16),
    (sum_of, 8),
    (difference, 6),
    (product, 4),
    (problem, 4),
    (number, 4),
    (larger, 3),
    (calendar, 7),
    (letter, 3),
    (compare, 5),
    (introduction, 2),
    (unknown, 7),
]


def draw(rng):
    (kind,) = rng.choices([k for k, _ in KINDS], [weight for _, weight in KINDS])
    return kind(rng)
