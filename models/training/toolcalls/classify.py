"""Classifying a request into one of a given list of kinds."""

from random import Random

from ..skills import words as w
from ..skills.unknown import CODE, CODE_TASKS, LANGUAGES, TOPICS
from .values import TEXTS, words_of

CAPABILITIES = {
    "text_generation": ["Write a story about {thing}.", "Write an essay about {topic}.", "Write a poem about {topic}.", "Tell me a story about a {animal}.", "Draft a letter to {person}.", "Write a blog post about {topic}.",
                        "Compose a speech on {topic}.", "Continue this text: {words}", "Write a short text about {thing}.", "Make up a tale with a {animal} and a {thing}.", "Draft an email to {person} about {topic}.", "Write a slogan for a {thing}."],
    "code_generation": ["Write a {lang} function that {codetask}.", "Implement a {thing} class in {lang}.", "Write code that {codetask}.", "Write a {lang} script that {codetask}.", "Generate {lang} code for {words}.", "Code a {lang} program which {codetask}.",
                        "Implement quicksort in {lang}.", "I need a {lang} method that {codetask}.", "Give me a {lang} snippet that {codetask}.", "Create a {lang} module for {words}.", "Program a small game in {lang}.", "Write unit tests in {lang} for {word}."],
    "reasoning": ["If all {made}s are {made2}s, is every {made2} a {made}?", "Think step by step: {person} has {n} {plural} and gives away {d}.", "Solve this puzzle: {words}", "Why does it follow that {words}?", "Prove that the sum of two even numbers is even.",
                  "What can we conclude if {person} is older than {person2}?", "A train leaves at {d} and drives {n} km. When does it arrive?", "Which of the three boxes holds the {thing}? Reason carefully.", "Is this argument valid: {words}?", "Deduce who took the {thing}.",
                  "Explain step by step why {words}.", "Find the logical error: {words}"],
    "translation": ["Translate {word} to {language}.", "Translate this into {language}: {text}", "How do you say {word} in {language}?", "Say '{text}' in {language}.", "Put this text into {language}: {text}", "What is {word} in {language}?", "Translate from {language} to English: {words}",
                    "Give me the {language} translation of {words}.", "I need this in {language}: {text}", "Please translate: {words}", "{language} translation of '{text}', please.", "Render '{words}' in {language}."],
    "summarization": ["Summarize this text: {text}", "Summarize the article about {topic}.", "Give me a summary of {words}.", "Sum up the following: {text}", "Make this shorter: {text}", "What are the main points of the report on {topic}?", "TL;DR: {text}", "Condense this into one sentence: {text}",
                      "Shorten the text about {topic}.", "Give a brief overview of this document: {words}", "Boil this down to three points: {text}", "Summarise the meeting about {topic}."],
    "vision": ["What is in this picture?", "Describe this image.", "What do you see in the photo of the {thing}?", "How many {plural} are in the picture?", "What color is the {thing} in the image?", "Look at this photo and describe the {animal}.", "Is there a {animal} in this image?", "Describe the attached photo.",
               "What does the screenshot show?", "Compare the two images.", "What is the person in the picture doing?", "Explain this chart image."],
    "tool_calling": ["Call the {made} tool with {word}.", "Use the {made} function.", "Use a tool to book a {thing}.", "Invoke {made} with id {n}.", "Use the calendar tool to add a {event}.", "Call the API to get the {thing}.", "Run the {made} command for me.", "Use your tools to find the {thing}.", "Call the function {made}({n}).",
                     "Execute the {made} action.", "Trigger the {made} tool.", "Use the search tool for {topic}."],
    "embedding": ["Embed this text: {text}", "Give me the embedding of {word}.", "Compute a vector for: {text}", "Turn these sentences into vectors: {words}", "Make embeddings for the {topic} articles.", "Vectorize {words}."],
    "image_generation": ["Draw a {animal}.", "Generate an image of a {colour} {thing}.", "Paint a picture of {city}.", "Make a picture of a {animal} with a {thing}.", "Create a logo with a {thing}.", "Design a poster about {topic}.", "Illustrate {words}.", "Generate a {colour} wallpaper image."],
    "speech_to_text": ["Transcribe this recording.", "Write down what is said in the audio file.", "Transcribe the interview with {person}.", "Turn this speech into text.", "Make a transcript of the {event}.", "What does {person} say in this recording?"],
    "text_to_speech": ["Read this aloud: {text}", "Say this with a friendly voice: {text}", "Speak this text: {words}", "Make an audio of this text: {text}", "Read the article about {topic} out loud.", "Turn this text into speech: {words}"],
    "ocr": ["Read the text in this scan.", "Extract the text from this receipt photo.", "What does the sign in the photo say? Give its text.", "Get the text out of this scanned page.", "Digitize this printed letter.", "Read the scanned invoice of {person}."],
    "web_search": ["Search the web for {topic}.", "Find recent news about {topic}.", "Look up {words} online.", "Google {words}.", "What is the latest news from {city}?", "Search the internet for {thing} shops in {city}."],
    "object_detection": ["Find all {plural} in this image and mark them.", "Detect the {thing} in the photo.", "Draw boxes around the {plural} in the image.", "Locate every {animal} in the picture."],
}
INTENTS = {
    "code": [*CAPABILITIES["code_generation"], "Refactor the {made} function.", "Add a {word} option to the {made} class.", "Rename the method {made} to {made2}.", "Implement the {made} endpoint."],
    "docs": ["Write the documentation for {made}.", "Document the {made} function.", "Add a docstring to {made}.", "Update the README for {made}.", "Explain in the docs how {made} works.", "Write a user guide for {made}.", "Improve the API docs of {made}.", "Add comments to the {made} class.", "Write a changelog entry for {made}.",
             "Write a how-to page about {topic}.", "Describe the parameters of {made} in the manual."],
    "debug": ["Why does {made} crash?", "Fix the bug in {made}.", "I get an error in {made}: {words}", "My {lang} program fails with {made}Error.", "The test {made} fails, why?", "Find the memory leak in {made}.", "{made} returns the wrong value.", "Debug the {made} function.", "The server crashes when I call {made}.",
              "Stack trace: {made}Error at line {n}", "Why is {made} undefined?", "The {made} build is broken."],
    "arch": ["How should I structure the {made} service?", "Design the architecture of a {thing} shop.", "Should {made} be a microservice or a monolith?", "Which database fits the {made} system?", "Plan the modules of {made}.", "Draw up a system design for {topic}.", "How do the services {made} and {made2} fit together?",
             "Propose an architecture for {made}.", "Which design pattern fits {made}?", "How do we scale the {made} platform?", "Split the {made} system into components."],
    "general": ["Hello", "How are you?", "What is the capital of {country}?", "Tell me a joke.", "Who is {person}?", "What should I eat today?", "Good morning!", "What is {topic}?", "Recommend a book about {topic}.", "Where is {city}?", "Thanks for your help!", "What is your name?", "How old is {person}?", "Tell me about {city}.",
                "Is {food} healthy?"],
}
FORMS = ["Classify the request: {t}\nKinds: {k}", "Classify the request: {t}\nKinds: {k}", "Classify the request: {t}\nKinds: {k}", "Request: {t}\nWhich kind is it? Kinds: {k}", "Kinds: {k}\nClassify: {t}", "Which of these kinds fits best: {k}?\nRequest: {t}"]


def filled(rng: Random, template: str) -> str:
    return template.format(
        topic=rng.choice(TOPICS), thing=rng.choice(w.THINGS), animal=rng.choice(w.ANIMALS), person=w.name(rng, w.PEOPLE), person2=w.name(rng, w.PEOPLE), words=words_of(rng, rng.choice([2, 3])),
        lang=rng.choice(CODE), lang2=rng.choice(CODE), codetask=rng.choice(CODE_TASKS), word=w.some_word(rng), made=w.made_up(rng), made2=w.made_up(rng), n=rng.randrange(2, 500), d=rng.randrange(2, 20),
        plural=rng.choice(w.PLURALS), language=rng.choice(LANGUAGES), text=rng.choice(TEXTS), colour=rng.choice(w.COLOURS), event=rng.choice(w.EVENTS), city=w.name(rng, w.CITIES, 0.2),
        country=rng.choice(w.COUNTRIES), food=rng.choice(w.FOODS))


def kind_question(rng: Random) -> tuple[str, str]:
    family = CAPABILITIES if rng.random() < 0.6 else INTENTS
    right = rng.choice(list(family))
    others = [k for k in family if k != right]
    kinds = [right, *rng.sample(others, rng.randrange(1, min(len(others), 8) + 1))]
    rng.shuffle(kinds)
    return rng.choice(FORMS).format(t=filled(rng, rng.choice(family[right])), k=", ".join(kinds)), right
