"""The corpus's words: who can be in a story, where it can happen, and what can be found in it.

In every text of the corpus, [a|b] chooses one of its parts, {x} is a word of the story, and a(n)
becomes a or an; corpus.py expands them.
"""

GIRLS = (
    """Ruby Mia Lily Daisy Rosie Nora Clara Penny Hazel Ivy Molly Lucy Anna Ella Wendy Tilly Poppy
Emma Flora Greta Hanna Iris Josie Kate Luna Maya Nina Olive Pia Sally Tess Vera Willow Zoe Bella
Fern Millie Pearl Sara Amy""".split()
)
BOYS = """Oliver Max Finn Leo Sam Toby Ben Jack Hugo Felix Otto Milo Charlie Theo Oscar Tom Henry Jasper
Rufus Barney Basil Dan Eddie Frank George Harry Ivan Jonas Karl Louis Martin Ned Pip Ralph Sid Tim
Victor Will Alfie Bruno""".split()

# Kind of hero: where such a one lives.
ANIMALS = {
    "fox": "in a [warm|cosy|small] den [under the roots of an oak tree|at the edge of the forest]",
    "rabbit": "in a [cosy|soft|deep] burrow [under a hill|beside a meadow|near a field of clover]",
    "bear": "in a [big|dry|quiet] cave [in the mountains|at the edge of the forest]",
    "mouse": "in a [tiny|neat|warm] hole [behind the kitchen wall|under an old barn]",
    "hedgehog": "under a [big|soft] pile of leaves [in a garden|near an old stone wall]",
    "squirrel": "in a hollow [oak|beech|pine] tree [full of nuts|high above the ground]",
    "owl": "in [a tall tree|an old tower|an old barn] [at the edge of the forest|near the village]",
    "duck": "[beside a pond|by a slow river] with [green reeds|white lilies] all around",
    "frog": "on a [big|round] green leaf in the middle of a [quiet|small] pond",
    "cat": "in a [small|yellow|cosy] house [with a red door|at the end of the street]",
    "kitten": "in a [small|yellow|cosy] house [with a red door|at the end of the street]",
    "dog": "on a [busy|little|quiet] farm [near the village|beside a river]",
    "puppy": "on a [busy|little|quiet] farm [near the village|beside a river]",
    "turtle": "beside a [quiet|wide|deep] lake [with clear water|near the forest]",
    "otter": "on the bank of a [fast|clear|cold] river",
    "badger": "in a [deep|tidy|dry] home under the ground [near the forest|under a hill]",
    "deer": "in a [quiet|green|wide] forest [with tall trees|far from the village]",
    "elephant": "in a [wide|warm|sunny] land [with tall grass|near a big river]",
    "lion": "in a [wide|warm|sunny] land [of yellow grass|with few trees]",
    "monkey": "in the [tallest|greenest] tree of a [warm|noisy|green] jungle",
    "penguin": "on a [cold|snowy|white] island [at the end of the world|in a blue sea]",
    "pig": "on a [muddy|little|friendly] farm [near the village|beside a river]",
    "lamb": "in a [green|sunny|wide] field [with a white fence|on the side of a hill]",
    "goat": "high on a [steep|rocky|green] mountain",
    "pony": "in a [red|warm|big] stable [beside a green field|at the edge of the village]",
    "beaver": "in a [strong|wooden|neat] house in the middle of a river",
    "mole": "in a [dark|tidy|long] tunnel [under a garden|under a green field]",
    "bird": "in a [soft|round|small] nest [in an apple tree|at the top of a pine tree]",
    "dragon": "in a [warm|deep|secret] cave [high in the mountains|behind a waterfall]",
    "robot": "in a [bright|busy|small] workshop [at the end of the street|near the sea]",
}
PEOPLE = {
    "girl": "in a [small|white|cosy] house [near the forest|by the sea|in a quiet village]",
    "boy": "in a [small|white|cosy] house [near the forest|by the sea|in a quiet village]",
    "farmer": "on a [small|green|happy] farm [near a river|under a hill]",
    "prince": "in a [tall|stone|bright] castle [on a hill|beside a lake]",
    "princess": "in a [tall|stone|bright] castle [on a hill|beside a lake]",
    "baker": "above a [warm|small|busy] bakery [in the village|near the market]",
    "sailor": "in a [blue|little|windy] house [by the sea|near the harbour]",
}
GIRL_ONLY, BOY_ONLY = {"girl", "princess"}, {"boy", "prince"}
SWIMMERS = {"duck", "frog", "turtle", "otter", "penguin", "beaver"}
FLIERS = {"owl", "bird", "dragon", "duck"}
BIG = {"bear", "elephant", "lion", "dragon", "pony", "deer"}

# Character: sentences that show it.
TRAITS = {
    "brave": "[{he} was not afraid of the dark, and {he} was not afraid of storms.|when others ran away,"
    " {H} stayed to help.|{he} always tried, even when {he} was a little scared.]",
    "kind": "[{he} was good to everyone {he} met.|{he} could never see a sad face without trying to help."
    "|everybody liked {him}, because {he} was so kind.]",
    "curious": "[{he} wanted to know everything.|all day long, {he} asked questions.|{he} looked under"
    " every stone and behind every door.]",
    "shy": "[{he} did not talk much.|{he} liked to stay close to home and watch the others play.|when"
    " somebody said hello, {he} hid {his} face.]",
    "clever": "[{he} always had a good idea.|when there was a problem, {he} sat down and thought until"
    " it was solved.|everyone came to {him} with their questions.]",
    "cheerful": "[{he} sang from morning to night.|even on rainy days, {he} had a smile for everyone."
    "|nothing could make {him} sad for long.]",
    "lonely": "[{he} had no one to play with.|{he} wished very much for a friend.|every evening {he} ate"
    " {his} supper alone.]",
    "gentle": "[{he} spoke softly and walked slowly.|even the butterflies were not afraid of {him}.|{he}"
    " never said an unkind word.]",
    "hungry": "[{he} thought about food all day.|{he} could eat ten apples and still want more.|{his}"
    " tummy was always making noises.]",
    "sleepy": "[{he} could fall asleep anywhere.|{he} loved {his} warm bed more than anything.|every"
    " morning {he} asked for five more minutes.]",
    "proud": "[{he} thought that {he} was better than everyone else.|{he} never asked anybody for help."
    "|{he} looked at {himself} in the water every day.]",
    "helpful": "[{he} carried bags for the old and found things for the young.|if somebody had work to"
    " do, {H} was there to help.|{he} was happiest when {he} could help.]",
    "careful": "[{he} always looked twice before {he} jumped.|{he} never broke anything and never lost"
    " anything.|{he} did everything slowly and well.]",
    "forgetful": "[{he} forgot where {he} put things.|{he} often forgot what day it was.|{he} tied"
    " ribbons around everything, to remember it.]",
    "honest": "[{he} always told the truth.|everyone trusted {him}.|{he} never told a lie, not even a"
    " small one.]",
    "funny": "[{he} made everyone laugh.|{he} knew a hundred jokes.|{he} walked on {his} hands just to"
    " make {his} friends smile.]",
    "stubborn": "[when {he} wanted something, {he} did not give up.|{he} did not like to change {his}"
    " mind.|nobody could tell {him} what to do.]",
    "patient": "[{he} knew how to wait.|{he} never hurried and never got angry.|{he} could sit still and"
    " watch a flower open.]",
    "happy": "[{he} loved the sun, the rain and the wind.|{he} smiled at everything.|every day was a good"
    " day for {him}.]",
    "playful": "[{he} turned everything into a game.|{he} loved to run, jump and hide.|{he} played from"
    " morning until night.]",
}

COLOURS = "red blue green yellow white black brown orange purple pink".split() + [
    "golden",
    "silver",
]
TOYS = "ball kite hat scarf cup book button ribbon balloon basket lantern drum whistle bell boat".split()
TREASURES = [
    "a golden key",
    "an old map",
    "a silver bell",
    "a shiny shell",
    "a round blue stone",
    "a little music box",
    "an old letter",
    "a wooden box",
    "a glass marble",
    "a tiny crown",
]
FOODS = [
    "bread",
    "cheese",
    "apples",
    "berries",
    "nuts",
    "carrots",
    "pears",
    "pancakes",
    "plums",
    "cherries",
    "cookies",
    "rolls",
]
FRUIT = "apple pear plum orange apricot".split()
FLOWERS = "rose tulip daisy lily sunflower violet bluebell".split()

# A place, and how to be at it.
PLACES = {
    "river": "by the river",
    "meadow": "in the meadow",
    "forest": "in the forest",
    "pond": "by the pond",
    "hill": "on the hill",
    "garden": "in the garden",
    "lake": "by the lake",
    "beach": "on the beach",
    "orchard": "in the orchard",
    "old mill": "near the old mill",
    "oak tree": "under the oak tree",
    "bridge": "near the bridge",
    "field": "in the field",
    "village": "in the village",
    "market": "at the market",
    "waterfall": "near the waterfall",
}
