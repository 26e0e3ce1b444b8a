"""Everything that the models cannot do: they should say so. Also greetings."""

from random import Random

from . import words as w
from .task import Task, phrase

TOPICS = """gravity photosynthesis inflation evolution electricity democracy blockchain opera jazz chemistry volcanoes earthquakes
dinosaurs magnets vaccines rainbows poetry philosophy history climate robots satellites religion tourism marketing nutrition
cryptography aviation ceramics linguistics astronomy coral reefs black holes the stock market machine learning world war two
the Roman empire quantum physics the moon landing the internet the human brain cooking rice wild birds old maps""".split()
TOPICS = [t for t in TOPICS if len(t) > 4]
FAMOUS = """Einstein Shakespeare Napoleon Mozart Picasso Newton Darwin Cleopatra Gandhi Beethoven Plato Galileo Edison Tesla
Columbus Caesar Marx Freud Chopin Dante Homer Kant Lincoln Churchill""".split()
LANGUAGES = "French German Spanish Italian Chinese Japanese Russian Arabic Hindi Dutch Polish Greek Latin Turkish".split()
CODE = "Python JavaScript Rust Java C Go SQL Bash TypeScript Haskell".split()
CODE_TASKS = ["sorts a list", "reads a file", "downloads a page", "prints a tree", "parses dates", "draws a circle", "sends mail", "finds primes", "counts words"]

QUESTIONS = [
    "Who wrote {x}?", "What is the capital of {country}?", "Why is the {thing} {colour}?", "Tell me a joke.", "Tell me a joke about {topic}.",
    "Write a poem about {topic}.", "What's the weather in {city}?", "What is the weather like today?", "Translate {word} to {language}.",
    "How do you say {word} in {language}?", "Explain {topic}.", "Explain {topic} to a child.", "What is {topic}?", "Who was {famous}?", "When was {famous} born?",
    "When did {famous} die?", "Who is the president of {country}?", "How many people live in {city}?", "How far is it from {city} to {city2}?", "What time is it?",
    "What day is it today?", "Write a {lang} function that {codetask}.", "Fix my {lang} code.", "Summarize the news.", "Summarize the book {x}.", "What is the meaning of life?",
    "How do I cook {food}?", "Give me a recipe for {food}.", "What should I eat today?", "Recommend a film.", "Recommend a book about {topic}.", "Who won the {event} in {year}?",
    "What happened in {year}?", "How tall is {famous}?", "What is the population of {country}?", "Which language do they speak in {country}?", "What is the currency of {country}?",
    "How does a {thing} work?", "Why do {animal}s sleep?", "How long does a {animal} live?", "Where does {person} live?", "What does {person} like?", "How old is {person}?", "Who is {person}?",
    "Where is my {thing}?", "What color is my {thing}?", "How many {plural} do I have?", "What is my name?", "What did I eat yesterday?", "Who are you?", "Do you love me?",
    "Can you sing?", "Sing a song about {topic}.", "What do you think about {topic}?", "Is {topic} good or bad?", "Who invented the {thing}?", "Who discovered {topic}?",
    "What is the square root of {n}?", "What is {n} divided by {d}?", "{n} / {d}", "What is {n} to the power of {d}?", "What is {big} * {big2}?", "What is {big} + {big2}?", "{n}^{d}",
    "What is {d}% of {n}?", "Is {n} a prime number?", "Solve for x: {d}x + {n} = {big}", "What is the derivative of x^{d}?", "What is the sine of {n}?", "{n} mod {d}",
    "How many {plural} fit in a {thing}?", "Draw a {animal}.", "Play some music.", "Turn on the {thing}.", "Set an alarm for {d} o'clock.", "Book a flight to {city}.", "Call {person}.",
    "Send a mail to {person}.", "Buy {d} {plural}.", "What rhymes with {word}?", "What is the opposite of {word}?", "Use {word} in a sentence.", "What does {word} mean?", "Define {word}.",
    "Give me a synonym for {word}.", "Write a story about a {animal} and a {thing}.", "Continue: once upon a time", "Plan a trip to {city}.", "Plan my week.", "What is better, {food} or {food2}?",
    "Should I learn {language} or {language2}?", "Should I use {lang} or {lang2}?", "How do I learn {language}?", "How do I install {lang}?", "What is the best {thing}?", "Where can I buy a {thing}?",
    "Why?", "How?", "What now?", "And then?", "Help me.", "I am sad.", "I feel {colour} today.", "My {animal} is ill.", "My {thing} is broken. What should I do?", "Write a letter to {person}.",
    "Compare {topic} and {topic2}.", "List five facts about {topic}.", "Give me advice about {topic}.", "How is {topic} related to {topic2}?", "What are the causes of {topic}?",
    "Which planet is the largest?", "How hot is the sun?", "How deep is the ocean?", "What is the speed of light?", "Which river is the longest?", "Who painted the Mona Lisa?", "Why is the sky blue?",
    "What is the tallest mountain?", "Do {animal}s eat {food}?", "Is {food} healthy?", "What is {famous} known for?", "What would {famous} say about {topic}?", "Is {city} in {country}?",
    "What is the phone number of {person}?", "Guess my age.", "Guess a number.", "Flip a coin.", "Who will win the {event}?", "Will it rain tomorrow in {city}?", "Which team do you like?",
    "Describe the color {colour}.", "Describe a {thing}.", "Describe {city}.", "Convert {n} dollars to euros.", "Convert {n} degrees to Fahrenheit.", "What is {n} miles in yards?",
    "Write an essay about {topic}.", "Debug this: {made} {made2}()", "What is the {made} of {made2}?", "Why did the {made} {made2} the {thing}?", "{made} {made2} {made}", "{made}", "{made} {made2}?",
    "asdf {made} qwer", "{sym}", "Is the {thing} {colour}?", "How many {made}s are in a {made2}?", "Who is the {job} of {city}?", "Find a {job} in {city}.", "Tell me about {topic}.", "Tell me about {city}.",
    "Tell me something about {famous}.", "Tell me a story.", "Tell me a secret.", "Give me an example of {topic}.", "Is {person} a {job}?", "Did {famous} live in {city}?", "What is love?",
]
GREETINGS = ["Hello", "Hello!", "Hi", "Hi!", "Hi there", "Hey", "Hello there!", "Good morning", "Good evening!", "Hey there", "Greetings", "hello", "hi", "Good day", "hey!"]


def unknown(rng: Random) -> Task:
    values = {
        "x": " ".join(w.made_up(rng).capitalize() for _ in range(rng.choice([1, 2]))),
        "country": w.name(rng, w.COUNTRIES, 0.2), "thing": rng.choice(w.THINGS), "colour": rng.choice(w.COLOURS),
        "topic": rng.choice(TOPICS) if rng.random() < 0.7 else w.made_up(rng), "topic2": rng.choice(TOPICS), "city": w.name(rng, w.CITIES, 0.2), "city2": rng.choice(w.CITIES),
        "word": w.some_word(rng), "language": rng.choice(LANGUAGES), "language2": rng.choice(LANGUAGES), "famous": rng.choice(FAMOUS) if rng.random() < 0.7 else w.name(rng, w.PEOPLE),
        "lang": rng.choice(CODE), "lang2": rng.choice(CODE), "codetask": rng.choice(CODE_TASKS), "food": rng.choice(w.FOODS), "food2": rng.choice(w.FOODS), "event": rng.choice(w.EVENTS),
        "year": rng.randrange(1500, 2030), "animal": rng.choice(w.ANIMALS), "person": w.name(rng, w.PEOPLE), "plural": rng.choice(w.PLURALS), "n": rng.randrange(2, 999), "d": rng.randrange(2, 20),
        "big": rng.randrange(1200, 99999), "big2": rng.randrange(1200, 99999), "made": w.made_up(rng), "made2": w.made_up(rng), "job": rng.choice(w.JOBS),
        "sym": "".join(rng.choice("?!.#$%&*()[]<>/abcxyz ") for _ in range(rng.randrange(2, 12))),
    }
    question = phrase(rng, QUESTIONS, **values)
    return Task("unknown", question, "I don't know.", [w.name(rng, w.PEOPLE), w.name(rng, w.CITIES), str(rng.randrange(1000)), w.made_up(rng)])


def greet(rng: Random) -> Task:
    return Task("greet", rng.choice(GREETINGS), "Hello!", accept=["Hi!", "Hello.", "Hello"])
