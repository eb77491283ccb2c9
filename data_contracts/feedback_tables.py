"""What became of what was shown: exposures, outcomes with the exposure they are credited to, and their sums by day.

People are pseudonyms in ``exposures``, as the server's log has them, and the ids of the events elsewhere.
"""

from data_contracts.table import Column, Table, id_column, text_column

OUTCOMES = ("click", "add", "purchase")  # the event types that are credited
BAD = ("returns", "unavailable_clicks")  # kinds of bad outcomes: of purchases, and of clicks on recommendations


def _count(name: str, description: str) -> Column:
    return Column(name=name, kind="int", minimum=0, description=description)


def _share(name: str, description: str) -> Column:
    return Column(name=name, kind="float", nullable=True, minimum=0, description=description)


EXPOSURES = Table(
    name="exposures",
    description="What the server showed: one row per item of an answer, partitioned by tenant and UTC day.",
    key=("request_id", "item_id"),
    columns=(
        id_column("request_id", "The answer."),
        Column(name="ts", kind="timestamp", description="When it was given, by the server's clock, UTC."),
        Column(name="surface", kind="string", description="Where (home, pdp, cart)."),
        Column(name="endpoint", kind="string", description="Which endpoint answered."),
        Column(name="segment", kind="string", description="The segment whose lists were used."),
        text_column("user", "Pseudonym of the user; empty without full consent."),
        text_column("anonymous", "Pseudonym of the anonymous id."),
        text_column("session", "Pseudonym of the session."),
        id_column("item_id", "What was shown."),
        Column(name="rank", kind="int", minimum=1, description="On which place of the answer, from 1."),
        Column(name="score", kind="float", description="The score that put it there."),
        Column(name="source", kind="string", description="The candidate source that proposed it."),
        Column(name="propensity", kind="float", description="The probability with which it was put there."),
        _count("generation", "The generation that answered."),
        Column(name="algo_version", kind="string", description="The code that ranked."),
        Column(name="config_version", kind="string", description="The tenant document that ranked."),
        text_column("experiment_id", "The experiment that the answer belongs to."),
        text_column("variant", "Its arm."),
        _count("fallback_level", "How thin the data was, from 0."),
    ),
)

ATTRIBUTIONS = Table(
    name="attributions",
    description="Every outcome, with the exposure that it is credited to, by the outcome's UTC day.",
    key=("event_id",),
    columns=(
        id_column("event_id", "The outcome."),
        Column(name="ts", kind="timestamp", description="When it happened, UTC."),
        Column(name="type", kind="string", one_of=OUTCOMES, description="What happened."),
        id_column("user_id", "The person, anonymous ids that logged in merged; empty if unknown.", nullable=True),
        id_column("item_id", "On which item."),
        Column(
            name="method",
            kind="string",
            nullable=True,
            one_of=("request", "touch"),
            description="By its own request id, or by the person's last touch; empty: not credited.",
        ),
        id_column("request_id", "The answer that it is credited to.", nullable=True),
        id_column("touch_id", "The event that tied it to that answer; the outcome itself by `request`.", nullable=True),
        Column(name="exposed_at", kind="timestamp", nullable=True, description="When the item was shown, UTC."),
        text_column("surface", "Where it was shown."),
        Column(name="rank", kind="int", nullable=True, minimum=1, description="On which place."),
        text_column("source", "The candidate source that proposed it."),
        Column(name="generation", kind="int", nullable=True, minimum=0, description="The generation that answered."),
        text_column("experiment_id", "The experiment of that answer."),
        text_column("variant", "Its arm."),
        Column(name="amount_minor", kind="int", nullable=True, minimum=0, description="What was paid, minor units."),
    ),
)

FUNNEL = Table(
    name="funnel",
    description=(
        "Per UTC day and surface: what was shown that day, and the outcomes of that day that are credited there. "
        "Clicks, adds and purchases count the places of answers that had one; shares are of `items`."
    ),
    key=("day", "surface"),
    columns=(
        Column(name="day", kind="timestamp", description="Where the day begins, UTC."),
        Column(name="surface", kind="string", description="Where."),
        _count("requests", "Answers with at least one item."),
        _count("items", "Items that were shown."),
        _count("users", "People who saw them: by user, else anonymous id, else session; those without any left out."),
        _count("clicks", "Places that were clicked."),
        _share("ctr", "Clicks per item shown."),
        _count("adds", "Places whose item was put into a cart."),
        _share("add_rate", "Adds per item shown."),
        _count("purchases", "Places whose item was bought."),
        _share("conversion", "Purchases per item shown."),
        _count("revenue_minor", "What was paid in credited purchases, in minor units of the tenant's currency."),
        _share("revenue_per_user", "Minor units per person who saw something."),
    ),
)

VOLUMES = Table(
    name="volumes",
    description="How many events of each type there were, by hour.",
    key=("hour", "type"),
    columns=(
        Column(name="hour", kind="timestamp", description="Where the hour begins, UTC."),
        Column(name="type", kind="string", description="The event type."),
        Column(name="events", kind="int", minimum=1, description="How many."),
    ),
)

BAD_OUTCOMES = Table(
    name="bad_outcomes",
    description=(
        "How purchases and clicks of the last weeks turned out, as far as it was known at the end of the day. Beside "
        "it stand `bad_outcomes_evaluated` and `bad_outcomes_served`, of a fit's window, where a surface has penalties."
    ),
    key=("kind", "day", "item_id", "surface"),
    columns=(
        Column(
            name="kind",
            kind="string",
            one_of=BAD,
            description="Purchases that came back or were cancelled, or clicks on what could not be bought.",
        ),
        Column(name="day", kind="timestamp", description="Where the day of the purchases or clicks begins, UTC."),
        id_column("item_id", "Of which item."),
        Column(name="surface", kind="string", description="Where they are credited; empty: to no recommendation."),
        Column(name="outcomes", kind="int", minimum=1, description="Purchases, or clicked places of answers."),
        _count("bad", "How many of them turned out badly."),
    ),
)
