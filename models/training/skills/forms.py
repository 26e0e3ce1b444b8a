"""The forms in which the orchestrator itself asks: verifying an answer, mending a draft, choosing a candidate.

Who judges must know the answer first, so the replies to the first and the last begin with the model's own answer:
`I get 46. No.`. Who chooses then reads out the candidates up to the right one, for to find it at one glance is too hard:
`I get 46.`, `1. 45`, `2. 46`, `Number 2.`, each on a line.
"""

from random import Random

from .reading import framed
from .task import Task, drilling

VERIFY = [
    "{q}\nProposed answer: {a}\nIs this correct? Answer yes or no.", "Question: {q}\nAnswer: {a}\nCorrect?", "{q} Is the answer {a}?", "{q}\nSomeone answered: {a}\nIs that right?",
    "Check this answer.\nQuestion: {q}\nAnswer: {a}", "Q: {q}\nA: {a}\nTrue?", "{q}\nI say {a}. Am I right?", "Is it right to answer {a} to this question: {q}", "{q} My answer is {a}. Yes or no?",
    "Verify: {q} -> {a}", "The question was: {q}\nThe answer was: {a}\nWas it right?", "{q}\nIs {a} right?",
]
DRAFT = [
    "{q}\n\nA first try gave: {a}\nWhat is the right answer?", "Question: {q}\nDraft: {a}\nFinal answer?", "{q}\nSomeone answered {a}. Correct it if it is wrong.", "{q}\n\nDraft: {a}\nImprove the draft.",
    "{q}\n\nEarlier answer: {a}\nAnswer again.", "{q}\nPrevious model said: {a}\nYour answer?", "Draft answer: {a}\n\nQuestion: {q}", "{q}\n\nNot sure about this: {a}\nGive the right answer.",
]
CHOOSE = [
    "{q}\nOptions:\n{l}\nWhich one is right? Reply with the number.", "Question: {q}\n{l}\nWhich is correct?", "{q}\n\n{l}\n\nPick the right one.", "Choose the right answer.\n{q}\n{l}",
    "{q}\nAnswers:\n{l}\nGive the number of the best answer.", "Q: {q}\nCandidates:\n{l}\nBest?", "Which answer is right?\nQuestion: {q}\n{l}", "{q}\nPossible answers:\n{l}\nNumber of the right one?",
]


UNKNOWN = "I don't know."


def question_of(rng: Random, task: Task) -> str:
    return framed(rng, task) if task.context else task.question


def wrong_answer(rng: Random, task: Task, others: list[Task]) -> str:
    """Mostly a near miss, sometimes something else altogether, sometimes a false "I don't know."."""
    kind = rng.random()
    wrong = [n for n in task.near if n != task.answer]
    if kind < 0.82 and wrong:
        return rng.choice(wrong[:6])
    if kind < 0.88 and task.answer != UNKNOWN:
        return UNKNOWN
    for other in others:
        if other.answer != task.answer and not {other.answer, task.answer} <= {"Yes.", "No."}:
            return other.answer
    return rng.choice(wrong) if wrong else "42"


def own(answer: str) -> str:
    """The model's own answer as the beginning of a judgement; one that is a sentence loses its capital and its stop."""
    return f"I get {answer[0].lower() + answer[1:-1] if answer in ('Yes.', 'No.') else answer}."


def verify(rng: Random, task: Task, others: list[Task]) -> tuple[str, str]:
    right = rng.random() < 0.5
    claim = task.answer if right else wrong_answer(rng, task, others)
    template = "Question: {q}\nAnswer: {a}\nIs the answer right? Reply yes or no." if rng.random() < 0.7 else rng.choice(VERIFY)
    question = question_of(rng, task)
    if drilling(rng):  # only to see whether two texts are the same
        template, question = "{q}\nIs {a} right?", task.answer
    text = template.replace("{a}", "\0").replace("{q}", question).replace("\0", claim)
    if task.answer == UNKNOWN:
        return text, UNKNOWN
    return text, f"{own(task.answer)} {'Yes.' if right or claim in task.accept else 'No.'}"


def draft(rng: Random, task: Task, others: list[Task]) -> tuple[str, str]:
    shown = task.answer if rng.random() < 0.45 else wrong_answer(rng, task, others)
    template = "{q}\n\nDraft answer: {a}\nGive the right answer." if rng.random() < 0.7 else rng.choice(DRAFT)
    text = template.replace("{a}", "\0").replace("{q}", question_of(rng, task)).replace("\0", shown)
    return text, task.answer


def choose(rng: Random, task: Task, others: list[Task]) -> tuple[str, str]:
    candidates = [task.answer]
    for _ in range(rng.choice([1, 2, 2, 2, 2, 3])):
        for _ in range(4):
            wrong = wrong_answer(rng, task, others)
            if wrong not in candidates and wrong not in task.accept:
                candidates.append(wrong)
                break
    if len(candidates) == 1:
        candidates.append("17" if task.answer != "17" else "18")
    rng.shuffle(candidates)
    listed = "\n".join(f"{i}. {c}" for i, c in enumerate(candidates, 1))
    template = "Question: {q}\nCandidates:\n{l}\nWhich candidate is right? Reply with its number."
    question = question_of(rng, task)
    if drilling(rng):  # only to find a line of a list
        template, question = "{q}\n{l}", task.answer
    elif rng.random() > 0.7:
        template = rng.choice(CHOOSE)
    text = template.replace("{l}", "\0").replace("{q}", question).replace("\0", listed)
    begin = UNKNOWN if task.answer == UNKNOWN else own(task.answer)
    right = candidates.index(task.answer) + 1
    return text, "\n".join([begin, *listed.split("\n")[:right], f"Number {right}."])


def deciding(answer: str) -> list[int]:
    """Where in a judgement it is decided: at the verdict, and after each candidate whether it is the one."""
    if " " not in answer:
        return [0]
    lines = [i + 1 for i, letter in enumerate(answer) if letter == "\n"]
    return lines[1:] or [answer.rindex(" ") + 1]
