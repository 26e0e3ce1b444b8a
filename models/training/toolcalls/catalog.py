"""Words that tools are made of, in two pools: what is in HELD_OUT never occurs in a training tool.

A tool is composed of an action (verb + noun) and parameters. Composing gives many thousand tools, and made-up words give
the rest, so that the model learns to copy names out of the signature and cannot remember them.
"""

from dataclasses import dataclass

# A verb as it stands in a tool's name, and how people ask for it. Groups do not overlap in meaning.
VERBS = {
    "get": ["get", "show me", "fetch", "look up", "tell me", "give me"],
    "find": ["find", "search for", "look for"],
    "create": ["create", "make", "set up", "add"],
    "delete": ["delete", "remove", "erase"],
    "update": ["update", "change", "edit"],
    "send": ["send", "send off"],
    "start": ["start", "begin", "launch"],
    "stop": ["stop", "end", "halt"],
    "open": ["open"],
    "close": ["close", "shut"],
    "book": ["book", "reserve"],
    "cancel": ["cancel", "call off"],
    "order": ["order", "buy"],
    "check": ["check", "verify"],
    "calculate": ["calculate", "compute", "work out"],
    "translate": ["translate"],
    "play": ["play", "put on"],
    "list": ["list", "enumerate"],
    "schedule": ["schedule", "plan"],
    "print": ["print", "print out"],
    "share": ["share"],
    "lock": ["lock"],
    "download": ["download", "save"],
    "rename": ["rename"],
    "convert": ["convert"],
    "count": ["count"],
    "set": ["set", "adjust"],
    "track": ["track", "follow"],
}
# Verbs that people say as they are written.
PLAIN_VERBS = """add move copy merge split sort filter export import upload install restart reset test run build clean wash cook bake fill
empty load pack weigh sign read write draw record mute pause resume skip join leave invite block like rate review report submit accept
reject confirm refund pay transfer sell lend borrow return deliver collect pick drop lift push pull turn switch connect pair sync restore
compress validate monitor plot describe explain summarize solve grade teach drive park fix trim polish wrap label freeze heat cool dry
mix cut tag pin quote sketch notify unlock enable disable attach detach extend renew promote hide reveal""".split()
VERBS |= {verb: [verb] for verb in PLAIN_VERBS}
NOUNS = """weather forecast temperature email message meeting event appointment reminder alarm timer note task file folder
report invoice payment order product price stock flight hotel room table restaurant taxi train ticket route map location
song playlist album movie video photo picture camera light lamp thermostat heater door window user account password profile
contact customer employee team project issue branch commit server database record backup log article news story book recipe
meal workout heart_rate sleep step budget expense loan tax currency exchange_rate distance area loan_payment word sentence
document translation summary definition quote poem game score player match league poll survey form page site link domain
package delivery shipment address phone_number call contract policy claim patient doctor prescription symptom course
lesson exam grade student teacher school city country population holiday time_zone calendar date car battery engine robot
sensor valve pump job ticket_price seat gate discount coupon cart review rating comment post channel group""".split()


@dataclass(frozen=True)
class Slot:
    """A parameter: its name, what makes its values (see `values.py`), and how a request mentions it (`{v}`)."""

    name: str
    kind: str
    phrases: tuple[str, ...]


def _slots(lines: str) -> list[Slot]:
    made = []
    for line in lines.strip().splitlines():
        name, kind, *phrases = (part.strip() for part in line.split("|"))
        made.append(Slot(name, kind, tuple(phrases)))
    return made


SLOTS = _slots("""
city | place | in {v} | for {v} | in the city of {v}
location | place | in {v} | for {v} | at {v}
country | place | in {v} | for {v}
destination | place | to {v} | with destination {v}
origin | place | from {v} | starting in {v}
days | integer | for {v} days | for the next {v} days | over {v} days
hours | integer | for {v} hours | of {v} hours
minutes | integer | for {v} minutes | in {v} minutes
people | integer | for {v} people | with {v} people | for a group of {v}
quantity | integer | {v} of them | with quantity {v} | {v} times
limit | integer | at most {v} | with a limit of {v} | no more than {v}
year | year | in {v} | from {v} | for the year {v}
amount | number | of {v} | for {v} | with an amount of {v}
price | number | for {v} dollars | at a price of {v} | with the price {v}
max_price | number | under {v} dollars | up to {v} dollars | with a maximum price of {v}
weight | number | weighing {v} kg | with a weight of {v}
name | name | called {v} | named {v} | with the name {v}
title | title | titled {v} | with the title {v} | called {v}
user | name | for {v} | of {v} | for user {v}
recipient | name | to {v} | for {v}
email | email | to {v} | for {v} | with email {v}
text | text | saying {v} | with the text {v} | that says {v}
message | text | saying {v} | with the message {v}
query | topic | about {v} | for {v} | on {v}
topic | topic | about {v} | on {v} | on the topic of {v}
category | word | in the category {v} | of category {v}
date | date | on {v} | for {v} | dated {v}
time | time | at {v} | for {v}
start_time | time | starting at {v} | from {v}
end_time | time | until {v} | ending at {v}
id | id | with id {v} | number {v} | {v}
order_id | id | with order id {v} | for order {v}
path | path | at {v} | in {v} | from {v}
url | url | from {v} | at {v}
room | word | in the {v} | for the {v}
color | colour | in {v} | with color {v} | colored {v}
language | language | in {v} | into {v}
unit | enum:celsius,fahrenheit | in {v}
currency | enum:USD,EUR,GBP,JPY | in {v}
priority | enum:low,medium,high | with {v} priority | with priority {v}
format | enum:pdf,csv,json,xml | as {v} | in {v} format
size | enum:small,medium,large | in size {v} | in {v}
status | enum:open,closed,pending | with status {v} | that are {v}
order | enum:asc,desc | in {v} order | sorted {v}
mode | enum:eco,normal,turbo | in {v} mode
level | enum:beginner,intermediate,expert | for {v} level | at {v} level
urgent | boolean | as urgent!not as urgent | urgently!not urgently
recursive | boolean | recursively!not recursively
notify | boolean | with notification!without notification | and notify me!and do not notify me
include_images | boolean | with images!without images | including images!excluding images
verbose | boolean | with details!without details
tags | strings | with tags {v} | tagged {v}
items | strings | with {v} | containing {v} | for {v}
guests | names | with {v} | inviting {v}
ids | integers | with ids {v} | for {v}
numbers | integers | of {v} | for {v}
volume | integer | at volume {v} | with volume {v}
percent | integer | at {v} percent | to {v} percent
temperature | number | to {v} degrees | at {v} degrees
""")

# Made-up parameters are composed of these: `target_speed`, `max_depth` ...
PARAM_FIRST = "target max min new old default main first last base total initial final local remote source daily".split()
PARAM_LAST = """speed depth length width height count value label owner code region zone index offset rate score mode key version
channel type group page token duration interval angle pressure radius capacity brand model style theme""".split()

# ---------------------------------------------------------------------------------------------------------------- test only

HELD_OUT_VERBS = {
    "rent": ["rent"],
    "water": ["water"],
    "inspect": ["inspect"],
    "dispatch": ["dispatch"],
    "measure": ["measure"],
    "paint": ["paint"],
    "estimate": ["estimate"],
    "feed": ["feed"],
    "approve": ["approve"],
    "assign": ["assign"],
    "archive": ["archive"],
    "compare": ["compare"],
    "register": ["register"],
    "repair": ["repair"],
    "publish": ["publish"],
}
HELD_OUT_NOUNS = """aquarium greenhouse elevator ferry bicycle telescope orchard beehive pool sauna tractor crane harbor museum
exhibit statue fossil canoe tent campsite trail glacier volcano tide moon_phase drone antenna satellite turbine solar_panel
laundry kiosk locker mural fountain stadium choir orchestra piano costume script podcast newsletter blueprint warranty
auction antique wine vineyard bakery aquifer dam bridge tunnel""".split()
HELD_OUT_SLOTS = _slots("""
harbor_name | place | in {v} | at {v}
village | place | in {v} | for the village {v} | near {v}
depot | place | from {v} | at {v} | from the depot {v}
nights | integer | for {v} nights
visitors | integer | for {v} visitors | with {v} visitors
laps | integer | for {v} laps
floors | integer | with {v} floors | for {v} floors
season | enum:spring,summer,autumn,winter | in {v} | for {v}
material | enum:wood,steel,glass | made of {v} | in {v}
shift | enum:early,late,night | for the {v} shift
ranking | enum:best,worst | with ranking {v}
dosage | number | with dosage {v} | with a dosage of {v}
salinity | number | with salinity {v} | at a salinity of {v}
captain | name | with captain {v} | for captain {v}
curator | name | by curator {v} | for the curator {v}
nickname | name | with the nickname {v} | with nickname {v}
caption | text | with the caption {v}
slogan | text | with the slogan {v} | slogan {v}
theme_name | topic | with the theme name {v} | about {v}
arrival | date | with arrival {v} | for arrival {v}
opening | time | with opening {v} | for opening {v}
badge | id | with badge {v} | for badge {v}
serial | id | with serial {v} | of serial {v}
insured | boolean | insured!not insured
guided | boolean | guided!not guided
heated | boolean | heated!not heated
species | strings | with species {v} | for species {v}
crew | names | with crew {v} | for crew {v}
berths | integers | at berths {v} | for berths {v}
""")
ALL_HELD_OUT = {part for name in [*HELD_OUT_VERBS, *HELD_OUT_NOUNS, *(s.name for s in HELD_OUT_SLOTS)] for part in name.split("_")}
