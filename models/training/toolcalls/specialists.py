"""Choosing a specialist: the tools are other models, the call hands the request over word for word."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from ..skills import words as w
from ..skills.mix import DIRECT, example
from .classify import CAPABILITIES, INTENTS, filled

LONGEST = 260  # characters of a request


@dataclass(frozen=True)
class Domain:
    """A specialist: what it may be called, how it may be described."""

    names: tuple[str, ...]
    descriptions: tuple[str, ...]


def _domains(lines: str) -> dict[str, Domain]:
    made = {}
    for line in lines.strip().splitlines():
        names, *descriptions = (part.strip() for part in line.split("|"))
        made[names.split()[0]] = Domain(tuple(names.split()), tuple(descriptions))
    return made


DOMAINS = _domains("""
arithmetic calculation calculator sums numbers | Adds, subtracts and multiplies | Calculates with numbers | Sums, differences and products | Basic arithmetic | Computes sums and products of numbers | Plus, minus and times
math maths mathematics algebra | Calculates and solves equations | Expert for mathematics | Arithmetic and algebra | Mathematical problems | Equations, percentages and geometry | Calculations of every kind
sorting ordering order ranking | Sorts and compares numbers | Puts numbers in order | Sorts lists of numbers | Orders numbers and says which is larger
words spelling letters strings text_tools | Reverses words, writes capitals, counts letters | Works on the letters of words | Spelling, reversing and counting letters | Word and letter questions | Changes and counts letters in words
reading facts comprehension context reader | Reads facts out of a given text | Answers questions about a text | Finds the answer in a given context | Reading comprehension | Looks up facts in the text of the question
units conversion measures converter measurement | Converts units | Unit conversion | Converts lengths, weights and times | Meters, grams, minutes and other units | Turns one unit into another
checking verification verifier review checker | Checks whether an answer is right | Verifies and corrects answers | Judges proposed answers | Checks answers and picks the right one
coding code programming coder developer | Writes and fixes programs | Expert for code and bugs | Programming questions | Software development | Writes code in any language | Helps with programs and scripts
debugging debugger bugs | Finds and fixes errors in programs | Explains crashes and error messages | Debugs programs
docs documentation manuals | Writes documentation | Documents code | Expert for manuals and guides of software
architecture design architect | Designs the structure of software | System design | Plans services and databases
reasoning logic thinking puzzles | Solves puzzles and logic problems | Careful step by step reasoning | Logic and proofs | Thinks hard about riddles and arguments | Draws conclusions
analysis data analyst analytics | Analyzes data and reports | Finds trends in numbers | Compares options and weighs risks | Data analysis | Evaluates figures and reports
writing stories author creative_writing | Writes stories, letters and poems | Creative writing | Drafts texts of every kind | Writes essays, emails and poems | Composes texts
translation translator languages language | Translates between languages | Expert for foreign languages | Translations | Translates words and sentences
summaries summarization summarizer summary | Summarizes long texts | Makes texts shorter | Gives the main points of a text | Summaries
vision images pictures | Looks at images | Describes pictures and photos | Understands images
research search web_search news | Searches the web | Finds news and sources | Looks things up online
general chat other assistant | Everything else | General questions | Small talk and common questions | Anything that no one else answers
""")

# What is asked, and who answers it: the first of these that is there.
TAKERS = {
    "add": ["arithmetic", "math"], "sub": ["arithmetic", "math"], "mul": ["arithmetic", "math"], "compare": ["sorting", "arithmetic", "math"], "sort": ["sorting", "arithmetic"],
    "reverse": ["words"], "upper": ["words"], "count": ["words"], "read": ["reading"], "convert": ["units"], "verify": ["checking"], "draft": ["checking"], "choose": ["checking"],
    "algebra": ["math"], "code": ["coding"], "debug": ["debugging", "coding"], "docs": ["docs"], "arch": ["architecture"], "logic": ["reasoning"], "analysis": ["analysis"],
    "writing": ["writing"], "translation": ["translation"], "summaries": ["summaries"], "vision": ["vision"], "research": ["research"], "general": ["general"],
}
FORMS = ("verify", "draft", "choose")

TEMPLATES = {
    "algebra": [
        "Solve {d}x + {d} = {n}.", "Calculate {n} divided by {d}.", "What is the square root of {n}?", "What is the derivative of x^{d}?", "What is {d}% of {n}?", "Compute the area of a circle of radius {d}.",
        "Solve the equation {d}x - {n} = {d}.", "What is {d} to the power of {d}?", "Is {n} a prime number?", "Find the roots of x^2 - {d}x + {d}.", "What is the integral of {d}x?", "Factor the number {n}.",
        "What is the greatest common divisor of {n} and {d}?", "How long is the diagonal of a square with side {d}?", "What is the probability of rolling {d} with two dice?", "Find x if {d}x = {n}.",
        "What is the volume of a cube with side {d}?", "Solve for x: x + {d} = {n}", "Simplify {d}x + {n}x.", "What is the average of {n}, {d} and {n}?", "What is {n} / {d}?", "What is the remainder of {n} divided by {d}?",
        "Calculate the perimeter of a rectangle of {n} by {d}.", "What is the logarithm of {n}?",
    ],
    "code": [
        *CAPABILITIES["code_generation"], "Refactor the {made} function.", "Add a {word} option to the {made} class.", "Rename the method {made} to {made2}.", "Implement the {made} endpoint.",
        "Write a {lang} program for {topic}.", "How do I read a file in {lang}?", "How do I sort a list in {lang}?", "Write a function {made}() in {lang}.", "Convert this {lang} code to {lang2}.", "Write an SQL query for all {plural}.",
        "Show me a loop in {lang}.", "Implement a binary search tree.", "Write a regular expression for email addresses.", "How do I call a function in {lang}?", "Build a REST API for a {thing} shop.", "Write a unit test for the {made} class.",
        "Create a web page with a {colour} button in HTML.", "Write a Bash script that {codetask}.", "Parse JSON in {lang}.", "Implement the {made} algorithm.", "What does this code do: {made}({n})?", "Make the {made} function faster.",
        "Write a Python function that checks for palindromes.", "Write a script that deletes old files.", "Optimize my {lang} loop.", "Port the {made} module to {lang}.",
    ],
    "debug": [
        *INTENTS["debug"], "My {lang} code does not compile.", "Fix my {lang} program.", "Why do I get a {made}Error in {lang}?", "My loop never ends, what is wrong with the code?", "There is a bug in my {lang} script.",
        "Why does this function return null?", "Fix this {lang} code: {made}({d}", "The unit tests of {made} fail.", "My {lang} script throws an exception.", "What is wrong with this code: {made}({n}",
        "Help me find the error in my {lang} function.", "My app crashes on start.",
    ],
    "docs": INTENTS["docs"],
    "arch": INTENTS["arch"],
    "logic": [
        "If all {made}s are {made2}s, is every {made2} a {made}?", "Solve this puzzle: {words}", "Why does it follow that {words}?", "Prove that the sum of two even numbers is even.", "What can we conclude if {person} is older than {person2}?",
        "Which of the three boxes holds the {thing}? Reason carefully.", "Is this argument valid: {words}?", "Deduce who took the {thing}.", "Explain step by step why {words}.", "Find the logical error: {words}",
        "{person} is taller than {person2}, who is taller than {city}. Who is the tallest?", "If it rains, the {thing} gets wet. The {thing} is wet. Did it rain?", "Solve this riddle: {words}", "Think step by step: who owns the {animal}?",
        "All {plural} are {colour}. This is a {colour} thing. Is it one of the {plural}?", "Prove that there are infinitely many primes.", "A farmer must cross a river with a {animal}. How?", "What follows from these premises: {words}?",
        "If {person} lies, who tells the truth?", "Reason about this: {words}", "Is it possible that {person} and {person2} are both right?", "Explain your reasoning: why is the {thing} {colour}?", "Think carefully: which door is safe?",
        "No {made} is a {made2}. Some {word}s are {made}s. What follows?", "Find the contradiction: {words}", "Who is guilty if {person} has an alibi?",
    ],
    "analysis": [
        "Analyze the sales of {made} in {city}.", "Find the trend in these numbers: {n}, {d}, {n}", "Compare {made} and {made2}.", "What are the risks of {topic}?", "Evaluate the {made} report.", "Analyze this data: {n}, {d}",
        "What do the figures on {topic} show?", "Assess the strengths of {made}.", "Analyze the quarterly results of {made}.", "What are the pros and cons of {topic}?", "Which option is better, {made} or {made2}? Weigh them.",
        "Interpret this table of {plural}.", "Look at the survey on {topic} and find patterns.", "Why did the sales of {plural} drop?", "Analyze customer feedback about the {thing}.", "Compare the costs of {made} and {made2}.",
        "What does the data say about {city}?", "Find outliers in this data: {n}, {d}, {n}", "Evaluate the market for {plural} in {country}.", "Give me an analysis of {topic}.", "How did our revenue develop?", "Analyze the risks of investing in {made}.",
        "Do a SWOT analysis of {made}.", "Analyze the performance report of {person}.",
    ],
    "writing": [
        *CAPABILITIES["text_generation"], "Write a poem.", "Write a short story about {city}.", "Write a birthday card for {person}.", "Write a love letter to {person}.", "Write a product description for a {thing}.", "Write a song about {topic}.",
        "Draft an invitation to the {event}.", "Write a thank-you note to {person}.", "Write a speech for the {event}.", "Compose a haiku about the {thing}.", "Write an apology to {person}.", "Help me write a cover letter.",
        "Write a dialogue between {person} and {person2}.", "Write a fairy tale with a {animal}.", "Rewrite this politely: {text}", "Make up a bedtime story.", "Write a caption for my photo of {city}.", "Write a newsletter about {topic}.",
    ],
    "translation": [
        *CAPABILITIES["translation"], "Translate '{text}' to {language}.", "What does {word} mean in English?", "Translate the menu into {language}.", "How would a {language} speaker say {word}?", "Translate good morning into {language}.",
        "What is the {language} word for {thing}?", "Say thank you in {language}.", "Translate my email to {language}.", "{word} in {language}?", "Please put '{text}' into {language}.",
    ],
    "summaries": [*CAPABILITIES["summarization"], "Summarize this: {text}", "Give me the short version of: {text}", "What is the gist of the article on {topic}?", "Summarize chapter {d}.", "Summarize the book about {topic}.", "Shorten this: {text}"],
    "vision": [*CAPABILITIES["vision"], "What is on this photo?", "Describe the picture of {city}.", "Who is in the image?", "What animal is in the photo?", "What is written on the sign in this photo?"],
    "research": [*CAPABILITIES["web_search"], "Search for {topic} online.", "Find articles on {topic}.", "What are today's news about {topic}?", "Find sources on {topic}.", "Look up {made} on the web.", "Search the web for a {thing}."],
    "general": [
        "Hello", "How are you?", "What is the capital of {country}?", "Tell me a joke.", "Who is {person}?", "What should I eat today?", "Good morning!", "Recommend a book about {topic}.", "Thanks for your help!", "What is your name?",
        "How old is {person}?", "Tell me about {city}.", "Is {food} healthy?", "Who invented the {thing}?", "What is the meaning of life?", "How do I cook {food}?", "Where is {city}?", "Hi there!", "Why is the sky blue?", "What can you do?",
    ],
}

# Specialists that nobody has seen: their requests name the subject.
UNSEEN = ["law", "medicine", "cooking", "gardening", "chess", "astronomy", "history", "music", "sports", "travel", "finance", "physics", "pets", "fashion", "weather", "housing"]
HELD_OUT = ["geology", "sailing", "beekeeping", "pottery", "archery", "opera", "wine", "taxes", "insurance", "trains", "birds", "nutrition"]
ABOUT = ["What should I know about {d}?", "I have a question about {d}: {words}", "Tell me something about {d} in {city}.", "My {d} question: how does {made} work?", "Explain the basics of {d}.", "Is {made} important in {d}?",
         "Who is the best in {d}?", "How do I start with {d}?", "Give me {d} advice for {person}.", "I need help with {d} and {made}."]
DESCRIBE = ["Expert for {d}", "Answers questions about {d}", "Knows everything about {d}", "Specialist in {d}", "Ask about {d}", "Help with {d}"]

# What an arbiter offers beside its specialists.
BESIDE = [
    ("synthesize_responses", "Combines the answers of several specialists", {}), ("escalate_to_user", "Asks the user", {"question": {"type": "string"}}),
    ("reinterpret", "Reads the request again", {"reason": {"type": "string"}}), ("start_conversation", "Lets several models talk", {"topic": {"type": "string"}}),
]


def asked(rng: Random, topic: str) -> str:
    """A request on one of the topics; those of the skills come from their own generators."""
    if topic in TEMPLATES:
        return filled(rng, rng.choice(TEMPLATES[topic]))
    if topic in FORMS or topic == "read":
        return example(rng, {topic: 1}).prompt.strip()
    return DIRECT[topic](rng).question


def function(name: str, description: str, properties: dict, required: list[str]) -> dict:
    parameters = {"type": "object", "properties": properties, "required": required}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


def consult_tool(name: str, description: str) -> dict:
    return function(f"consult_{name}", description, {"query": {"type": "string"}, "context": {"type": "string"}}, ["query"])


def specialists(rng: Random, held_out: bool = False, known_only: bool = False) -> tuple[list[dict], list[tuple[str, dict, str]]]:
    """Two to seven specialists, and requests for them with the right calls and the topic."""
    present = rng.sample(list(DOMAINS), rng.choice([2, 3, 3, 4, 4, 5, 6, 7]))
    if {"arithmetic", "math"} <= {*present}:
        present.remove(rng.choice(["arithmetic", "math"]))
    if "general" in present and rng.random() < 0.5:
        present.remove("general")
    made: list[tuple[str, str, Callable[[], tuple[str, str]]]] = []
    for domain in present:
        topics = [t for t, takers in TAKERS.items() if next((d for d in takers if d in present), "") == domain]
        look = DOMAINS[domain]
        name = look.names[0] if rng.random() < 0.6 else rng.choice(look.names)

        def ask(topics: list[str] = topics) -> tuple[str, str]:
            topic = rng.choice(topics)
            return asked(rng, topic), topic

        if topics:
            made.append((name, rng.choice(look.descriptions), ask))
    others = HELD_OUT if held_out else [*UNSEEN, *(w.made_up(rng) for _ in range(7))]
    for subject in [] if known_only or "general" in present else rng.sample(others, rng.choice([0, 0, 1, 2])):
        made.append((subject, rng.choice(DESCRIBE).replace("{d}", subject), lambda s=subject: (filled(rng, rng.choice(ABOUT).replace("{d}", s)), "about")))
    rng.shuffle(made)
    one_for_all = not known_only and rng.random() < 0.15  # one tool with a choice of specialists instead of a tool each
    requests: list[tuple[str, dict, str]] = []
    for name, _, ask in rng.sample(made, len(made)):
        text, topic = ask()
        if len(text) > LONGEST:
            continue
        if one_for_all:
            requests.append((text, {"name": "consult_specialist", "arguments": {"specialist": name, "query": text}}, topic))
        else:
            requests.append((text, {"name": f"consult_{name}", "arguments": {"query": text}}, topic))
    tools = [consult_tool(name, description) for name, description, _ in made]
    if one_for_all:
        properties = {"specialist": {"type": "string", "enum": [name for name, _, _ in made]}, "query": {"type": "string"}, "context": {"type": "string"}}
        tools = [function("consult_specialist", rng.choice(["Asks a specialist", "Consult a specialist", "Hands the request to a specialist"]), properties, ["specialist", "query"])]
    if rng.random() < 0.12:
        tools += [function(name, description, properties, list(properties)) for name, description, properties in rng.sample(BESIDE, rng.choice([1, 2, 4]))]
    if not requests:
        return specialists(rng, held_out, known_only)
    return tools, requests
