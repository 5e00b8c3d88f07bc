"""The plots: what happens to a hero after the first sentences.

`about` completes "a story about"; `traits` are the characters that the plot suits (empty: any);
`unlike` are kinds of hero that it does not suit; `ask` are questions about the story, with answers.
The words are the hero's name {H}, {kind}, {he} {him} {his} {himself}; the friend's {F}, {fkind},
{fhe} {fhim} {fhis}; a third one's {G}, {gkind}, {ghe}; and {place}, {at}, {colour}, {toy},
{treasure}, {food}, {fruit}, {flower}.
"""

from words import BIG, FLIERS, PEOPLE, SWIMMERS

PLOTS = [
    {
        "about": ["a lost {toy}", "losing something", "a {colour} {toy} that is lost and found"],
        "traits": ["forgetful", "happy", "playful"],
        "text": """[One day|One morning|One sunny afternoon], {H} [could not find|lost] {his}
{colour} {toy}. {He} looked under the bed. {He} looked [behind the door|in every box|under the
table]. It was not there. "Oh no," said {H}, "[where can it be?|I love my {toy} so much!]" {He}
[sat down and began to cry|felt very sad].

{F} the {fkind} [came by|heard {him}] and asked, "what is wrong?" "My {toy} is gone," said {H}.
"[Let us|We can] look for it together," said {F}. "[where did you play yesterday|where did you
last have it]?" {H} thought for a [moment|while]. "I was {at}!" {he} said.

They [ran|went] there [at once|together]. And there it was, [hanging on a branch|lying in the
grass|behind a big stone]! {H} [jumped for joy|laughed and danced]. "Thank you, {F}," {he} said.
"[Two pairs of eyes are better than one|I could not have found it without you]." From that day on,
{H} [always put {his} {toy} in the same place|took good care of {his} {toy}].""",
        "ask": [
            ("What did {H} lose?", "{H} lost {his} {colour} {toy}."),
            ("Who helped {H}?", "{F} the {fkind} helped {him}."),
            ("Where was the {toy}?", "The {toy} was {at}."),
        ],
    },
    {
        "about": ["getting lost", "finding the way home", "a walk in the fog"],
        "traits": ["curious", "brave", "careful"],
        "text": """One [day|evening|afternoon], {H} went [for a long walk|out to look for
[berries|nuts|flowers]]. {He} walked [on and on|further than ever before]. Then a
[thick|grey|cold] fog came down, and {he} could not see the path. "[I am lost,|where am I?]" {he}
whispered. All the trees looked the same. {He} walked to the left, and {he} walked to the right,
but {he} did not find the way home.

{H} [took a deep breath|told {himself} to be calm]. Then {he} saw a small light. It was {F} the
{fkind}, carrying a lantern. "[Do not be afraid|do not worry]," said {F}. "I know every
[path|tree|stone] here. Follow me." They walked [slowly|side by side] through the fog, and {F}
told {him} [funny stories|about the stars] on the way.

Soon {H} saw the window of {his} home. "How can I thank you?" {he} asked. {F} smiled. "[Be my
friend|one day you will help somebody else|bring me some {food} tomorrow]," {fhe} said. {H} [never
forgot that night|slept very well that night], and the two [became|were] good friends.""",
        "ask": [
            ("Why did {H} get lost?", "{H} got lost because of the fog."),
            ("Who showed {H} the way?", "{F} the {fkind} showed {him} the way home."),
            ("What did {F} carry?", "{F} carried a lantern."),
        ],
    },
    {
        "about": ["helping a stranger", "a good deed", "kindness", "helping others"],
        "traits": ["kind", "helpful", "gentle", "brave"],
        "text": """One day, {H} was walking {at} when {he} heard a [small|sad|weak] voice.
"[Help|please help me]!" It was {F} the {fkind}, and {fhis} foot was stuck [between two
stones|under a heavy branch]. {H} did not [wait|think twice]. {He} [pushed and pulled|pulled with
all {his} strength] until {F} was free. "Thank you," said {F}. "I will never forget this." "[It
was nothing|anyone would do the same]," said {H}, and went home.

[Many days|A week|A month] later, {H} [fell into a deep hole|was caught in an old net] and could
not get out. {He} called and called. [The sun went down|It began to rain]. Then {H} heard quick
steps. It was {F}! {F} [brought a long rope|called all {fhis} friends], and together they
[got|helped] {H} out.

"You helped me, and now I help you," said {F}. {H} [smiled|laughed]. "[A good deed always comes
back|kindness is never lost]," {he} said, and they [went home together|shared some {food} under
the stars].""",
        "ask": [
            ("Who was stuck?", "{F} the {fkind} was stuck."),
            ("How did {F} help {H}?", "{F} helped {H} to get out."),
        ],
    },
    {
        "about": ["sharing", "sharing food", "a hungry friend"],
        "traits": ["hungry", "kind", "happy"],
        "text": """One [cold|grey|windy] morning, {H} found a big basket of {food} {at}. "[All for
me|what luck]!" {he} said. {He} was just about to eat when {F} the {fkind} came by. {F} [looked
thin and tired|had not eaten since yesterday]. {H} looked at the basket. {He} looked at {F}. [It
was hard to share|{His} tummy was empty], but {he} said, "sit down and eat with me."

They ate and [talked|laughed] together. Then {G} the {gkind} came, and {H} gave {F} and {G} the
last of the {food}. When the basket was empty, {H} was [still a little hungry|not full], but {he}
felt [warm|happy] inside.

The next day, there was a knock at the door. {F} and {G} stood outside with [a big pot of soup|a
sweet cake|a fresh pie]. "You shared with us," they said, "and now we share with you." It was the
best [supper|meal] that {H} had ever had. "[Food tastes better with friends|sharing makes everyone
happy]," {he} said.""",
        "ask": [
            ("What did {H} find?", "{H} found a big basket of {food}."),
            ("Who came first?", "{F} the {fkind} came first."),
            ("What did {H} learn?", "{H} learned that sharing makes everyone happy."),
        ],
    },
    {
        "about": ["the dark", "being afraid of the dark", "a scary night"],
        "traits": ["shy", "careful", "gentle", "sleepy"],
        "text": """There was only one thing that {H} did not like: the dark. Every night {he}
[left a small lamp on|hid under the blanket]. One night, [the wind blew|the rain put] the lamp
out. Something [moved|made a noise] outside. Tap, tap, tap! {H}'s heart [beat fast|went boom,
boom, boom].

"I must be brave," {he} [said to {himself}|whispered]. {He} [got up slowly|took a stick] and
opened the door. There was no monster. It was only {F} the {fkind}, [wet and cold|shaking from the
cold]. "I am [lost|scared]," said {F}, "and it is so dark." {H} was surprised. "You are afraid of
the dark too?" {he} asked. "[Of course|yes]," said {F}. "[Everyone is, sometimes|a little]."

{H} gave {F} [warm milk|hot tea] and a [soft|dry] blanket. They sat at the window and looked at
the stars. "[The dark is not so bad|without the dark we could not see the stars]," said {H}. After
that night, {he} was not afraid any more.""",
        "ask": [
            ("What was {H} afraid of?", "{H} was afraid of the dark."),
            ("Who was outside?", "It was {F} the {fkind}."),
        ],
    },
    {
        "about": ["a race", "winning and losing", "a great race", "running a race"],
        "traits": ["proud", "stubborn", "patient", "playful"],
        "text": """Every [spring|summer|autumn], there was a great race {at}. {H} wanted to win
the {colour} ribbon. {F} the {fkind} wanted to win it too. "I am [much faster|the fastest]," said
{F}. "[You can never win|you are too slow]!" {H} said nothing. {He} [practised every day|got up
early and ran every morning].

On the day of the race, everyone came to watch. "One, two, three, go!" {F} ran [like the
wind|ahead at once]. But half way {fhe} [stopped to drink some water|sat down to rest under a
tree] and [fell asleep|forgot the time]. {H} [ran on and on|went on, step by step]. {He} was
tired, but {he} did not stop. The crowd cheered, and {H} came in first!

{F} [hung {fhis} head|was sorry]. "I was too proud," {fhe} said. "You ran well, {H}." {H} [put the
ribbon around {F}'s neck for a while|shook {fhis} hand]. "[Next year we can run together|it was a
good race]," {he} said, and they [went to eat {food}|were friends from then on].""",
        "ask": [
            ("Who won the race?", "{H} won the race."),
            ("Why did {F} lose?", "{F} lost because {fhe} stopped to rest."),
            ("What was the prize?", "The prize was a {colour} ribbon."),
        ],
    },
    {
        "about": ["building a house", "working together", "building a boat", "never giving up"],
        "traits": ["clever", "stubborn", "patient", "careful"],
        "text": """One day, {H} wanted to build [a little boat|a tree house|a raft]. {He} took
[some wood|some old boards] and [a hammer|some rope] and worked all [day|morning]. But when it was
ready, [crack|bang]! It [fell apart|broke in two]. {H} [sat down and sighed|kicked a stone]. "I
will try again," {he} said. {He} built it a second time. [Crack|Bang]! It broke again.

{F} the {fkind} had watched from [behind a bush|the other side of the path]. "May I help?" {fhe}
asked. "[You are strong, and I know about knots|you hold the wood, and I tie the rope]." {H} did
not like to ask for help, but {he} nodded. They worked side by side. {H} [cut|carried] the wood,
and {F} tied it [tight|well].

In the evening it was finished. They [painted it {colour}|put a {colour} flag on top]. They sat in
it and ate {food} while the sun went down. "[We did it|it is perfect]," said {H}. "[The third time
we did it together, and that made the difference|together we can do anything]." """,
        "ask": [
            ("Who helped {H} to build?", "{F} the {fkind} helped {him}."),
            ("How many times did it break?", "It broke two times."),
        ],
    },
    {
        "about": ["a birthday", "a birthday surprise", "a surprise party"],
        "traits": ["forgetful", "lonely", "cheerful"],
        "text": """It was {H}'s birthday. {He} [got up early|jumped out of bed] and ran outside.
But nobody said "happy birthday". {F} the {fkind} [only waved and ran away|said, "I have no time
today"]. {G} the {gkind} [did not open the door|was not at home]. {H} walked {at} all alone.
"[They all forgot|nobody remembers me]," {he} thought, and a tear ran down {his} face.

In the evening, {H} went home. [The house was dark|There was no light]. {He} opened the door, and
suddenly everybody shouted, "surprise!" All {his} friends were there. There was a big cake with
[{colour}|five|six] candles, and there were {colour} balloons [on the walls|everywhere].

"[We were busy all day|we did not forget you]," said {F}. "We baked the cake," said {G}, "and it
was very hard to keep the secret!" {H} laughed until {he} cried. {F} gave {him} a {colour} {toy}.
"[This is the best birthday of my life|thank you, my friends]," said {H}, and they danced until
[late at night|the moon came up].""",
        "ask": [
            (
                "Why was {H} sad?",
                "{H} was sad because {he} thought that everyone forgot {his} birthday.",
            ),
            ("What did {F} give {H}?", "{F} gave {him} a {colour} {toy}."),
        ],
    },
    {
        "about": ["friendship", "a new friend", "making friends", "being alone"],
        "traits": ["lonely", "shy", "kind"],
        "text": """One day, a new family came to live {at}. They had a child named {F}, who was
a(n) {fkind}. {F} sat alone [on a stone|by the fence] and did not speak to anybody. {H} [watched
from far away|wanted to say hello]. "[Maybe {fhe} does not like me,|what shall I say?]" {he}
thought.

The next day, {H} took {his} {colour} {toy} and went to {F}. {His} [knees|hands] were shaking.
"Hello," {he} said [in a small voice|quietly]. "Do you want to play with me?" {F} looked up, and
{fhis} eyes began to shine. "[Yes, please|I would love to]," {fhe} said. "[I was afraid to
ask|nobody asked me before]."

They played [all day|until the sun went down]. They climbed [trees|hills], ate {food} and told
each other [secrets|jokes]. When it was time to go home, {F} said, "will you come back tomorrow?"
"[Tomorrow and every day|of course]," said {H}. From then on, {H} and {F} were never
[alone|lonely] again.""",
        "ask": [
            ("Who was new?", "{F} the {fkind} was new."),
            ("What did {H} take along?", "{H} took {his} {colour} {toy}."),
            ("What did they eat?", "They ate {food}."),
        ],
    },
    {
        "about": ["a quarrel", "saying sorry", "two friends who quarrel", "forgiveness"],
        "traits": ["stubborn", "proud", "playful"],
        "text": """{H} had a good friend, {F} the {fkind}. One day they found a {colour} {toy}
{at}. "It is mine," said {H}. "I saw it first!" "No, it is mine," said {F}. They [pulled and
pulled|both held it tight] until the {toy} [broke|fell into the mud]. "[I never want to see you
again|you are not my friend any more]!" cried {F}, and {fhe} ran home.

At first, {H} was angry. Then {he} was sad. {He} [sat alone|looked out of the window] all
[day|evening], and nothing was fun without {F}. "A {toy} is only a {toy}," {he} thought, "but a
friend is a friend." So {he} [repaired|cleaned] the {toy} and took it to {F}'s house.

Before {he} could knock, the door opened. There stood {F} [with tears in {fhis} eyes]. "I am
sorry," they both said at the same time, and then they [laughed|smiled]. "[You can have the {toy}
today, and I will have it tomorrow|let us share it]," said {H}. And that is what they did.""",
        "ask": [
            ("What did they quarrel about?", "They quarrelled about a {colour} {toy}."),
            ("Who was {H}'s friend?", "{F} the {fkind} was {his} friend."),
            ("How did it end?", "They said sorry and shared the {toy}."),
        ],
    },
    {
        "about": ["a seed", "a garden", "growing a flower", "a flower", "patience"],
        "traits": ["patient", "curious", "careful"],
        "text": """One [spring|morning in spring], {F} the {fkind} gave {H} a tiny seed. "[Put it
in the ground|plant it]," said {F}, "give it water, and wait." {H} planted the seed {at} and sat
down beside it. {He} waited [an hour|all day]. Nothing happened. "[It is broken|it does not
work]," said {H}. {F} [smiled|shook {fhis} head]. "[Good things need time|be patient]," {fhe}
said.

So {H} [came back|gave it water] every day. [When it was hot, {he} brought more water|When the
wind was strong, {he} put stones around it]. {He} even [sang to it|told it stories]. One morning,
there was a small green leaf! Then there were two leaves, and then [three|four]. The plant grew
[taller|bigger] every week.

In summer, a beautiful {colour} {flower} opened. It was the [prettiest|loveliest] flower [in the
whole land|of all]. {H} [clapped {his} hands|called all {his} friends]. "[You were right|now I
understand]," {he} said to {F}. "It was worth the wait." """,
        "ask": [
            ("Who gave {H} the seed?", "{F} the {fkind} gave {him} the seed."),
            ("What grew from the seed?", "A {colour} {flower} grew from the seed."),
            ("What did {H} learn?", "{H} learned to be patient."),
        ],
    },
    {
        "about": ["a storm", "a rainy night", "helping in a storm", "a big storm"],
        "traits": ["kind", "brave", "helpful"],
        "text": """One [autumn|winter] night, there was a terrible storm. The wind
[howled|roared], and the rain [beat against the door|fell and fell]. {H} was glad to be at home.
Then there was a knock. It was {F} the {fkind}, who was [wet from head to toe|shaking with cold].
"My home [fell down|is full of water]," said {F}. "[Come in|come in quickly]!" said {H}, and {he}
gave {fhim} a dry [towel|blanket].

Soon there was another knock. It was {G} the {gkind}. "[May I come in|is there room for one
more]?" {ghe} asked. It was [a small home|not a big home], but {H} said, "there is always room for
a friend." They sat close together, drank hot [tea|soup|milk] and sang songs, and nobody was
afraid of the thunder.

In the morning, the sun was shining. They all went out and [built|repaired] {F}'s home together.
"[A small home with a big heart is large enough for everybody|thank you for last night, {H}],"
said {G}. {H} [smiled|was very happy].""",
        "ask": [
            ("Who knocked first?", "{F} the {fkind} knocked first."),
            ("Why did {F} come?", "{F} came because of the storm."),
        ],
    },
    {
        "about": ["telling the truth", "a broken cup", "honesty", "a lie"],
        "traits": ["honest", "playful", "shy"],
        "text": """One day, {H} was playing with a ball in the house of {F} the {fkind}. "[Please
be careful|do not play inside]," {F} had said. But the ball [flew|jumped] across the room, and
crash! {F}'s {colour} cup fell down and broke. {H}'s face went [red|white]. Nobody had seen it.
{He} [hid the pieces under the bed|swept the pieces behind the door] and went home.

But {he} could not sleep. {He} [turned to the left and to the right|looked at the ceiling]. {His}
tummy hurt. In the morning, {he} [got up|went back] and told {F} the truth. "I broke your cup,"
{he} said. "I am [so|very] sorry."

{F} was [quiet|silent] for a moment. Then {fhe} said, "I am sad about my cup, but I am glad that
you told me. [It takes courage to tell the truth|a true friend is worth more than a cup]." They
[glued the cup together|made a new cup out of clay], and {H} painted it {colour}. {He} felt
[light|free] again, and that night {he} slept [very well|like a stone].""",
        "ask": [
            ("What did {H} break?", "{H} broke {F}'s {colour} cup."),
            (
                "Why could {H} not sleep?",
                "{H} could not sleep because {he} had not told the truth.",
            ),
        ],
    },
    {
        "about": ["a treasure", "a treasure hunt", "an old map", "an adventure"],
        "traits": ["curious", "brave", "clever"],
        "text": """One day, {H} found an old map [in a bottle|under a stone|in an old book]. There
was a {colour} cross on it. "A treasure!" cried {H}, and {he} [ran|went] to {his} friend {F} the
{fkind}. "[Let us go and find it.|Will you come with me?]" They took [a lantern|a rope] and some
{food}, and off they went.

First, they [crossed a river on an old log|climbed over a high hill]. Then they [walked through a
dark cave|went through a deep forest], where [bats flew over their heads|it was cold and quiet].
{F} wanted to go home, but {H} took {fhis} hand. "[Only a little further|do not be afraid, I am
with you]," {he} said. At last they came to a [tall tree|big stone] {at}, and they began to dig.

After a while, they found a [little|wooden|rusty] box. Inside was {treasure}, and a letter. It
said: "the best treasure is the friend who came along with you." {H} and {F} looked at each other
and [smiled|laughed]. "[It is true|whoever wrote this was clever]," said {H}. They [shared|ate]
the {food} and walked home [hand in hand|singing].""",
        "ask": [
            ("What was in the box?", "{Treasure} and a letter were in the box."),
            ("Who went with {H}?", "{F} the {fkind} went with {him}."),
            ("What did {H} find first?", "{H} found an old map."),
        ],
    },
    {
        "about": ["learning to swim", "water", "learning something new"],
        "traits": ["shy", "stubborn", "careful"],
        "unlike": SWIMMERS | {"robot", "sailor"},
        "text": """{H} could do many things, but {he} could not swim. When the others jumped into
the lake, {H} stayed on the shore. "[The water is too cold|I do not like water]," {he} always
said. But that was not the truth. {He} was afraid.

One day, {F} the {fkind} sat down beside {him}. "[I was afraid too, once,|shall I teach you?]"
said {F}. "We will begin with one foot." So {H} put one foot into the water. The next day, {he}
put in both feet. [After a week|Some days later], {he} stood in the water up to {his}
[tummy|neck]. {F} held {him} and said, "now kick with your legs!" {H} kicked. [Splash,
splash|Water flew everywhere]!

Then, one [warm|sunny] morning, {F} let go, and {H} did not sink. {He} was swimming! "Look at me!"
{he} shouted. [Everybody clapped|All the others cheered]. {H} was so [proud|happy] that {he} swam
[around the lake|to the other side and back]. "[Big things begin with one small step|thank you for
waiting for me]," {he} said.""",
        "ask": [
            ("What could {H} not do?", "{H} could not swim."),
            ("Who taught {H} to swim?", "{F} the {fkind} taught {him}."),
        ],
    },
    {
        "about": ["a star", "a wish", "the night sky", "the moon and the stars"],
        "traits": ["curious", "sleepy", "lonely", "gentle"],
        "text": """Every night before bed, {H} looked at the stars. There was one little star that
shone more brightly than the others. "[I wish I could hold you,|what are you doing up there?]"
said {H}. One night, the little star fell down, down, down, and landed {at}.

{H} [ran outside|put on {his} shoes and ran]. The star was lying in the grass, and its light was
weak. "[I want to go home|please help me]," said the star. "My place in the sky is empty." {H}
thought hard. {He} went to {F} the {fkind}, and {F} had an idea. "[The top of the highest hill is
close to the sky|we must go to the highest mountain]," {fhe} said. So they carried the star up,
and it was warm in their hands.

At the top, {H} lifted the star as high as {he} could. The wind took it, and up it flew. "[Thank
you|good night, my friends]!" it called. Since then, the star [winks|smiles] at {H} every night,
and {H} always [winks back|says good night].""",
        "ask": [
            ("What fell down?", "A little star fell down."),
            ("Where did the star land?", "The star landed {at}."),
            ("Who had an idea?", "{F} the {fkind} had an idea."),
        ],
    },
    {
        "about": ["a strange noise", "a mystery", "a strange sound in the night"],
        "traits": ["curious", "brave", "clever", "shy"],
        "text": """One evening, {H} heard a strange noise. "[Ooo-ooo|squeak, squeak|bump, bump]!"
It came from [the cellar|the old tower|behind the wall]. {H} called {his} friend {F} the {fkind}.
"[It is a ghost|maybe it is a monster]," whispered {F}. "There are no [ghosts|monsters]," said
{H}, but {his} voice was [not very loud|shaking a little].

They took a lamp and went, step by step, on the tips of their toes. The noise got louder and
louder. {F} [held {H}'s hand|closed {fhis} eyes]. {H} counted to three and [opened the door|lifted
the lamp]. And what did they see? A [tiny|baby|little] {gkind}, who was [stuck in a box|lost and
crying]! "I want my mother," said the little {gkind}.

"[You poor thing|do not cry]," said {H}. They gave the baby some {food} and [brought|took] it home
to its mother, who was looking for it {at}. "Thank you," said the mother. "[You are very brave|you
have good hearts]." On the way back, {F} laughed. "[Our monster was very small|that was a very
little ghost]," {fhe} said.""",
        "ask": [
            ("What made the noise?", "A little {gkind} made the noise."),
            ("Who went with {H}?", "{F} the {fkind} went with {him}."),
        ],
    },
    {
        "about": ["a broken bridge", "crossing a river", "a clever plan", "a good idea"],
        "traits": ["clever", "helpful", "patient"],
        "unlike": SWIMMERS | FLIERS,
        "text": """One day, {H} and {F} the {fkind} wanted to visit {G} the {gkind}, who lived on
the other side of the river. But the bridge was broken. [The storm had taken it away|Half of it
had fallen into the water]. "Now we can never cross," said {F}. "[Let us go home.|What shall we
do?]"

{H} sat down and [thought|looked at the river]. {He} saw a tall, dead tree on the shore. "If the
tree fell across the river, we could walk over it," {he} said. They [pushed|pushed and pulled],
but the tree did not [move|fall]. "[We need more friends|we are not strong enough]," said {H}. So
{F} called everyone who lived near the river. They [tied a rope to the tree|counted to three] and
pulled all together.

Crash! The tree fell, and it reached from one side to the other. It was a fine new bridge. {G} was
waiting on the other side with [a plate of|a basket full of] {food}. "[What a clever plan|you are
wonderful]!" {ghe} said. And the bridge is still there today.""",
        "ask": [
            ("What was broken?", "The bridge was broken."),
            (
                "Who lived on the other side of the river?",
                "{G} the {gkind} lived on the other side.",
            ),
            ("Who had the idea?", "{H} had the idea."),
        ],
    },
    {
        "about": ["baking a cake", "cooking", "baking with friends"],
        "traits": ["hungry", "cheerful", "forgetful", "funny"],
        "text": """One [rainy|cold|quiet] day, {H} wanted to bake a cake. {He} put flour and sugar
into a big bowl. "Now I need [eggs|milk|butter]," {he} said, but there was nothing left. So {H}
went to {F} the {fkind}. "I have some," said {F}. "May I help you?" Together they went back. "Now
we need [honey|apples|berries]," said {H}. So they went to {G} the {gkind}, who had plenty. "May I
help too?" asked {G}.

In the kitchen, there was flour everywhere: on the floor, on the table, and on {F}'s nose. {G}
[stirred|mixed] and {F} [sang|counted], and {H} put the cake into the oven. [Soon|After an hour]
the whole house smelled [wonderful|sweet].

The cake was [a little crooked|not very pretty], and it was {colour} on one side, but it was
[delicious|the best cake in the world]. They ate it all up, down to the last crumb. "[A cake that
is made by three tastes three times as good|we should do this every week]," said {H}.""",
        "ask": [
            ("What did {H} bake?", "{H} baked a cake."),
            ("Who helped {H}?", "{F} the {fkind} and {G} the {gkind} helped {him}."),
        ],
    },
    {
        "about": ["a sick friend", "visiting a friend", "caring for a friend"],
        "traits": ["kind", "funny", "helpful", "gentle"],
        "text": """One morning, {H} waited {at} for {his} friend {F} the {fkind}. They wanted to
play, but {F} did not come. {H} waited and waited. Then {he} [went|ran] to {F}'s house. {F} was
lying in bed with a [hot head|red nose]. "I am sick," said {F}. "[I cannot play today|my head
hurts]."

{H} went home and made a pot of [hot soup|sweet tea]. {He} picked a {colour} {flower}, and {he}
took {his} favourite book. Then {he} sat down on {F}'s bed and read [funny|long] stories to
{fhim}. {F} [laughed|smiled] for the first time that day. "[Laughing is good medicine|I feel a
little better]," {fhe} said.

{H} came every day with something new: some {food}, a {toy}, or a song. After [a week|five days],
{F} jumped out of bed. "I am well again!" {fhe} shouted. They ran outside and played until
evening. "[When you are sick, I will come to you|you are the best doctor]," said {F}.""",
        "ask": [
            ("Who was sick?", "{F} the {fkind} was sick."),
            ("What flower did {H} pick?", "{H} picked a {colour} {flower}."),
        ],
    },
    {
        "about": ["snow", "a snowy day", "winter", "a snowman"],
        "traits": ["happy", "cheerful", "playful", "kind"],
        "text": """One winter morning, {H} looked out, and everything was white. "Snow!" {he}
shouted. {He} put on {his} {colour} scarf and ran to {F} the {fkind}. They threw snowballs, and
they [slid down the hill|made tracks in the snow]. Then they built a big snowman. They gave him
[two stones|two nuts] for eyes and a carrot for a nose.

In the evening, it got very cold. "[Our snowman looks sad|he is all alone]," said {F}. "[Maybe he
is cold|maybe he needs a friend]." So {H} took off {his} {colour} scarf and put it around the
snowman's neck. And they built a second, smaller snowman beside him.

The next morning, the two snowmen seemed to smile. In the snow before them, {H} and {F} found two
[fresh|sweet|big] apples. "[Who put them there|where do they come from]?" asked {F}. {H} looked at
the snowmen. "[I think I know|maybe it was a thank you]," {he} said. And one of the snowmen
[winked|almost laughed].""",
        "ask": [
            ("What did they build?", "They built a snowman."),
            ("What colour was the scarf?", "The scarf was {colour}."),
        ],
    },
    {
        "about": ["a baby bird", "an egg", "saving a baby bird", "a bird that fell from its nest"],
        "traits": ["gentle", "kind", "careful", "helpful", "brave"],
        "unlike": {"bird", "owl"},
        "text": """After a windy night, {H} found a baby bird {at}. It had fallen out of its nest.
"Cheep," it said, very [softly|weakly]. {H} looked up. The nest was [high|far up] in a tree. "[I
will help you|do not be afraid]," said {H}, and {he} put the little bird into a [warm|soft] hat.

{He} tried to climb the tree, but the branches were too [thin|high]. So {he} called {F} the
{fkind}. {F} stood [below|at the foot of the tree], and {H} climbed on {fhis} back. Still it was
too high. Then {G} the {gkind} came and climbed on {H}'s back. [Higher and higher|Up and up] went
the baby bird, and at last it was back in its nest.

The mother bird [flew around them|came back] and sang for joy. "[You have saved my child,|how can
I thank you?]" she sang. Every morning since then, she sings a song at {H}'s window. And {H} [hums
along|always says good morning].""",
        "ask": [
            ("What did {H} find?", "{H} found a baby bird."),
            ("Who helped {H}?", "{F} the {fkind} and {G} the {gkind} helped {him}."),
        ],
    },
    {
        "about": ["a fire", "saving the village", "being brave", "a danger", "courage"],
        "traits": ["brave", "honest", "clever"],
        "text": """One [dry|hot] summer night, {H} woke up. There was a [strange|bad] smell in the
air. It was smoke! {H} looked outside and saw a fire {at}. Everybody else was asleep. {H} was
[scared|afraid], but {he} knew that there was no time to lose.

{He} ran from door to door. "Wake up! Fire!" {he} shouted. {F} the {fkind} [came out first|jumped
out of bed] and rang the big bell. Soon everyone was awake. They made a long line down to the
[water|river], and they passed buckets from hand to hand. {H} was [at the very front|the first in
the line], where it was hot. "[Faster|more water]!" {he} called. They worked all night, and in the
morning the fire was out.

Nobody was hurt. "[You saved us all|without you, our homes would be gone]," said {F}. [The others
lifted {H} high up|They gave {H} a medal] and [cheered|shouted three cheers]. "I was very
[afraid|scared]," said {H}. {F} [nodded|smiled]. "That is what being brave means," {fhe} said.
"You were afraid, and you did it anyway." """,
        "ask": [
            ("What did {H} see?", "{H} saw a fire."),
            ("Who rang the bell?", "{F} the {fkind} rang the bell."),
        ],
    },
    {
        "about": ["trading", "the market", "a clever trade"],
        "traits": ["clever", "cheerful", "funny", "curious"],
        "text": """One day, {H} went to the market with a {colour} {toy}. On the way, {he} met {F}
the {fkind}, who looked [sad|unhappy]. "I want to play, but I have [nothing|no toy]," said {F}.
"Take my {toy}," said {H}. {F} was so [happy|glad] that {fhe} gave {H} a basket of {food}.

{H} walked on, and {he} met {G} the {gkind}. "I am so hungry," said {G}. "Take my {food}," said
{H}. {G} ate everything, and {ghe} gave {H} {treasure}. "[I found it long ago|I do not need it],"
said {G}. "It is for you."

At the market, an old woman saw it. "[I lost it when I was young|that was once mine]!" she said,
and she began to cry for joy. {H} gave it to her at once. The old woman [hugged {him}|took {his}
hand]. "Come to my house," she said, "and you can [eat at my table|sit at my fire] whenever you
like." So {H} came home with empty hands and a [full|warm] heart. "[I gave everything away|I have
nothing in my bag]," {he} said, "and I have three new friends!" """,
        "ask": [
            ("What did {H} give to {F}?", "{H} gave {F} a {colour} {toy}."),
            ("Who was hungry?", "{G} the {gkind} was hungry."),
        ],
    },
    {
        "about": ["the sea", "an island", "a journey", "a boat", "sailing"],
        "traits": ["brave", "curious", "stubborn"],
        "text": """{H} had a small {colour} boat. One [fine|bright] morning, {he} said to {F} the
{fkind}, "let us sail to the island!" They packed some {food} and a warm blanket, and the wind
blew them out to sea. The water was [blue|green] and full of fish.

Around noon, dark clouds came up. The waves got higher and higher, and the little boat went up and
down. "[We will sink|I want to go home]!" cried {F}. "[Hold on tight|take this rope]," said {H},
"and I will steer." {He} did not look at the waves. {He} looked at the [light of the tower|tall
rock] on the island, and {he} steered straight towards it.

At last the boat [slid|ran] onto the sand. They were [wet and tired|cold and wet], but they were
safe. An old {gkind} named {G} came to meet them and made a [big|warm] fire. "[Only good sailors
can cross in such a storm|welcome to my island]," said {G}. In the evening the sky was clear, and
they sang songs until they fell asleep.""",
        "ask": [
            ("What colour was the boat?", "The boat was {colour}."),
            ("Who lived on the island?", "{G} the {gkind} lived on the island."),
            ("Who went with {H}?", "{F} the {fkind} went with {him}."),
        ],
    },
    {
        "about": ["music", "a song", "a concert", "an old drum"],
        "traits": ["shy", "cheerful", "happy", "funny"],
        "text": """One day, {H} found an old [drum|flute|violin] {at}. It was [dirty|dusty], but
when {he} tried it, it made a [lovely|sweet|warm] sound. {H} [practised|played] every day. At
first it sounded [terrible|like a sick goose]. "[Please stop|my poor ears]!" said {F} the {fkind}.
But {H} did not stop, and every day it sounded a little better.

In [spring|summer], there was a big concert. {H} wanted to play, but when {he} stood before all
those faces, {his} hands [shook|went cold]. {He} could not begin. Then {F} [stood up|came forward]
and began to sing, very softly. It was the song that {H} had played every day. {H} [smiled|looked
at {F}], and {he} began to play.

They played and sang, and soon everybody danced. When the song was over, they [clapped|cheered]
for a long time. "[You know the song|I thought you did not like it]," said {H}. {F}
[grinned|laughed]. "I heard it a hundred times," {fhe} said, "and now it is my favourite song." """,
        "ask": [
            ("Who sang?", "{F} the {fkind} sang."),
            ("When was the concert?", "The concert was later that year."),
        ][:1],
    },
    {
        "about": ["a picnic", "a sunny day", "summer", "ants"],
        "traits": ["happy", "hungry", "funny", "cheerful"],
        "text": """It was a [hot|bright|lovely] summer day. {H} and {F} the {fkind} went for a
picnic {at}. They brought {food}, [juice|cold milk] and a big {colour} blanket. "[First we
swim|first we play], and then we eat," said {F}. So they left the basket under a tree.

When they came back, the basket was moving! "[It has legs|our lunch is running away]!" cried {H}.
They looked closer. Under the basket there were hundreds of ants, and they were carrying it away.
"[Stop|wait]!" said {F}. "That is our [lunch|picnic]!" The smallest ant [stepped forward|looked
up]. "[We are so sorry|oh, excuse us]," it said. "We thought that nobody wanted it. Our children
are hungry."

{H} and {F} looked at each other. "[There is enough for all of us|crumbs are enough for an ant],"
said {H}. So they [all ate together|had a picnic with a hundred guests]. {H} and {F} got the big
pieces, and the ants got the crumbs. Afterwards, the ants [carried the empty basket home for
them|danced for them]. It was the [funniest|best] picnic of the year.""",
        "ask": [
            ("Who took the basket?", "The ants took the basket."),
            ("What colour was the blanket?", "The blanket was {colour}."),
        ],
    },
    {
        "about": ["a dragon", "a friendly dragon", "a dragon in a cave"],
        "traits": ["brave", "kind", "curious"],
        "unlike": {"dragon"},
        "text": """In the mountains, there was a cave, and everyone said that a terrible dragon
lived there. "[It eats everybody|never go there]," said {F} the {fkind}. But {H} often heard a sad
sound at night. "[That does not sound terrible|somebody is crying up there]," {he} thought. One
morning, {he} took a basket of {food} and went up.

The cave was [dark|deep]. {H}'s knees shook, but {he} called, "hello!" Two big eyes opened. It was
a {colour} dragon, as big as a house. "[Are you not afraid|why do you not run away]?" asked the
dragon. "A little," said {H}. "Why do you cry at night?" "[Because I am alone|because nobody talks
to me]," said the dragon. "[When I say hello, fire comes out|everyone runs away], and I only want
a friend."

{H} [sat down|held out {his} hand]. "Now you have one," {he} said, and they ate the {food}
together. [Next winter|When winter came], the dragon kept the whole village warm with its fire,
and nobody was afraid of it any more. {F} even [learned to fly on its back|baked bread with its
fire].""",
        "ask": [
            ("What colour was the dragon?", "The dragon was {colour}."),
            ("Why was the dragon sad?", "The dragon was sad because it had no friends."),
        ],
    },
    {
        "about": ["dreams", "flying", "wanting to fly", "a big dream"],
        "traits": ["curious", "stubborn", "playful", "funny"],
        "unlike": FLIERS,
        "text": """{H} had one big dream: {he} wanted to fly. Every day, {he} watched the
[birds|clouds] and sighed. {He} made wings out of [leaves|paper|old shirts] and jumped from a
[chair|low wall]. Bump! {He} landed in the [mud|grass]. {F} the {fkind} laughed. "[You cannot
fly|you have no feathers]," {fhe} said. But {H} did not give up.

{He} went to {G} the {gkind}, who was old and wise. "[There are many ways to fly|wings are not the
only way]," said {G}. "Come with me." {G} had a huge {colour} balloon with a basket under it. {H}
climbed in, and so did {F}. {G} [lit the fire|untied the rope], and slowly, slowly, they went up.

The [trees|houses] got smaller and smaller. The river was like a silver ribbon. {H}
[spread|stretched] out {his} arms. "[I am flying|look, {F}, I am flying]!" {he} shouted. {F} held
on tight and said, "[I will never laugh at your dreams again|it is beautiful up here]." And when
they came down, {H} already had a new dream.""",
        "ask": [
            ("What did {H} dream of?", "{H} dreamed of flying."),
            ("Who had a balloon?", "{G} the {gkind} had a balloon."),
            ("What colour was the balloon?", "The balloon was {colour}."),
        ],
    },
    {
        "about": ["being too proud", "pride", "asking for help"],
        "traits": ["proud", "stubborn"],
        "text": """One day, {H} said, "I do not need anybody. I can do everything alone." {F} the
{fkind} [offered to help|wanted to help] with the work, but {H} said no. {He} [carried a heavy
stone|pulled a big cart] up the hill all alone. Half way up, {he} [slipped|fell], and everything
rolled down again, right into the [mud|pond].

{H} tried a second time. {He} [pushed|pulled] until {he} was out of breath. Again it rolled down.
{F} stood [beside the path|under a tree] and waited. {F} did not laugh. "[May I help now|shall we
try it together]?" {fhe} asked. {H} looked at {his} feet. It was hard to say, but {he} said it:
"[yes, please|please help me]."

Together it was easy. At the top, they sat down and looked at the wide land, and {F} shared {fhis}
{food}. "[I was silly|I was too proud]," said {H}. "[Asking for help is not weak|even the strong
need friends]," said {F}. {H} [nodded|smiled], and since that day, {he} asks for help when {he}
needs it.""",
        "ask": [
            ("Who helped {H}?", "{F} the {fkind} helped {him}."),
            ("What did {H} learn?", "{H} learned to ask for help."),
        ],
    },
    {
        "about": ["being small", "a small hero", "a big problem"],
        "traits": ["brave", "clever", "patient"],
        "unlike": BIG | set(PEOPLE) | {"robot"},
        "text": """{H} was the smallest of all. "[You are too small to play with us|little ones
must stay at home]," the others said. {H} was sad, but {he} [did not complain|said nothing]. One
day, {F} the {fkind} lost the key to {fhis} house. It had fallen into a [narrow|deep] crack
between two rocks {at}.

Everybody tried to get it out. The bear's paw was too [big|thick]. The fox's arm was too short.
They [pulled at the rocks|tried with long sticks], but nothing worked. It was getting dark, and
{F} began to cry. "Let me try," said a small voice. It was {H}. The others laughed, but {H} [took
a deep breath|closed {his} eyes] and slipped into the crack. It was dark and [cold|tight] in
there. {He} [went deeper and deeper|felt with {his} feet]. There was something hard. The key!

When {H} came out again with the key, everybody [cheered|was silent, and then they cheered]. "[You
did what none of us could do|today you were the biggest of us all]," said {F}. Since then, nobody
has called {H} too small.""",
        "ask": [
            ("What did {F} lose?", "{F} lost the key to {fhis} house."),
            ("Who found the key?", "{H} found the key."),
        ],
    },
    {
        "about": ["bedtime", "falling asleep", "a sleepy evening", "sleep"],
        "traits": ["sleepy", "playful", "happy"],
        "text": """One evening, {H} could not fall asleep. {He} [counted sheep|turned over and
over], but {his} eyes stayed open. So {he} got up and went outside. {F} the {fkind} was sitting
{at}. "[Can you not sleep either|why are you awake]?" asked {F}. "My head is full of thoughts,"
said {H}.

"Then listen," said {F}. "[What do you hear?|Close your eyes.]" {H} listened. {He} heard the wind
in the leaves: shh, shh. {He} heard the water: [drip, drop|plip, plop]. Far away, {he} heard {G}
the {gkind}, who was singing a [soft|slow] song. The moon was round and [yellow|white], and a
{flower} was sleeping with its petals closed.

"Everything is going to sleep," [whispered|said] {F}. "The sun sleeps, the flowers sleep, and even
the wind is tired." {H} [yawned|smiled]. {His} eyes got heavy. {F} [put a {colour} blanket over
{him}|carried {him} home], and soon {H} was fast asleep. Good night, {H}.""",
        "ask": [
            ("Who was awake too?", "{F} the {fkind} was awake too."),
            ("Who was singing?", "{G} the {gkind} was singing."),
        ],
    },
    {
        "about": ["school", "the first day of school", "learning to read"],
        "traits": ["shy", "curious", "forgetful", "clever"],
        "text": """It was {H}'s first day of school. {He} had a new {colour} bag, and in it were a
book, a pencil and some {food}. "[What if nobody likes me|what if I do everything wrong]?" {he}
asked on the way. The teacher was {G}, a wise old {gkind}. "Good morning," said {G}. "Please sit
down next to {F}." {F} the {fkind} [moved over|smiled] and made room.

First, they learned to count. One, two, three, four, five! Then they learned the letters. {H}
could not tell the b from the d, and {his} ears [got hot|went red]. "[I mix them up too|that is
hard]," whispered {F}. "Look, the b has its tummy in front." {H} looked, and now it was easy.

At noon, they [shared|ate] {H}'s {food}, and in the afternoon they [painted pictures|sang a song].
When school was over, {H} ran home. "[How was it|did you like it]?" everyone asked. "[I know the
letters now, and I have a friend|it was wonderful]," said {H}. "May I go again tomorrow?" """,
        "ask": [
            ("Who was the teacher?", "The teacher was {G} the {gkind}."),
            ("What colour was the bag?", "The bag was {colour}."),
            ("Who sat next to {H}?", "{F} the {fkind} sat next to {H}."),
        ],
    },
    {
        "about": ["the last {fruit}", "a {fruit} tree", "a {fruit}"],
        "traits": ["hungry", "patient", "clever", "kind"],
        "text": """There was a {fruit} tree {at}. All summer, everybody ate from it, and in the
end there was only one {fruit} left, at the very top. {H} wanted it. {F} the {fkind} wanted it
too. "[It is mine, I saw it first|I am the biggest, so it is mine]," said {F}. "[We can cut it in
half|let us share it]," said {H}, but {F} did not want to.

So {F} [shook|climbed] the tree, but the {fruit} did not fall. {H} [waited|sat down in the grass].
In the night, the wind blew, and in the morning the {fruit} was lying in the grass, right in front
of {H}'s nose. {F} [looked at it with big eyes|said nothing]. {H} [took a knife|broke it in two]
and gave one half to {F}.

"Why do you give me half?" asked {F}. "[I would not have done that|I was not nice to you]."
"Because [half a {fruit} with a friend is better than a whole one alone|I do not like to eat
alone]," said {H}. They put the seeds into the ground, and some years later there were
[five|seven|ten] new trees, and {fruit}s for all.""",
        "ask": [
            ("What kind of tree was it?", "It was a {fruit} tree."),
            ("Who got half?", "{F} the {fkind} got half."),
        ],
    },
]
