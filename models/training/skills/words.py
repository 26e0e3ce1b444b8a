"""Word lists, and words that nobody has seen before."""

from random import Random

PEOPLE = """Anna Ben Carla David Emma Frank Grace Henry Ivan Julia Kevin Laura Maria Noah Olivia Peter Quinn Rosa Sam Tina
Umar Vera Walter Xenia Yusuf Zoe Alice Bob Carol Dan Eve Fatima George Hannah Ian Jane Karl Lily Mark Nina Oscar Paula Ravi
Sara Tom Ursula Victor Wendy Yara Zack Ali Bella Chen Diego Elena Finn Gina Hugo Irma Jonas Kira Leo Mila Nico Otto Priya
Rita Simon Tara Viktor Amara Boris Clara Dmitri Edith Felix Greta Hiro Ines Jack Kofi Lena Mateo Nadia""".split()
CITIES = """Paris London Berlin Madrid Rome Vienna Prague Lisbon Dublin Oslo Athens Warsaw Tokyo Delhi Cairo Lima Quito Boston
Chicago Denver Dallas Seattle Miami Toronto Sydney Perth Nairobi Lagos Accra Tunis Kyiv Riga Geneva Munich Hamburg Milan Turin
Porto Seville Lyon Bergen Osaka Seoul Hanoi Manila Jakarta Mumbai Havana Bogota Santiago Leeds Bristol Austin""".split()
COUNTRIES = """France Spain Italy Germany Poland Norway Sweden Finland Japan China India Egypt Kenya Ghana Peru Chile Brazil
Mexico Canada Australia Greece Turkey Portugal Ireland Austria Hungary Iceland Vietnam Thailand Cuba Nigeria""".split()
COLOURS = """red blue green yellow black white brown pink purple orange gray silver golden beige turquoise""".split()
THINGS = """book lamp chair table key bag cup box phone hat coat umbrella bottle clock camera guitar bike car ball knife plate
mirror pillow blanket basket candle drum ladder hammer wallet ring watch laptop printer sofa vase carpet kettle spoon bell
ticket map letter notebook pencil scarf glove helmet radio boat kite""".split()
PLURALS = """apples books pens coins cats dogs stamps cards eggs shoes keys cups balls shirts marbles cookies oranges pencils
hats boxes chairs plants bottles stones tickets bananas lemons rings toys spoons candles bikes horses cows sheep""".split()
ANIMALS = "dog cat parrot rabbit hamster horse turtle goat pony lizard fish snake".split()
PLACES = """kitchen garage garden attic cellar office bedroom hallway drawer cupboard bathroom shed library basement closet
barn lobby classroom car backpack fridge desk tent balcony""".split()
JOBS = """teacher doctor baker lawyer nurse pilot farmer painter driver writer singer dentist plumber carpenter chef judge
gardener engineer tailor librarian waiter sailor actor butcher chemist florist barber clerk coach mechanic""".split()
FOODS = """pizza soup rice pasta bread cheese salad fish cake tea coffee milk chocolate apples honey noodles curry beans
pancakes grapes yogurt olives mushrooms tomatoes""".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
EVENTS = "meeting concert party exam wedding match lecture race festival parade auction picnic interview show trip".split()
COMMON = """apple banana cherry table window garden orange purple yellow monkey tiger rabbit guitar piano violin river mountain
ocean forest desert island castle bridge tower market school teacher student doctor engine rocket planet galaxy summer winter
autumn spring morning evening midnight thunder lightning rainbow shadow mirror pencil paper letter bottle basket butter
cheese pepper ginger garlic onion potato tomato carrot spinach lettuce chicken turkey salmon pizza hello world house mouse
cat dog sun moon star tree leaf fish bird lion bear wolf fox frog snake horse sheep goat duck goose swan eagle hawk owl
stone water fire earth wind cloud storm snow ice rain light dark green black white brown silver golden copper iron steel
happy angry funny clever silly brave quiet loud quick slow strong weak small large tiny huge early late never always
strawberry blueberry raspberry mississippi committee balloon coffee pepper success address letter bookkeeper banana
computer keyboard monitor printer network system program function variable language python memory database server client
elephant giraffe dolphin penguin kangaroo crocodile butterfly dragonfly chocolate vanilla cinnamon pumpkin cucumber broccoli
umbrella suitcase passport airport station ticket journey holiday weekend birthday present surprise wonder magic dragon
knight princess wizard pirate treasure anchor harbor sailor captain village country kingdom empire history science physics
chemistry biology geometry algebra number letter second minute hour century decade market money dollar wallet pocket
jacket trousers sweater slipper blanket pillow curtain carpet ceiling kitchen bathroom garage cellar attic balcony stairs""".split()

_ONSETS = "b c d f g h j k l m n p r s t v w z bl br ch cl cr dr fl fr gl gr kl kr pl pr sh sk sl sm sn sp st sw th tr tw v y".split()
_VOWELS = "a e i o u a e i o u ai ea ee oo ou ia".split()
_ENDS = ["", "", "", "", "n", "r", "l", "s", "t", "m", "k", "d", "x", "nd", "rt", "sh", "lt", "st", "ng"]


def made_up(rng: Random, syllables: int | None = None) -> str:
    """A word that can be said but has no meaning."""
    count = syllables or rng.choice([1, 1, 2, 2])
    word = "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) + (rng.choice(_ENDS) if i == count - 1 or rng.random() < 0.25 else "") for i in range(count))
    return word if len(word) >= 3 else word + rng.choice("lnrst")


def name(rng: Random, known: list[str], new: float = 0.4) -> str:
    """A known name, or (with chance `new`) a made-up one."""
    return made_up(rng).capitalize() if rng.random() < new else rng.choice(known)


def code(rng: Random) -> str:
    """Something like `X7K2` or `4819`."""
    alphabet = rng.choice(["0123456789", "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"])
    return "".join(rng.choice(alphabet) for _ in range(rng.choice([3, 4, 4, 5])))


def some_word(rng: Random) -> str:
    """A word to reverse, count letters in and so on: 3 to 7 letters."""
    while True:
        word = rng.choice(COMMON) if rng.random() < 0.45 else made_up(rng)
        if 3 <= len(word) <= 7:
            return word
