"""Tools that people really have, with the words in which they are asked for; some are kept for tests.

A block is one tool: its names, what it does, its parameters (`name/other name: kind`, with `?` if optional), and below
requests, in which {0}, {1} are the parameters. A parameter that a request does not mention is left out of the call.
"""

from dataclasses import dataclass, replace
from random import Random

from .tools import new_noun
from .values import schema, value


@dataclass(frozen=True)
class Parameter:
    names: tuple[str, ...]
    kind: str
    required: bool


@dataclass(frozen=True)
class Everyday:
    names: tuple[str, ...]
    descriptions: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    requests: tuple[str, ...]
    nouns: tuple[str, ...] = ()  # of an invented one


def _split(text: str, mark: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(mark) if part.strip())


def _parameter(text: str) -> Parameter:
    names, kind = _split(text, ": ")
    return Parameter(_split(names.rstrip("?"), "/"), kind, not names.endswith("?"))


def _read(blocks: str) -> list[Everyday]:
    tools = []
    for block in blocks.strip().split("\n\n"):
        head, *requests = block.splitlines()
        names, descriptions, *parameters = (part.strip() for part in head.split("|"))
        made = tuple(_parameter(p) for p in _split(parameters[0], ";")) if parameters else ()
        tools.append(Everyday(_split(names, ","), _split(descriptions, ";"), made, tuple(r for line in requests for r in _split(line, " / "))))
    return tools


EVERYDAY = _read("""
get_weather, weather, current_weather, get_current_weather, weather_forecast | Get the weather of a city; Get the current weather; Weather of a place; Tells the weather; Get the current weather in a given location; Returns the weather for a city | city/location/place: place
What is the weather in {0}? / What's the weather in {0}? / How is the weather in {0}? / Weather in {0} / Tell me the weather in {0}. / What is the weather like in {0}? / What's the weather like in {0} today? / Is it raining in {0}? / Will it rain in {0}? / How warm is it in {0}? / Is it sunny in {0}? / Show me the weather for {0}. / Check the weather in {0}, please. / I am going to {0}. How is the weather there?

get_forecast, forecast, weather_forecast | Weather forecast for several days; Get the forecast of a city | city/location: place; days: integer
What will the weather be in {0} for the next {1} days? / Weather forecast for {0}, {1} days / Give me the {1} day forecast for {0}. / Forecast for {0} for {1} days, please. / How will the weather be in {0} over the next {1} days?

get_temperature, temperature, current_temperature | Get the temperature of a place; Current temperature | city/location/place: place; unit?: enum:celsius,fahrenheit
What is the temperature in {0}? / How hot is it in {0}? / How cold is it in {0}? / Temperature in {0} / What is the temperature in {0} in {1}? / Tell me the temperature in {0} in {1}. / How many degrees does {0} have?

get_time, current_time, time, get_current_time | Get the time of a city; Current time in a place; Tells what time it is | city/location/timezone/place: place
What time is it in {0}? / Tell me the time in {0}. / Current time in {0} / How late is it in {0}? / What is the time in {0} now? / What's the local time in {0}? / Time in {0}?

get_date, today, current_date | Get today's date; Current date; Tells what day it is
What day is it today? / What is the date today? / Which date do we have? / Tell me today's date. / What's today's date? / Which day is today?

send_email, email, send_mail, mail | Send an email; Sends an email to someone; Write and send a mail | to/recipient/address: email; subject?: title; body/message/text: text
Send an email to {0} saying {2}. / Email {0} that {2}. / Send a mail to {0}: {2} / Write an email to {0} with the subject {1} saying {2}. / Mail {0} with subject {1}: {2} / Send {0} an email with the text {2}. / Please email {0}: {2}

send_message, message, text_message, send_sms, sms | Send a message; Sends a text message to a person | to/recipient/contact/person: name; text/message/body: text
Send a message to {0}: {1} / Tell {0} that {1}. / Text {0} that {1}. / Message {0} saying {1}. / Send {0} the message {1}. / Write {0} a message: {1} / Let {0} know that {1}. / Send a text to {0} saying {1}.

call, phone_call, make_call, call_contact | Call someone; Make a phone call; Phones a person | name/contact/person: name
Call {0}. / Please call {0}. / Phone {0}. / Give {0} a call. / Ring {0}. / Can you call {0}? / I want to talk to {0} on the phone.

set_alarm, alarm, create_alarm | Set an alarm; Sets an alarm for a time; Wake the user | time: time
Set an alarm for {0}. / Wake me up at {0}. / Wake me at {0}, please. / Alarm at {0} / I need an alarm at {0}. / Set my alarm to {0}.

set_timer, timer, start_timer, countdown | Set a timer; Start a timer for some minutes; Countdown | minutes/duration: integer
Set a timer for {0} minutes. / Start a {0} minute timer. / Timer: {0} minutes / Count down {0} minutes. / Remind me in {0} minutes. / Set a {0} minute timer, please.

create_reminder, set_reminder, reminder, add_reminder, remind | Create a reminder; Remind the user of something; Sets a reminder | text/task/what: task; time/when: time
Remind me to {0} at {1}. / Remind me at {1} to {0}. / Set a reminder to {0} at {1}. / At {1}, remind me to {0}. / Create a reminder for {1}: {0} / I must not forget to {0} at {1}.

create_event, add_event, calendar, add_to_calendar, schedule_meeting | Create a calendar event; Add an appointment to the calendar; Schedules an event | title/name/event: title; date/day: date; time?: time
Add {0} to my calendar on {1}. / Create an event called {0} on {1} at {2}. / Schedule {0} on {1} at {2}. / Put {0} on {1} in the calendar. / Plan {0} on {1}. / Add an appointment {0} on {1} at {2}. / Make a calendar entry for {0} on {1}.

list_events, get_events, get_calendar, agenda, show_calendar | List the events of a day; Shows the calendar; Appointments of a day | date/day: day
What is on my calendar {0}? / What do I have to do {0}? / Show my appointments for {0}. / Do I have meetings {0}? / List my events for {0}. / What are my plans for {0}? / Which appointments do I have {0}?

search, web_search, search_web, google, internet_search | Search the web; Search the internet; Finds pages on the web | query/q/text: topic
Search the web for {0}. / Search for {0}. / Google {0}. / Look up {0} online. / Find information about {0} on the internet. / Search the internet for {0}. / Web search: {0} / Find pages about {0}. / Look for {0} on the web.

get_news, news, latest_news, search_news | Get the news; Latest news about a topic; News headlines | topic/query/about: topic
What is new about {0}? / News about {0} / Show me the latest news about {0}. / What are the headlines about {0}? / Get the news on {0}. / Any news about {0}? / Tell me the news about {0}.

calculate, calculator, calc, evaluate, compute | Calculate an expression; Evaluates a formula; A calculator for arithmetic; Does arithmetic | expression/formula/input: formula
What is {0}? / Calculate {0}. / How much is {0}? / Compute {0}. / {0} / {0} = ? / Work out {0}. / Please calculate {0}. / Use the calculator for {0}.

add, sum, add_numbers | Add two numbers; Returns the sum of two numbers | a/x/first: integer; b/y/second: integer
Add {0} and {1}. / What is {0} plus {1}? / What is {0} + {1}? / {0} + {1} / Sum of {0} and {1} / How much is {0} plus {1}?

multiply, product, multiply_numbers | Multiply two numbers; Returns the product of two numbers | a/x/first: integer; b/y/second: integer
Multiply {0} by {1}. / What is {0} times {1}? / What is {0} * {1}? / {0} * {1} / Product of {0} and {1} / How much is {0} times {1}?

subtract, minus, difference | Subtract one number from another; Difference of two numbers | a/x/first: integer; b/y/second: integer
What is {0} minus {1}? / {0} - {1} / What is {0} - {1}? / How much is {0} minus {1}? / Take {1} from {0}. / Subtract {1} from {0}.

convert_currency, currency, exchange, currency_converter | Convert money between currencies; Currency conversion; Exchange rates | amount: number; from/from_currency/source: money; to/to_currency/target: money
Convert {0} {1} to {2}. / How much is {0} {1} in {2}? / {0} {1} in {2} / Exchange {0} {1} into {2}. / What are {0} {1} in {2}? / Change {0} {1} to {2}.

exchange_rate, get_exchange_rate, get_rate | Get the exchange rate of two currencies; Current exchange rate | from/base/source: money; to/target: money
What is the exchange rate from {0} to {1}? / Exchange rate {0} to {1} / How many {1} do I get for one {0}? / What is the rate of {0} in {1}?

convert_units, unit_converter, convert, convert_unit | Convert a value from one unit to another; Unit conversion | value/amount: number; from/from_unit: unit; to/to_unit: unit
Convert {0} {1} to {2}. / How many {2} are {0} {1}? / {0} {1} in {2} / What is {0} {1} in {2}? / Turn {0} {1} into {2}.

translate, translate_text, translator, translation | Translate text into a language; Translates text; Translation | text/phrase/sentence: text; language/target_language/to/target: language
Translate {0} into {1}. / Translate {0} to {1}. / How do you say {0} in {1}? / Say {0} in {1}. / What is {0} in {1}? / Please translate {0} into {1}. / {1} translation of {0}

detect_language, language_of, identify_language | Detect the language of a text; Which language is it | text: text
Which language is {0}? / Detect the language of {0}. / What language is this: {0} / In which language is {0} written?

play_music, play_song, play, music | Play music; Play a song; Plays a song by name | song/title/name/track: song; artist?: name
Play {0}. / Play {0} by {1}. / Put on {0} by {1}. / I want to hear {0}. / Play the song {0}. / Let me listen to {0} by {1}. / Start the song {0}.

play_artist, play_artist_radio | Play music by an artist | artist: name
Play something by {0}. / Play music by {0}. / I want to hear songs by {0}. / Put on some {0}.

stop_music, pause_music, pause, stop_playback | Stop the music; Pauses the music
Stop the music. / Pause the music, please. / Turn off the music. / Pause. / No more music.

set_volume, volume, change_volume | Set the volume; Changes the volume | level/volume/percent: integer
Set the volume to {0}. / Volume {0} / Turn the volume to {0}. / Make it volume {0}. / Change the volume to {0} percent.

get_stock_price, stock_price, stock, quote | Get the price of a stock; Stock price of a company; Share prices | symbol/company/ticker/stock: company
What is the stock price of {0}? / How is {0} stock doing? / Stock price of {0} / Price of {0} shares / How much is a share of {0}? / What is {0} trading at? / Get the {0} stock price.

buy_stock, order_stock | Buy shares of a company | symbol/company/ticker: company; quantity/shares/amount: integer
Buy {1} shares of {0}. / I want to buy {1} {0} shares. / Order {1} shares of {0}. / Get me {1} shares of {0}.

order_food, order_meal, food_order, order | Order food; Orders a dish from a restaurant | dish/item/food: food; quantity/amount/count: integer; restaurant?: place
Order {1} {0}. / I want {1} {0}. / Order {1} {0} from {2}. / Get me {1} {0} from {2}. / Please order {1} {0}. / We need {1} {0} from {2}.

find_restaurant, restaurants, search_restaurants, restaurant_search | Find restaurants; Finds places to eat | city/location/place: place; cuisine/food/type?: cuisine
Find a restaurant in {0}. / Where can I eat in {0}? / Find a {1} restaurant in {0}. / I am hungry in {0}. / Show me {1} restaurants in {0}. / Restaurants in {0} / Where can I get {1} food in {0}?

book_table, reserve_table, reservation, restaurant_reservation | Book a table in a restaurant; Reserves a table | restaurant/name/place: place; people/guests/party_size: integer; time: time
Book a table at {0} for {1} people at {2}. / Reserve a table for {1} at {0} at {2}. / Table for {1} at {0}, {2} / I need a table at {0} for {1} people at {2}. / Get us a table for {1} at {0} at {2}.

get_directions, directions, route, navigate, get_route | Get directions from one place to another; Shows the way; Route between two places | from/origin/start: place; to/destination/end: place
How do I get from {0} to {1}? / Directions from {0} to {1} / Show me the way from {0} to {1}. / Route from {0} to {1} / Navigate from {0} to {1}. / What is the way from {0} to {1}? / Give me directions to {1} from {0}.

get_distance, distance, calculate_distance | Get the distance between two places; Distance of two cities | from/origin/start/city1: place; to/destination/end/city2: place
How far is it from {0} to {1}? / What is the distance between {0} and {1}? / Distance from {0} to {1} / How many km are between {0} and {1}? / How far is {1} from {0}?

book_flight, flight, reserve_flight, buy_flight | Book a flight; Books a flight between two cities | from/origin/departure: place; to/destination/arrival: place; date/day: date
Book a flight from {0} to {1} on {2}. / I want to fly from {0} to {1} on {2}. / Reserve a flight from {0} to {1} for {2}. / I need a flight to {1} from {0} on {2}. / Fly me from {0} to {1} on {2}.

search_flights, find_flights, flights, flight_search | Search flights; Finds flights between two cities | from/origin/departure: place; to/destination/arrival: place
Find flights from {0} to {1}. / Which flights go from {0} to {1}? / Search flights from {0} to {1}. / Show me flights to {1} from {0}. / Are there flights from {0} to {1}?

flight_status, get_flight_status, check_flight | Get the status of a flight; Is a flight on time | flight/flight_number/number: id
Is flight {0} on time? / What is the status of flight {0}? / Status of flight {0} / Is {0} delayed? / Check flight {0}. / When does flight {0} land?

book_hotel, hotel, reserve_hotel, hotel_booking | Book a hotel room; Books a hotel | city/location/place: place; nights/days: integer; guests/people?: integer
Book a hotel in {0} for {1} nights. / I need a hotel in {0} for {1} nights. / Reserve a room in {0} for {1} nights for {2} people. / Hotel in {0}, {1} nights / Get me a hotel room in {0} for {1} nights.

find_hotels, search_hotels, hotels | Find hotels; Search hotels in a city | city/location: place
Find hotels in {0}. / Which hotels are in {0}? / Show me hotels in {0}. / Where can I stay in {0}? / Search hotels in {0}.

book_taxi, order_taxi, taxi, call_taxi, get_ride | Book a taxi; Orders a ride | from/pickup/origin: place; to/destination/dropoff: place
Get me a taxi from {0} to {1}. / Book a taxi from {0} to {1}. / I need a ride from {0} to {1}. / Order a cab from {0} to {1}. / Taxi from {0} to {1}, please.

train_times, get_trains, next_train, train_schedule | Get the trains between two stations; Train timetable | from/origin/station: place; to/destination: place
When does the next train from {0} to {1} leave? / Trains from {0} to {1} / Which trains go from {0} to {1}? / Show me the train times from {0} to {1}. / When can I take a train from {0} to {1}?

turn_on, switch_on, device_on | Turn on a device; Switches a device on | device/name/what: device
Turn on the {0}. / Switch on the {0}. / Turn the {0} on. / {0} on, please. / Can you turn on the {0}?

turn_off, switch_off, device_off | Turn off a device; Switches a device off | device/name/what: device
Turn off the {0}. / Switch off the {0}. / Turn the {0} off. / {0} off, please. / Can you turn off the {0}?

set_light, control_light, light, lights | Set the light of a room; Controls the lights | room: room; state/power: enum:on,off
Turn {1} the light in the {0}. / Light {1} in the {0} / Switch the {0} light {1}. / Lights {1} in the {0}, please. / Turn the {0} lights {1}.

set_light, switch_light, light, set_lamp | Switch a light; Sets the light of a room; Controls a lamp | room/where: room; on/state/enabled/power: switch
Turn {1} the light in the {0}. / Light {1} in the {0} / Switch the {0} light {1}. / Turn the {0} lights {1}. / Switch {1} the lamp in the {0}. / Please turn {1} the {0} light.

set_thermostat, set_temperature, thermostat, heating | Set the thermostat; Sets the temperature of a room | temperature/degrees/value: integer; room?: room
Set the thermostat to {0} degrees. / Heat the {1} to {0} degrees. / Set the temperature to {0}. / Make it {0} degrees in the {1}. / Set the heating to {0}. / I want {0} degrees in the {1}.

lock_door, lock, lock_doors | Lock a door; Locks doors | door/name/which: room
Lock the {0} door. / Lock the door of the {0}. / Please lock the {0}. / Close and lock the {0} door.

add_to_list, add_item, shopping_list, add_to_shopping_list | Add an item to the shopping list; Shopping list | item/product/what: food
Add {0} to the shopping list. / Put {0} on my shopping list. / I need to buy {0}. / We are out of {0}. / Add {0} to my list.

create_note, note, add_note, take_note, save_note | Create a note; Takes a note; Save a note | text/content/note: text
Take a note: {0} / Note that {0}. / Write down: {0} / Make a note saying {0}. / Save the note {0}. / Create a note with the text {0}.

add_task, create_task, todo, add_todo, new_task | Add a task to the todo list; Creates a task | task/title/text: task
Add a task: {0} / I have to {0}. Add it to my tasks. / Put {0} on my todo list. / New task: {0} / Add {0} to my to-do list. / Create a task to {0}.

get_recipe, recipe, find_recipe, recipes | Find a recipe; Get a recipe for a dish | dish/food/name: food
How do I cook {0}? / Give me a recipe for {0}. / Find a {0} recipe. / Recipe for {0} / I want to make {0}. What do I need? / How is {0} made?

get_definition, define, dictionary, define_word, lookup_word | Look up a word in a dictionary; Definition of a word; Defines a word | word/term: word
What does {0} mean? / Define {0}. / What is the meaning of {0}? / Definition of {0} / Look up the word {0}. / What does the word {0} mean?

get_synonyms, synonyms, thesaurus | Find synonyms of a word; Words that mean the same | word/term: word
What is another word for {0}? / Synonyms of {0} / Give me synonyms for {0}. / Which words mean the same as {0}? / Find a synonym of {0}.

read_file, open_file, get_file, cat, load_file | Read a file; Returns the content of a file; Opens a file | path/file/filename: path
Read the file {0}. / Open {0}. / What is in {0}? / Show me the content of {0}. / Read {0}. / Print the file {0}. / Let me see {0}.

write_file, save_file, create_file | Write text to a file; Saves text in a file | path/file/filename: path; content/text: text
Write {1} to {0}. / Save {1} in {0}. / Create the file {0} with the text {1}. / Put {1} into {0}. / Write the text {1} to the file {0}.

delete_file, remove_file, rm | Delete a file; Removes a file | path/file/filename: path
Delete {0}. / Remove the file {0}. / Delete the file {0}. / Get rid of {0}. / Erase {0}, please.

list_files, list_directory, ls, dir | List the files of a folder; Shows what is in a directory | path/folder/directory: path
List the files in {0}. / What is in the folder {0}? / Which files are in {0}? / Show the files in {0}. / ls {0}

search_files, grep, find_in_files, search_code | Search text in files; Finds text in a folder | pattern/text/query: word; path/folder?: path
Search for {0} in {1}. / Find {0} in the files. / Where does {0} occur in {1}? / Grep {0} in {1}. / Which files contain {0}?

run_command, shell, execute, bash, exec | Run a shell command; Executes a command | command/cmd: command
Run {0}. / Execute {0}. / Run the command {0}. / Execute the command {0}, please. / In the shell: {0}

run_query, query_database, sql, execute_sql | Run an SQL query; Queries the database | query/sql/statement: sql
Run the query {0}. / Execute {0} on the database. / Query the database: {0} / Run this SQL: {0}

get_url, fetch_url, fetch, open_page, browse, http_get | Fetch a web page; Opens a page on the web; Gets a URL | url/link/address: url
Open {0}. / Fetch {0}. / Get the page {0}. / What is on {0}? / Load {0}, please. / Show me {0}.

create_issue, open_issue, new_issue, report_bug | Create an issue in the tracker; Reports a bug | title/summary: title; repository/repo/project: word
Open an issue in {1}: {0} / Create an issue {0} in {1}. / Report a bug in {1}: {0} / New issue for {1}: {0}

get_record, get_item, find_by_id, get_by_id, lookup, get_entry | Get a record by its id; Looks up an entry by number; Finds something by id | id/number/record_id: integer
Get the record {0}. / Show me number {0}. / Look up id {0}. / Find the entry with id {0}. / Get {0}. / Show record {0}, please. / What is number {0}?

get_user, find_user, lookup_user, user_info | Get a user; Looks up a user by name or id | name/user/username: name
Who is the user {0}? / Show me the user {0}. / Find user {0}. / Look up {0}. / Get the profile of {0}. / Show the account of {0}.

create_user, add_user, register_user, new_user | Create a user; Adds a new user | name/username: name; email/mail: email
Create a user {0} with the email {1}. / Add user {0}, {1}. / Register {0} with {1}. / New user {0} with mail {1} / Make an account for {0} with email {1}.

delete_user, remove_user | Delete a user; Removes a user | name/user/username: name
Delete the user {0}. / Remove {0} from the users. / Delete the account of {0}. / Remove the user {0}, please.

get_order, order_status, track_order, check_order | Get the status of an order; Where is my order | order_id/order/id/number: id
Where is my order {0}? / What is the status of order {0}? / Track order {0}. / Has order {0} been sent? / Check order {0}. / Status of my order {0}

cancel_order, cancel | Cancel an order | order_id/order/id: id
Cancel order {0}. / Cancel my order {0}. / I do not want order {0} any more. / Please cancel order {0}.

pay_bill, pay_invoice, pay, make_payment | Pay a bill; Pays an invoice | invoice/bill/id: id; amount: number
Pay invoice {0} of {1} dollars. / Pay {1} for the bill {0}. / Pay bill {0}, {1} dollars. / Transfer {1} for invoice {0}.

transfer_money, send_money, transfer, wire | Send money to someone; Transfers money | to/recipient/name: name; amount/sum: number
Send {1} dollars to {0}. / Transfer {1} to {0}. / Give {0} {1} dollars. / Pay {0} {1} dollars. / Wire {1} dollars to {0}.

get_balance, balance, account_balance, check_balance | Get the balance of an account; Account balance | account/account_id/name: id
What is the balance of account {0}? / How much money is in account {0}? / Balance of {0} / Check the balance of account {0}. / How much is on {0}?

split_bill, tip, calculate_tip, tip_calculator | Calculate the tip of a bill | amount/bill/total: number; percent/tip/rate: integer
What is a {1} percent tip on {0} dollars? / Calculate a {1}% tip for {0}. / Tip of {1} percent on {0} / How much is {1} percent tip for a bill of {0}?

get_population, population, city_population | Get the population of a city or country; How many people live somewhere | place/city/country/name: place
How many people live in {0}? / What is the population of {0}? / Population of {0} / How large is the population of {0}? / How many inhabitants does {0} have?

get_capital, capital, capital_of | Get the capital of a country | country: country
What is the capital of {0}? / Capital of {0} / Which city is the capital of {0}? / Tell me the capital of {0}.

get_holidays, holidays, public_holidays | Get the public holidays of a country | country/place: country; year: year
Which holidays does {0} have in {1}? / Holidays in {0} in {1} / When are the public holidays of {0} in {1}? / List the holidays of {0} for {1}.

sunrise, get_sunrise, sunrise_time | Get the time of sunrise; When the sun rises | city/location/place: place
When does the sun rise in {0}? / Sunrise in {0} / What time is sunrise in {0}? / When is sunrise in {0}?

generate_image, create_image, draw, image, make_picture | Generate an image; Draws a picture; Makes an image from a description | prompt/description/text: scene
Draw {0}. / Generate an image of {0}. / Make a picture of {0}. / Paint {0}. / Create an image of {0}. / I want a picture of {0}.

summarize, summarize_text, summary, shorten | Summarize a text; Makes a text shorter | text/content: text
Summarize {0}. / Summarize this: {0} / Make this shorter: {0} / Give me a summary of {0}. / Sum up {0}.

roll_dice, roll, dice | Roll dice; Rolls some dice | count/number/dice: integer; sides: integer
Roll {0} dice with {1} sides. / Throw {0} dice with {1} sides each. / Roll {0} {1}-sided dice.

random_number, random, get_random_number | Get a random number; Picks a number in a range | min/low/from: integer; max/high/to: integer
Give me a random number between {0} and {1}. / Random number from {0} to {1} / Pick a number between {0} and {1}. / Choose a random number from {0} to {1}.

flip_coin, coin_flip, toss_coin | Flip a coin; Heads or tails
Flip a coin. / Heads or tails? / Toss a coin, please. / Let a coin decide.

take_photo, camera, take_picture | Take a photo; Takes a picture with the camera
Take a photo. / Take a picture, please. / Use the camera. / Snap a photo.

get_movie, movie, movie_info, find_movie | Get information about a movie; Finds a movie | title/name/movie: title
Tell me about the movie {0}. / Who plays in the movie {0}? / Find the movie {0}. / When did the film {0} come out? / Information about the movie {0}

find_book, book, search_books, book_search | Find a book; Search books | title/name: title; author?: name
Find the book {0}. / Find the book {0} by {1}. / Is the book {0} by {1} there? / Search the book {0}. / I am looking for the book {0} by {1}.

get_score, score, match_result, sports_score | Get the score of a team; Result of the last match | team/name/club: place
How did {0} play? / What is the score of {0}? / Did {0} win? / Result of {0} / How did the match of {0} end?

log_workout, add_workout, track_workout | Log a workout; Saves a workout | activity/type/exercise: activity; minutes/duration: integer
I did {1} minutes of {0}. / Log {1} minutes of {0}. / Add a workout: {0}, {1} minutes / Track {1} minutes of {0}.

check_spelling, spell_check, spelling | Check the spelling of a text | text/word: word
Is {0} spelled right? / Check the spelling of {0}. / Spell check: {0} / Did I spell {0} correctly?
""")

HELD_OUT_EVERYDAY = _read("""
get_air_quality, air_quality | Get the air quality of a city; Air quality index | city/area: place
How is the air quality in {0}? / What is the air quality in {0}? / Air quality in {0} / Is the air quality good in {0}? / Tell me the air quality in {0}.

get_pollen_count, pollen_count, pollen | Get the pollen count; Pollen in the air of a place | town/region: place
What is the pollen count in {0}? / How much pollen is in {0}? / Pollen count for {0} / Is there much pollen in {0}? / Tell me the pollen count in {0}, please.

get_tides, tides, tide_table | Get the tides of a harbor; Times of high and low tide | harbor/port: place
When is high tide in {0}? / Show me the tides for {0}. / What are the tides in {0}? / When is low tide in {0}? / Tides of {0}

snow_report, get_snow_report, ski_report | Get the snow report of a resort; Snow on the slopes | resort/mountain: place
How much snow is in {0}? / Snow report for {0} / Give me the snow report of {0}. / Is there snow in {0}?

post_tweet, tweet, publish_tweet | Post a tweet; Publishes a tweet | content/status: text
Tweet {0}. / Post a tweet saying {0}. / Publish the tweet {0}. / Post the tweet {0}, please.

rent_bike, bike_rental, hire_bike | Rent a bike; Rents a bike at a station | station/stop: place; hours: integer
Rent a bike at {0} for {1} hours. / I need a bike at {0} for {1} hours. / Get me a bike at {0} for {1} hours. / Bike for {1} hours at {0}, please.

find_parking, parking, search_parking | Find parking; Free parking near a place | near/street: place
Find parking near {0}. / Where is parking near {0}? / I need parking near {0}. / Parking near {0}? / Search parking near {0}, please.

book_haircut, haircut, haircut_appointment | Book a haircut; Appointment at the barber | salon/barber: name; hour/at: time
Book a haircut with {0} at {1}. / I need a haircut at {1} with {0}. / Haircut with {0} at {1}, please. / Get me a haircut with {0} at {1}.

get_horoscope, horoscope, daily_horoscope | Get the horoscope of a sign; Today's horoscope | sign/zodiac: enum:aries,leo,virgo,libra
What is the horoscope for {0}? / Horoscope for {0} / Tell me the horoscope of {0}. / Give me today's horoscope for {0}.

track_parcel, parcel_status, find_parcel | Track a parcel; Where a parcel is | tracking_number/tracking_code: id
Where is my parcel {0}? / Track parcel {0}. / Has the parcel {0} arrived? / What is the status of parcel {0}? / Track my parcel {0}, please.

water_plants, irrigate, start_sprinkler | Water the plants; Starts the sprinkler in the garden | liters/amount: integer
Water the plants with {0} liters. / Give the plants {0} liters of water. / Please water the plants with {0} liters. / {0} liters for the plants

feed_pet, pet_feeder, give_pet_food | Feed a pet; Gives food to a pet | pet/pet_name: name; grams/portion: integer
Feed my pet {0} with {1} grams. / Give my pet {0} {1} grams of food. / Feed the pet {0} {1} grams. / {1} grams for the pet {0}, please.

scan_voucher, validate_voucher, check_voucher | Scan a voucher; Checks whether a voucher is valid | voucher_code/barcode: id
Scan the voucher {0}. / Is the voucher {0} valid? / Check voucher {0}. / Validate the voucher {0}, please.

donate, make_donation, give_donation | Donate money to a charity; Makes a donation | charity/organization: place; euros/sum_donated: number
Donate {1} euros to {0}. / I want to donate {1} to {0}. / Make a donation of {1} euros to {0}. / Please donate {1} euros to {0}.

start_vacuum, vacuum, clean_room | Start the vacuum robot; Vacuums a room | area/zone: room
Vacuum the {0}. / Start the vacuum in the {0}. / Let the robot vacuum the {0}. / Please vacuum the {0}.

charge_car, start_charging, car_charger | Charge the car; Charges the electric car | target_percent/limit_percent: integer
Charge the car to {0} percent. / Charge my car up to {0} percent. / Start charging the car to {0} percent. / Please charge the car to {0} percent.
""")

# Tools that are never offered together: a request might mean either.
ALIKE = [set(line.split()) for line in """
get_weather get_forecast get_temperature
calculate add multiply subtract split_bill random_number
play_music play_artist
search get_news get_movie find_book get_definition get_user
send_email send_message call
set_alarm set_timer create_reminder create_event
create_reminder create_note add_task add_to_list
convert_currency exchange_rate convert_units
turn_on turn_off set_light set_thermostat set_volume
book_flight search_flights flight_status
book_hotel find_hotels
order_food add_to_list
transfer_money pay_bill
read_file get_url get_order list_files
run_command run_query
get_order cancel_order track_parcel
check_spelling get_definition get_synonyms
get_time get_date
get_directions book_taxi
get_tides get_air_quality
""".strip().splitlines()]

# The same for things that nobody has heard of ({n}): what counts is that the request names them.
PATTERNS = _read("""
get_{n}, {n}, show_{n}, check_{n} | Get the {n} of a place; {n} of a city; Shows the {n} | city/area/town/region/place: place
What is the {n} in {0}? / How is the {n} in {0}? / {n} in {0} / Tell me the {n} in {0}. / Is the {n} good in {0}? / How much {n} is in {0}? / Is there {n} in {0}? / {n} for {0} / Show me the {n} of {0}. / Give me the {n} for {0}.

get_{n}, {n}_times, {n}_table, next_{n} | Get the times of the {n}; When the {n} is | place/port/stop/harbor/where: place
When is the {n} in {0}? / When is the next {n} in {0}? / What are the {n} times in {0}? / {n} times of {0} / When does the {n} come to {0}?

find_{n}, {n}_search, search_{n}, {n} | Find a {n}; {n} near a place | near/street/city/around: place
Find a {n} near {0}. / Where is a {n} near {0}? / I need a {n} near {0}. / {n} near {0} / Search {n} near {0}. / Where can I find {n} near {0}?

book_{n}, {n}, {n}_appointment, reserve_{n} | Book a {n}; Appointment for a {n} | with/name/person/at: name; time/hour/when: time
Book a {n} with {0} at {1}. / I need a {n} at {1} with {0}. / {n} with {0} at {1}, please. / Get me a {n} with {0} at {1}.

rent_{n}, {n}_service, get_{n}, hire_{n} | Rent a {n}; Gives a {n} for some hours | place/station/from/at: place; hours/days/duration: integer
I need a {n} at {0} for {1} hours. / Get me a {n} at {0} for {1} days. / {n} for {1} hours at {0}, please. / Can I have a {n} in {0} for {1} days?

track_{n}, {n}_status, find_{n}, get_{n}_status | Track a {n}; Where a {n} is; Status of a {n} | id/number/code/tracking_id: id
Where is my {n} {0}? / Track {n} {0}. / Has the {n} {0} arrived? / What is the status of {n} {0}? / Track my {n} {0}, please. / Status of {n} {0}

check_{n}, validate_{n}, {n}_valid, test_{n} | Check a {n}; Says whether a {n} is valid | code/number/id: id
Check the {n} {0}. / Is the {n} {0} valid? / Check {n} {0}. / Is {n} {0} right? / Test the {n} {0}, please.

post_{n}, {n}, publish_{n}, write_{n}, add_{n} | Post a {n}; Writes a {n} | text/content/body/message: text
Post a {n} saying {0}. / Write a {n}: {0} / Add the {n} {0}. / Make a {n} that says {0}. / Send the {n} {0}, please. / New {n}: {0}

get_{n}, {n}, daily_{n} | Get the {n} of the day; Today's {n} | kind/sign/type/category: enum:red,blue,green,gold
What is the {n} for {0}? / {n} for {0} / Tell me the {n} of {0}. / Give me today's {n} for {0}. / Show me the {0} {n}.

set_{n}, adjust_{n}, change_{n}, {n}_control | Set the {n}; Changes the {n} | level/value/percent/degrees: integer
Set the {n} to {0}. / Change the {n} to {0} percent. / Turn the {n} to {0}. / Make the {n} {0}. / {n} to {0} percent, please. / I want the {n} at {0}.

start_{n}, run_{n}, {n}_on, use_{n} | Start the {n} in a room; Runs the {n} | room/area/zone/where: room
Start the {n} in the {0}. / Let the {n} run in the {0}. / {n} in the {0}, please. / Turn on the {n} in the {0}. / Use the {n} in the {0}.

give_{n}, feed_{n}, {n}_feeder, pour_{n} | Give something to the {n}; Feeds the {n} | name/who/which: name; grams/liters/amount/portion: integer
Give the {n} {0} {1} grams. / Give my {n} {0} {1} grams of food. / {1} liters for the {n} {0}, please. / Feed my {n} {0} with {1} grams.

pay_{n}, {n}, buy_{n}, {n}_payment | Pay for a {n}; Pays money for the {n} | to/receiver/place/shop: place; euros/dollars/sum/amount: number
Pay {1} euros to {0} for the {n}. / I want to pay {0} {1} euros for the {n}. / {n} payment of {1} euros to {0} / Buy a {n} from {0} for {1} euros. / Make a {n} payment of {1} to {0}.

explain_{n}, {n}_info, describe_{n}, {n}_details | Information about a {n}; Details of a {n} | name/title/which: title
Tell me about the {n} {0}. / What do you know about the {n} {0}? / Information about the {n} {0} / Who made the {n} {0}? / Describe the {n} {0}.

list_{n}, all_{n}, get_{n}, show_{n} | List the {n}; All the {n}
List the {n}. / Show me the {n}. / What {n} do we have? / Which {n} are there? / Give me all the {n}, please. / I want to see the {n}.

count_{n}, {n}_count, number_of_{n} | Count the {n}; How many {n} there are | place/where/city: place
How many {n} are in {0}? / Count the {n} in {0}. / Number of {n} in {0} / How many {n} does {0} have?
""")


def invented(rng: Random) -> Everyday:
    """One of the patterns, for some noun."""
    pattern, noun = rng.choice(PATTERNS), new_noun(rng)

    def fill(texts: tuple[str, ...], word: str) -> tuple[str, ...]:
        return tuple(text.replace("{n}", word) for text in texts)

    spoken = noun.replace("_", " ")
    requests = tuple(text[0].upper() + text[1:] for text in fill(pattern.requests, spoken))
    return replace(pattern, names=fill(pattern.names, noun), descriptions=tuple(d[0].upper() + d[1:] for d in fill(pattern.descriptions, spoken)), requests=requests, nouns=tuple(noun.split("_")))


@dataclass(frozen=True)
class Named:
    """One of these tools with the names that it has in one conversation."""

    tool: Everyday
    name: str
    description: str
    parameters: tuple[str, ...]
    more: tuple[tuple[str, str], ...] = ()  # optional ones, by name and kind, of which no request speaks

    def openai(self) -> dict:
        pairs = list(zip(self.parameters, self.tool.parameters))
        parameters = {"type": "object", "properties": {name: schema(kind) for name, kind in [*((name, p.kind) for name, p in pairs), *self.more]}, "required": [name for name, p in pairs if p.required]}
        return {"type": "function", "function": {"name": self.name, "description": self.description, "parameters": parameters}}

    def request(self, rng: Random) -> tuple[str, dict]:
        """What a user says, and the call that it means."""
        template = rng.choice(self.tool.requests)
        given: dict[str, object] = {}
        said: list[str] = []
        for i, (name, parameter) in enumerate(zip(self.parameters, self.tool.parameters)):
            found, words = value(rng, parameter.kind)
            said.append(words)
            if f"{{{i}}}" in template:
                given[name] = found
        text = template.format(*said)
        if rng.random() < 0.15:
            text = text[0].lower() + text[1:]
        if rng.random() < 0.15 and text[-1] in ".?":
            text = text[:-1]
        elif rng.random() < 0.1:
            text = rng.choice(["Please ", "Hey, ", "Can you help? ", "OK, ", "Now: "]) + text
        return text, {"name": self.name, "arguments": given}

    def close_to(self, other: "Named") -> bool:
        """Whether a request might mean either."""
        mine, others = self.tool.names[0], other.tool.names[0]
        return mine == others or self.name == other.name or bool({*self.tool.nouns} & {*other.tool.nouns}) or any(mine in group and others in group for group in ALIKE)


MORE = [("unit", "enum:celsius,fahrenheit"), ("units", "enum:metric,imperial"), ("language", "text"), ("limit", "integer"), ("format", "enum:short,long"), ("verbose", "boolean"), ("user_id", "id"), ("country", "country"),
        ("max_results", "integer"), ("source", "text"), ("timezone", "text"), ("note", "text")]


def everyday(rng: Random, held_out: bool = False) -> Named:
    tool = rng.choice(HELD_OUT_EVERYDAY) if held_out else rng.choice(EVERYDAY) if rng.random() < 0.4 else invented(rng)
    name = tool.names[0] if rng.random() < 0.5 else rng.choice(tool.names)
    parameters = tuple(p.names[0] if rng.random() < 0.5 else rng.choice(p.names) for p in tool.parameters)
    more = [pair for pair in rng.sample(MORE, rng.choice([1, 1, 2])) if pair[0] not in parameters] if rng.random() < 0.2 else []
    return Named(tool, name, rng.choice(tool.descriptions), parameters, tuple(more))
