"""Choosing a specialist: the tools are other models, the call hands the request over word for word."""

from random import Random

from ..skills import words as w
from .classify import CAPABILITIES, INTENTS, filled

KNOWN = {
    "coding": (["Writes and fixes programs", "Expert for code and bugs", "Programming questions"], INTENTS["code"] + INTENTS["debug"]),
    "reasoning": (["Solves puzzles and logic problems", "Careful step by step reasoning", "Logic and proofs"], CAPABILITIES["reasoning"]),
    "analysis": (["Analyzes data and reports", "Finds trends in numbers", "Compares options"],
                 ["Analyze the sales of {made} in {city}.", "Find the trend in these numbers: {n}, {d}, {n}", "Compare {made} and {made2}.", "What are the risks of {topic}?", "Evaluate the {made} report.", "Analyze this data: {n}, {d}", "What do the figures on {topic} show?", "Assess the strengths of {made}."]),
    "math": (["Calculates and solves equations", "Expert for mathematics", "Arithmetic and algebra"],
             ["What is {n} * {d}?", "Solve {d}x + {d} = {n}.", "Calculate {n} divided by {d}.", "What is the square root of {n}?", "Add {n} and {d}.", "What is the derivative of x^{d}?", "What is {d}% of {n}?", "Compute the area of a circle of radius {d}."]),
    "writing": (["Writes stories, letters and poems", "Creative writing", "Drafts texts of every kind"], CAPABILITIES["text_generation"]),
    "translation": (["Translates between languages", "Expert for foreign languages", "Translations"], CAPABILITIES["translation"]),
    "summaries": (["Summarizes long texts", "Makes texts shorter"], CAPABILITIES["summarization"]),
    "vision": (["Looks at images", "Describes pictures and photos"], CAPABILITIES["vision"]),
}
UNSEEN = ["law", "medicine", "cooking", "gardening", "chess", "astronomy", "history", "music", "sports", "travel", "finance", "physics", "pets", "fashion", "weather", "housing"]
HELD_OUT = ["geology", "sailing", "beekeeping", "pottery", "archery", "opera", "wine", "taxes", "insurance", "trains", "birds", "nutrition"]
ABOUT = ["What should I know about {d}?", "I have a question about {d}: {words}", "Tell me something about {d} in {city}.", "My {d} question: how does {made} work?", "Explain the basics of {d}.", "Is {made} important in {d}?",
         "Who is the best in {d}?", "How do I start with {d}?", "Give me {d} advice for {person}.", "I need help with {d} and {made}."]
DESCRIBE = ["Expert for {d}", "Answers questions about {d}", "Knows everything about {d}", "Specialist in {d}", "Ask about {d}", "Help with {d}"]


def consult_tool(domain: str, description: str) -> dict:
    parameters = {"type": "object", "properties": {"query": {"type": "string"}, "context": {"type": "string"}}, "required": ["query"]}
    return {"type": "function", "function": {"name": f"consult_{domain}", "description": description, "parameters": parameters}}


def specialists(rng: Random, held_out: bool = False) -> tuple[list[dict], list[tuple[str, dict]]]:
    """Two to six specialists, and requests for some of them with the right calls."""
    made: list[tuple[str, str, list[str]]] = []
    for domain in rng.sample(list(KNOWN), rng.randrange(1, 6)):
        descriptions, templates = KNOWN[domain]
        made.append((domain, rng.choice(descriptions), templates))
    pool = HELD_OUT if held_out else [*UNSEEN, w.made_up(rng), w.made_up(rng), w.made_up(rng), w.made_up(rng), w.made_up(rng), w.made_up(rng), w.made_up(rng)]
    for domain in rng.sample(pool, rng.choice([1, 1, 2])):
        made.append((domain, rng.choice(DESCRIBE).replace("{d}", domain), [t.replace("{d}", domain) for t in ABOUT]))
    rng.shuffle(made)
    requests: list[tuple[str, dict]] = []
    for domain, _, templates in rng.sample(made, len(made)):
        text = filled(rng, rng.choice(templates))
        if len(text) <= 120:
            requests.append((text, {"name": f"consult_{domain}", "arguments": {"query": text}}))
    return [consult_tool(domain, description) for domain, description, _ in made], requests or [("Hello", {})]
