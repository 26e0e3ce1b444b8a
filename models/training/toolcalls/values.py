"""Values for parameters: what goes into the call, and how a request says it."""

from random import Random

from ..skills import words as w

NUMBER_WORDS = "zero one two three four five six seven eight nine ten eleven twelve".split()
LANGUAGES = "French German Spanish Italian Dutch Polish Turkish Greek Korean Swedish".split()
TEXTS = """I will be late|the meeting is moved to noon|thanks for your help|please call me back|dinner is ready|happy birthday|see you tomorrow
we need more paper|the server is down|do not forget the keys|great job everyone|my train is delayed|the report is done|let us talk on Monday
can you review this|we are out of milk|the door is open|good luck with the exam|I found your wallet|lunch at my place""".replace("\n", "|").split("|")
TOPICS = """solar energy|black holes|garden design|jazz history|electric cars|tax law|healthy food|remote work|home repair|sea birds|old maps
llama.cpp|C++ templates|GPT-4|Python 3.12|COVID-19|New York|the Beatles|vitamin D|cheap flights|best pizza in Rome
space travel|machine learning|wild horses|modern art|cheap flights|running shoes|coffee beans|street food|data privacy|stone bridges""".replace("\n", "|").split("|")


TASKS = """call mom|buy milk|take the pills|feed the dog|pay the rent|water the flowers|clean the kitchen|pick up the kids|book the dentist|send the report
wash the car|take out the trash|go to the gym|check the oven|renew the passport|write to the landlord|return the books|charge the phone|do the laundry""".replace("\n", "|").split("|")
SONGS = """Yesterday|Imagine|Hey Jude|Thriller|Hallelujah|Purple Rain|Let It Be|Yellow|Hotel California|Dancing Queen|Moon River|Blue Moon|Summertime|Fever
Africa|Hurt|Take Five|Waterloo|Creep|Stand By Me""".replace("\n", "|").split("|")
COMPANIES = "Apple Tesla Google Amazon Microsoft Siemens Toyota Nokia Intel Sony Netflix AAPL TSLA MSFT GOOG AMZN NVDA IBM BMW SAP".split()
MONEY = "USD EUR GBP JPY CHF dollars euros pounds yen francs".split()
UNITS = "km miles meters feet inches kg pounds grams liters gallons hours minutes seconds celsius fahrenheit".split()
CUISINES = "Italian Chinese Indian Thai Mexican Japanese Greek Turkish French vegan".split()
DEVICES = ["lamp", "TV", "radio", "fan", "heater", "coffee machine", "air conditioner", "computer", "oven", "printer", "washing machine", "light", "camera", "router", "projector"]
COMMANDS = ["ls -la", "npm test", "git status", "pwd", "df -h", "make build", "python main.py", "docker ps", "npm run build", "git pull", "whoami", "cat notes.txt"]
TABLES = "users orders products books customers invoices".split()
ACTIVITIES = "running swimming yoga cycling rowing boxing walking dancing tennis climbing".split()


def joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def words_of(rng: Random, count: int) -> str:
    return " ".join(w.made_up(rng) if rng.random() < 0.4 else rng.choice(w.COMMON) for _ in range(count))


def value(rng: Random, kind: str) -> tuple[object, str]:
    """A value and how it is said. Booleans say nothing: their phrases come in pairs."""
    if kind.startswith("enum:"):
        chosen = rng.choice(kind[5:].split(","))
        return chosen, chosen
    if kind == "boolean":
        return rng.random() < 0.6, ""
    if kind == "switch":
        on = rng.random() < 0.5
        return on, "on" if on else "off"
    if kind == "integer":
        n = rng.choice([rng.randrange(2, 13), rng.randrange(2, 13), rng.randrange(2, 100), rng.randrange(2, 1000)])
        return n, NUMBER_WORDS[n] if n <= 12 and rng.random() < 0.5 else str(n)
    if kind == "year":
        n = rng.randrange(1900, 2040)
        return n, str(n)
    if kind == "number":
        x = rng.choice([rng.randrange(1, 500), rng.randrange(10, 1000) / 10, rng.randrange(10, 10000) / 100])
        x = int(x) if x == int(x) else x
        return x, str(x)
    if kind == "strings":
        found = list(dict.fromkeys(w.made_up(rng) if rng.random() < 0.25 else rng.choice(w.COMMON) for _ in range(rng.choice([2, 2, 3]))))
        return found, joined(found)
    if kind == "names":
        found = list(dict.fromkeys(w.name(rng, w.PEOPLE, 0.25) for _ in range(rng.choice([2, 2, 3]))))
        return found, joined(found)
    if kind == "integers":
        numbers = [rng.randrange(1, 300) for _ in range(rng.choice([2, 3, 3, 4]))]
        return numbers, joined([str(n) for n in numbers])
    text = _string(rng, kind)
    quoted = kind in ("text", "title") and rng.random() < 0.6
    return text, f'"{text}"' if quoted and rng.random() < 0.5 else f"'{text}'" if quoted else text


def _string(rng: Random, kind: str) -> str:
    if kind == "place":
        name = w.name(rng, w.CITIES, 0.35)
        return name if rng.random() < 0.85 else f"{rng.choice(['New', 'San', 'Port', 'Lake', 'East'])} {name}"
    if kind == "name":
        if rng.random() < 0.08:
            return "the " + rng.choice([*w.PLURALS, w.made_up(rng) + "s"]).capitalize()
        name = w.name(rng, w.PEOPLE, 0.3)
        return name if rng.random() < 0.7 else f"{name} {w.made_up(rng).capitalize()}"
    if kind == "title":
        return words_of(rng, rng.choice([1, 2, 3])).capitalize()
    if kind == "text":
        return rng.choice(TEXTS) if rng.random() < 0.6 else words_of(rng, rng.choice([1, 2, 3]))
    if kind == "topic":
        return rng.choice(TOPICS) if rng.random() < 0.5 else words_of(rng, rng.choice([1, 2]))
    if kind == "email":
        return f"{(w.made_up(rng) if rng.random() < 0.5 else rng.choice(w.PEOPLE).lower())}@{w.made_up(rng)}.{rng.choice(['com', 'org', 'net'])}"
    if kind == "date":
        return f"20{rng.randrange(20, 40)}-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}" if rng.random() < 0.6 else f"{rng.choice(w.MONTHS)} {rng.randrange(1, 29)}"
    if kind == "time":
        return f"{rng.randrange(6, 23):02d}:{rng.choice(['00', '15', '30', '45'])}"
    if kind == "id":
        return rng.choice([w.code(rng), f"{rng.choice('ABCXYZ')}-{rng.randrange(100, 9999)}", w.made_up(rng).upper() + str(rng.randrange(100))])
    if kind == "path" and rng.random() < 0.4:
        return rng.choice([*w.THINGS, w.made_up(rng), "readme", "notes", "main", "config", "data"]) + rng.choice([".txt", ".md", ".csv", ".py", ".json"])
    if kind == "path":
        return "/" + "/".join(w.made_up(rng) if rng.random() < 0.5 else rng.choice(w.THINGS) for _ in range(rng.choice([1, 2, 3]))) + rng.choice(["", ".txt", ".md", ".csv"])
    if kind == "url":
        return f"https://{w.made_up(rng)}.{rng.choice(['com', 'org', 'io'])}"
    if kind in CHOICES:
        return rng.choice(CHOICES[kind])
    if kind == "company":
        return rng.choice(COMPANIES) if rng.random() < 0.6 else w.made_up(rng).capitalize()
    if kind == "country":
        return w.name(rng, w.COUNTRIES, 0.25)
    if kind == "day":
        return rng.choice(["today", "tomorrow", *w.DAYS])
    if kind == "formula":
        return rng.choice(["{a} + {b}", "{a} * {b}", "{a} - {b}", "{a} / {b}", "{a}*{b}", "{a}+{b}", "({a} + {b}) * {c}", "{a} + {b} + {c}", "{a} * {b} - {c}"]).format(
            a=rng.randrange(2, 1000), b=rng.randrange(2, 100), c=rng.randrange(2, 20))
    if kind == "scene":
        return f"a {rng.choice(w.COLOURS)} {rng.choice(w.ANIMALS)}" if rng.random() < 0.5 else f"a {rng.choice(w.THINGS)} in {w.name(rng, w.CITIES, 0.3)}"
    if kind == "sql":
        return f"SELECT {rng.choice(['*', 'name', 'COUNT(*)', 'id'])} FROM {rng.choice(TABLES)}"
    if kind == "room":
        return rng.choice(w.PLACES) if rng.random() < 0.8 else w.made_up(rng)
    if kind == "food":
        return rng.choice(w.FOODS) if rng.random() < 0.75 else w.made_up(rng)
    if kind == "song":
        return rng.choice(SONGS) if rng.random() < 0.6 else words_of(rng, rng.choice([1, 2])).title()
    if kind == "task":
        return rng.choice(TASKS) if rng.random() < 0.7 else f"{rng.choice(['find', 'take', 'paint', 'get'])} the {rng.choice(w.THINGS)}"
    if kind == "colour":
        return rng.choice(w.COLOURS)
    if kind == "language":
        return rng.choice(LANGUAGES)
    return w.made_up(rng) if rng.random() < 0.4 else rng.choice(w.PLACES)


CHOICES = {"money": MONEY, "unit": UNITS, "cuisine": CUISINES, "device": DEVICES, "command": COMMANDS, "activity": ACTIVITIES}


def schema(kind: str) -> dict:
    if kind.startswith("enum:"):
        return {"type": "string", "enum": kind[5:].split(",")}
    if kind in ("strings", "names"):
        return {"type": "array", "items": {"type": "string"}}
    if kind == "integers":
        return {"type": "array", "items": {"type": "integer"}}
    return {"type": {"year": "integer", "switch": "boolean"}.get(kind, kind if kind in ("integer", "number", "boolean") else "string")}
