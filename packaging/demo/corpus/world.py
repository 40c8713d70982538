"""Plain facts about the world, in tables, and the ways to ask for them."""

from __future__ import annotations

from corpus.sample import Fact

# country | capital | continent | language | currency
_COUNTRIES = """
France|Paris|Europe|French|euro
Germany|Berlin|Europe|German|euro
Italy|Rome|Europe|Italian|euro
Spain|Madrid|Europe|Spanish|euro
Portugal|Lisbon|Europe|Portuguese|euro
Austria|Vienna|Europe|German|euro
Greece|Athens|Europe|Greek|euro
Ireland|Dublin|Europe|English|euro
Finland|Helsinki|Europe|Finnish|euro
Sweden|Stockholm|Europe|Swedish|krona
Norway|Oslo|Europe|Norwegian|krone
Denmark|Copenhagen|Europe|Danish|krone
Iceland|Reykjavik|Europe|Icelandic|krona
Poland|Warsaw|Europe|Polish|zloty
Hungary|Budapest|Europe|Hungarian|forint
Romania|Bucharest|Europe|Romanian|leu
Bulgaria|Sofia|Europe|Bulgarian|euro
Croatia|Zagreb|Europe|Croatian|euro
Ukraine|Kyiv|Europe|Ukrainian|hryvnia
Russia|Moscow|Europe|Russian|ruble
Turkey|Ankara|Asia|Turkish|lira
Japan|Tokyo|Asia|Japanese|yen
China|Beijing|Asia|Chinese|yuan
India|New Delhi|Asia|Hindi|rupee
Thailand|Bangkok|Asia|Thai|baht
Vietnam|Hanoi|Asia|Vietnamese|dong
Nepal|Kathmandu|Asia|Nepali|rupee
Mongolia|Ulaanbaatar|Asia|Mongolian|tugrik
Israel|Jerusalem|Asia|Hebrew|shekel
Iran|Tehran|Asia|Persian|rial
Iraq|Baghdad|Asia|Arabic|dinar
Egypt|Cairo|Africa|Arabic|pound
Morocco|Rabat|Africa|Arabic|dirham
Kenya|Nairobi|Africa|Swahili|shilling
Ghana|Accra|Africa|English|cedi
Ethiopia|Addis Ababa|Africa|Amharic|birr
Canada|Ottawa|North America|English|dollar
Mexico|Mexico City|North America|Spanish|peso
Cuba|Havana|North America|Spanish|peso
Brazil|Brasilia|South America|Portuguese|real
Argentina|Buenos Aires|South America|Spanish|peso
Chile|Santiago|South America|Spanish|peso
Peru|Lima|South America|Spanish|sol
Colombia|Bogota|South America|Spanish|peso
Australia|Canberra|Oceania|English|dollar
"""

_CAPITAL = (
    "what is the capital of {c}", "which city is the capital of {c}", "name the capital of {c}.", "what's the capital of {c}",
    "the capital of {c} is", "tell me the capital of {c}.", "what is {c}'s capital", "{c}: what is its capital", "capital of {c}",
    "what city is {c}'s capital", "give me the capital of {c}.", "do you know the capital of {c}", "i need the capital of {c}.",
    "which is the capital city of {c}",
)  # fmt: skip
_OF_CAPITAL = (
    "which country has the capital {k}", "{k} is the capital of which country", "of which country is {k} the capital",
    "in which country is {k}", "where is {k}", "what country is {k} in", "which country is {k} the capital of",
)  # fmt: skip
_CONTINENT = (
    "on which continent is {c}", "where is {c}", "which continent is {c} on", "what continent is {c} in", "in what part of the world is {c}",
    "tell me the continent of {c}.", "{c} is on which continent",
)  # fmt: skip
_LANGUAGE = (
    "what language do people speak in {c}", "which language is spoken in {c}", "what do they speak in {c}",
    "what is the language of {c}", "tell me the language of {c}.", "which language do people in {c} speak",
)  # fmt: skip
_CURRENCY = (
    "what is the currency of {c}", "which currency does {c} use", "what money do they use in {c}", "what is the money of {c}",
    "how do i pay in {c}", "tell me the currency of {c}.",
)  # fmt: skip

# kind of question | table "a:b" | ways to ask with {a} | answer
_PAIRS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    (
        "hot:cold big:small fast:slow up:down day:night old:new happy:sad full:empty hard:soft light:dark open:closed high:low "
        "long:short rich:poor strong:weak early:late wet:dry loud:quiet clean:dirty good:bad left:right young:old near:far "
        "thick:thin deep:shallow sweet:sour true:false first:last win:lose buy:sell",
        ("what is the opposite of {a}", "the opposite of {a} is", "give me the opposite of {a}.", "what is the antonym of {a}",
         "name the opposite of {a}.", "{a} is the opposite of what", "opposite of {a}", "which word is the opposite of {a}"),
        "The opposite of {a} is {b}.",
    ),
    (
        "dog:barks cat:meows cow:moos duck:quacks lion:roars sheep:bleats horse:neighs pig:oinks bee:buzzes snake:hisses "
        "frog:croaks owl:hoots wolf:howls mouse:squeaks rooster:crows",
        ("what sound does a {a} make", "what does a {a} say", "what noise does a {a} make", "how does a {a} sound",
         "tell me the sound of a {a}.", "which sound does the {a} make"),
        "A {a} {b}.",
    ),
    (
        "dog:puppy cat:kitten cow:calf sheep:lamb horse:foal pig:piglet lion:cub duck:duckling hen:chick goat:kid bear:cub frog:tadpole",
        ("what is a baby {a} called", "what do you call a baby {a}", "what is a young {a}", "what is the name of a baby {a}",
         "how do you call a young {a}", "the baby of a {a} is called"),
        "A baby {a} is called a {b}.",
    ),
    (
        "spider:eight dog:four bird:two ant:six cat:four horse:four bee:six chicken:two crab:ten snake:no cow:four fly:six",
        ("how many legs does a {a} have", "how many legs has a {a}", "number of legs of a {a}", "a {a} has how many legs",
         "tell me how many legs a {a} has.", "count the legs of a {a}."),
        "A {a} has {b} legs.",
    ),
    (
        "grass:green snow:white coal:black banana:yellow blood:red sky:blue carrot:orange chocolate:brown milk:white lemon:yellow "
        "tomato:red elephant:gray frog:green sun:yellow",
        ("what color is {a}", "which color has {a}", "what is the color of {a}", "what color does {a} have", "tell me the color of {a}.",
         "{a} has which color", "the color of {a}"),
        "The color of {a} is {b}.",
    ),
    (
        "gold:Au silver:Ag iron:Fe oxygen:O hydrogen:H carbon:C helium:He copper:Cu lead:Pb sodium:Na nitrogen:N calcium:Ca zinc:Zn tin:Sn",
        ("what is the chemical symbol of {a}", "what is the symbol of {a}", "which symbol does {a} have", "the chemical symbol for {a}",
         "tell me the symbol of {a}.", "how is {a} written in chemistry"),
        "The chemical symbol of {a} is {b}.",
    ),
    (
        "Monday:Tuesday Tuesday:Wednesday Wednesday:Thursday Thursday:Friday Friday:Saturday Saturday:Sunday Sunday:Monday "
        "January:February February:March March:April April:May May:June June:July July:August August:September September:October "
        "October:November November:December December:January",
        ("what comes after {a}", "what follows {a}", "which one comes after {a}", "what is after {a}", "after {a} comes",
         "what is next after {a}", "tell me what comes after {a}."),
        "After {a} comes {b}.",
    ),
    (
        "mouse:mice child:children tooth:teeth foot:feet man:men woman:women goose:geese sheep:sheep leaf:leaves city:cities knife:knives "
        "box:boxes fish:fish person:people",
        ("what is the plural of {a}", "the plural of {a} is", "give me the plural of {a}.", "plural of {a}", "how do you say {a} in the plural",
         "tell me the plural of {a}."),
        "The plural of {a} is {b}.",
    ),
    (
        "go:went see:saw eat:ate run:ran write:wrote take:took come:came give:gave find:found think:thought buy:bought sing:sang swim:swam "
        "drink:drank read:read make:made",
        ("what is the past tense of {a}", "the past of {a} is", "give me the past tense of {a}.", "past tense of {a}",
         "tell me the past of {a}.", "how do you say {a} in the past"),
        "The past tense of {a} is {b}.",
    ),
    (
        "doctor:hospital teacher:school cook:kitchen farmer:farm sailor:ship pilot:plane baker:bakery judge:court actor:theater "
        "waiter:restaurant miner:mine librarian:library",
        ("where does a {a} work", "what is the place of work of a {a}", "a {a} works where", "in which place does a {a} work",
         "tell me where a {a} works."),
        "A {a} works in a {b}.",
    ),
    (
        "bread:flour wine:grapes cheese:milk glass:sand paper:wood butter:milk beer:barley chocolate:cocoa wool:sheep honey:bees "
        "omelet:eggs leather:skin",
        ("what is {a} made of", "from what is {a} made", "what do you need to make {a}", "tell me what {a} is made of.",
         "what is used to make {a}", "where does {a} come from"),
        "The source of {a} is {b}.",
    ),
)  # fmt: skip

_SINGLE = """
A week has seven days. | seven
how many days are in a week / how many days does a week have / number of days in a week / a week has how many days / how long is a week / count the days of a week.
A year has twelve months. | twelve
how many months are in a year / how many months does a year have / number of months in a year / a year has how many months / count the months of a year.
A year has 365 days, and a leap year 366. | 365
how many days are in a year / how many days does a year have / number of days in a year / how long is a year / a year has how many days
A day has 24 hours. | 24
how many hours are in a day / how many hours does a day have / number of hours in a day / a day has how many hours / how long is a day
An hour has 60 minutes. | 60
how many minutes are in an hour / how many minutes does an hour have / number of minutes in an hour / an hour has how many minutes / how long is an hour
The seven colors of the rainbow are red, orange, yellow, green, blue, indigo and violet. | red / violet
what are the colors of the rainbow / which colors are in the rainbow / name the colors of the rainbow. / list the rainbow colors. / what colors does a rainbow have / tell me the colors of the rainbow.
There are eight planets: Mercury, Venus, Earth, Mars, Jupiter, Saturn, Uranus and Neptune. | eight / Neptune
how many planets are there / name the planets. / list the planets. / which planets are there / what are the planets / what planets are in the solar system / tell me the names of the planets.
The largest planet is Jupiter. | Jupiter
what is the largest planet / which planet is the biggest / what is the biggest planet / name the largest planet. / which planet is the largest of all / the largest planet is
The planet closest to the sun is Mercury. | Mercury
which planet is closest to the sun / what planet is nearest to the sun / which is the first planet from the sun / name the planet closest to the sun. / what is the closest planet to the sun
Mars is called the red planet. | Mars
which planet is red / which planet is called the red planet / what is the red planet / what planet is the red one / name the red planet.
Water boils at 100 degrees Celsius. | 100
at what temperature does water boil / when does water boil / what is the boiling point of water / how hot is boiling water / water boils at how many degrees / tell me the boiling point of water.
Water freezes at 0 degrees Celsius. | 0 degrees
at what temperature does water freeze / when does water freeze / what is the freezing point of water / how cold is freezing water / water freezes at how many degrees / tell me the freezing point of water.
Water is made of hydrogen and oxygen. | hydrogen / oxygen
what is water made of / what is in water / which elements are in water / what is the formula of water / tell me what water is made of. / of what does water consist
The four seasons are spring, summer, autumn and winter. | spring / winter
what are the four seasons / name the seasons. / which seasons are there / list the seasons. / how many seasons are there / tell me the seasons of the year.
The largest ocean is the Pacific. | Pacific
what is the largest ocean / which ocean is the biggest / name the largest ocean. / what is the biggest ocean / which ocean is the largest
The highest mountain is Mount Everest. | Everest
what is the highest mountain / which mountain is the highest / name the highest mountain. / what is the tallest mountain / which mountain is the tallest on earth
The largest animal is the blue whale. | blue whale
what is the largest animal / which animal is the biggest / name the largest animal. / what is the biggest animal / which animal is the largest on earth
The fastest animal on land is the cheetah. | cheetah
what is the fastest animal / which animal is the fastest / name the fastest animal. / what animal runs fastest / which animal can run the fastest
The sun is a star. | star
what is the sun / is the sun a star / is the sun a planet / what kind of thing is the sun / tell me what the sun is.
The moon goes around the Earth in about a month. | month
how long does the moon take around the earth / how long does the moon need to go around the earth / what does the moon do / how fast does the moon go around the earth / tell me about the moon.
Shakespeare wrote Romeo and Juliet. | Shakespeare
who wrote romeo and juliet / who is the author of romeo and juliet / name the author of romeo and juliet. / romeo and juliet was written by whom / who is the writer of romeo and juliet
Light is faster than sound. | Light
what is faster, light or sound / is light faster than sound / which is faster, sound or light / does light travel faster than sound / is sound faster than light
A triangle has three sides. | three
how many sides does a triangle have / how many sides has a triangle / number of sides of a triangle / a triangle has how many sides / tell me how many sides a triangle has.
A square has four equal sides. | four
how many sides does a square have / how many sides has a square / number of sides of a square / a square has how many sides / tell me how many sides a square has.
The English alphabet has 26 letters. | 26
how many letters are in the alphabet / how many letters does the alphabet have / number of letters in the alphabet / the alphabet has how many letters / how long is the alphabet
There are seven continents. | seven
how many continents are there / number of continents / how many continents does the earth have / count the continents. / tell me how many continents there are.
"""

# What a model of this size had better not answer: the thing asked about is never in the tables above.
_UNKNOWN = (
    "who won the {x} cup in 1998", "who is the president of {x}", "what is the population of {x}", "how do i cook {x}", "explain {x} to me.",
    "what is the meaning of {x}", "write an essay about {x}.", "what do you think of {x}", "when was {x} born", "how much does {x} cost",
    "who invented {x}", "how does {x} work", "what is the history of {x}", "should i buy {x}", "is {x} good for me", "tell me everything about {x}.",
)  # fmt: skip
_THINGS = (
    "quantum physics", "the telephone", "gravity", "bitcoin", "Napoleon", "football", "lasagna", "the stock market", "love", "a car", "photosynthesis",
    "the universe", "chess", "a house", "politics", "medicine", "rice soup", "a piano", "the law", "tennis", "a computer", "coffee", "evolution",
    "the internet", "sushi", "philosophy", "a violin", "Einstein", "the weather on Mars", "inflation", "dinosaurs", "a bicycle", "opera", "taxes",
)  # fmt: skip
UNKNOWN_ANSWER = "I do not know that. I am a small demo model; add a bigger one to models.toml."


def countries() -> list[tuple[str, str, str, str, str]]:
    """(country, capital, continent, language, currency)."""
    rows = [line.split("|") for line in _COUNTRIES.strip().splitlines()]
    return [(row[0], row[1], row[2], row[3], row[4]) for row in rows]


def facts() -> list[Fact]:
    """Everything of this file that has an answer."""
    found: list[Fact] = []
    for country, capital, continent, language, currency in countries():
        found += [
            _fact("capital", _CAPITAL, f"The capital of {country} is {capital}.", capital, f"The question is about {country}.", c=country),
            _fact("country", _OF_CAPITAL, f"{capital} is the capital of {country}.", country, f"{capital} is a capital.", k=capital),
            _fact("continent", _CONTINENT, f"{country} is in {continent}.", continent, f"The question is about {country}.", c=country),
            _fact("language", _LANGUAGE, f"People in {country} speak {language}.", language, "This asks for a language.", c=country),
            _fact("currency", _CURRENCY, f"The currency of {country} is the {currency}.", currency, "This asks for money.", c=country),
        ]  # fmt: skip
    for table, asks, answer in _PAIRS:
        for pair in table.split():
            a, b = pair.split(":")
            found.append(_fact("word", asks, answer.format(a=a, b=b), b, f"The word is {a}.", a=a))
    lines = _SINGLE.strip().splitlines()
    for head, ways in zip(lines[::2], lines[1::2], strict=True):
        text, _, must = head.rpartition(" | ")
        found.append(Fact("plain fact", tuple(ways.split(" / ")), text, tuple(must.split(" / ")), "I know this one."))
    return found


def unknowns() -> list[Fact]:
    """Questions that deserve a plain "I do not know"."""
    return [
        Fact(
            "unknown",
            tuple(ask.format(x=thing) for ask in _UNKNOWN),
            UNKNOWN_ANSWER,
            ("do not know",),
            "I was not taught this.",
        )
        for thing in _THINGS
    ]


def _fact(skill: str, asks: tuple[str, ...], answer: str, must: str, reasoning: str, **names: str) -> Fact:
    return Fact(skill, tuple(ask.format(**names) for ask in asks), answer, (must,), f"{reasoning} {answer}")
