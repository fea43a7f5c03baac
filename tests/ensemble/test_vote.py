"""Vote: what most say, for what it takes to know it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra import (
    AllFailed,
    BudgetExceeded,
    ConfigError,
    Failure,
    ModelError,
    Request,
    Response,
    Unavailable,
)
from orchestra.ensemble import Answers, Cascade, Vote
from orchestra.ensemble.ballot import Rules
from orchestra.ensemble.cascade import Agreement
from orchestra.ensemble.vote import Given
from orchestra.ensemble.weights import EVEN
from orchestra.testing import Scripted
from orchestra.types import Chunk, Model

from .support import Purse


def panel(*answers: Any, **options: Any) -> tuple[tuple[str, Model], ...]:
    return tuple((f"m{n}", Scripted(answer, name=f"m{n}", **options)) for n, answer in enumerate(answers))


def asked(models: Sequence[tuple[str, Any]]) -> list[str]:
    return [name for name, model in models if model.requests]


async def test_the_majority_answers_with_its_share_and_all_votes() -> None:
    """The spec's three values, whether it is enough, and who said what."""
    response = await Vote(panel("$49.99", "41", "49.99 USD"))(Request())
    assert response.text == "$49.99"
    assert response.result == {"result": "$49.99", "confidence": 2 / 3, "votes": {"$49.99": 2, "41": 1}, "agreed": True}
    assert response.success
    assert [getattr(source, "name", None) for source in response.sources] == ["m0", "m1", "m2"]
    assert "3 members: 2 × $49.99, 1 × 41" in response.note


async def test_a_failure_is_listed_and_is_no_vote() -> None:
    """The share is of those named: two of three agree, the third is down."""
    response = await Vote(panel("4", Unavailable("down"), "4"))(request := Request())
    assert (response.text, response.result["confidence"], response.success) == ("4", 2 / 3, True)
    assert isinstance(response.sources[1], Failure)
    assert "m1 failed" in response.note
    assert len(request.journal) == 3


async def test_too_little_agreement_gives_the_plurality_marked_as_such() -> None:
    """Below `min_agreement` with nobody else to ask; a tie goes to the first-listed."""
    response = await Vote(panel("1", "2", "3"))(Request())
    assert (response.text, response.success, response.result["agreed"]) == ("1", False, False)
    assert "0.33 is less than 0.67" in response.note


async def test_otherwise_a_stronger_model_answers() -> None:
    """It may stream: its answer is the last word; the panel stays in the sources."""
    strong = Scripted("2", name="strong")

    class Sink:
        started = False

        async def push(self, chunk: Chunk) -> None:
            self.started = True

    sink = Sink()
    response = await Vote(panel("1", "2", "3"), otherwise=("strong", strong))(Request(sink=sink))
    assert (response.text, response.model, response.success) == ("2", "strong", True)
    assert response.result == {"result": "2", "confidence": 1 / 3, "votes": {"1": 1, "2": 1, "3": 1}, "agreed": False}
    assert sink.started
    assert strong.requests[0].path == ("strong",)
    assert len(response.sources) == 4


async def test_where_the_stronger_model_fails_the_plurality_stands() -> None:
    """Marked as not agreed; the failure is listed."""
    response = await Vote(panel("1", "2", "3"), otherwise=("s", Scripted(Unavailable("down"))))(Request())
    assert (response.text, response.success) == ("1", False)
    assert "s failed" in response.note
    with pytest.raises(Unavailable):
        await Vote(panel(Unavailable("a"), Unavailable("b")), otherwise=("s", Scripted(Unavailable("down"))))(Request())


async def test_abstaining_and_the_best_member() -> None:
    """No answer at all, or that of the member of the highest weight."""
    none = await Vote(panel("1", "2", "3"), otherwise="abstain")(Request())
    assert (none.text, none.result["result"], none.success) == ("", None, False)
    best = await Vote(panel("1", "2", "3"), otherwise="best", weigh=Given({"m2": 2}))(Request())
    assert (best.text, best.result["agreed"]) == ("3", False)


async def test_nobody_voted() -> None:
    """All errors are kept; a text without an answer is one."""
    vote = Vote(panel(Unavailable("down"), "no field"), Answers(field="answer"))
    with pytest.raises(AllFailed, match="none of the 2 members voted") as caught:
        await vote(Request())
    assert [type(error) for error in caught.value.exceptions] == [Unavailable, Unavailable]


async def test_staged_asks_as_many_as_can_decide_and_more_when_they_differ() -> None:
    """Two that agree settle a trio; the third is asked when they do not."""
    models = panel("4", "4", "5")
    response = await Vote(models, stop="decided")(Request())
    assert (asked(models), response.text, response.result["confidence"]) == (["m0", "m1"], "4", 2 / 3)
    assert "1 not needed" in response.note
    models = panel("4", "5", "5")
    assert (await Vote(models, stop="decided")(Request())).text == "5"
    assert asked(models) == ["m0", "m1", "m2"]


async def test_launched_together_the_rest_is_closed_once_it_is_decided() -> None:
    """The third was asked, is cancelled, and booked."""
    models = (*panel("4", "4"), ("slow", Scripted("5", name="slow", delay_s=60)))
    response = await Vote(models, stop="decided", launch="all")(request := Request())
    assert response.text == "4"
    assert sorted(attempt.error or "" for attempt in request.journal) == ["", "", "CancelledError"]


async def test_a_vote_that_can_not_reach_agreement_goes_on_to_the_stronger_model() -> None:
    """No winner is waited for that would be passed over."""
    models = panel("1", "2", "3", "4", "5")
    response = await Vote(models, min_agreement=0.8, stop="decided", otherwise=("s", Scripted("9")))(Request())
    assert response.text == "9"
    assert asked(models) == ["m0", "m1", "m2", "m3"]


async def test_a_bare_number_decides_nothing_that_a_unit_may_undo() -> None:
    """ "5" and "$5" are one answer until "€5" comes: the third is waited for."""
    models = panel("5", "$5", "€5")
    early = await Vote(models, stop="decided")(Request())
    full = await Vote(panel("5", "$5", "€5"))(Request())
    assert asked(models) == ["m0", "m1", "m2"]
    assert (early.text, early.success) == (full.text, full.success) == ("5", False)


async def test_samples_of_one_model_vote() -> None:
    """Each is another sample of the same request, so that no cache makes them one."""
    model = Scripted(["4", "5", "4"], name="m")
    response = await Vote((("m", model),), samples=3)(Request(sample=1))
    assert (response.text, response.result["votes"]) == ("4", {"4": 2, "5": 1})
    assert [request.sample for request in model.requests] == [3, 4, 5]
    assert [request.path for request in model.requests] == [("m#1",), ("m#2",), ("m#3",)]


async def test_weights_decide() -> None:
    """Two light ones do not outvote a heavy one; weight 0 is not asked where it need not be."""
    weigh = Given({"m0": 3, "m3": 0})
    assert (await Vote(panel("1", "2", "2", "2"), weigh=weigh, min_agreement=0.5)(Request())).text == "1"
    models = panel("1", "2", "1", "1")
    await Vote(models, weigh=weigh, min_agreement=0.5, stop="decided")(Request())
    assert "m3" not in asked(models)


async def test_money_for_the_first_wave_is_held_together_and_no_room_for_the_second_ends_the_vote() -> None:
    """Refused at first, nothing is asked; refused later, those who voted decide."""
    with pytest.raises(BudgetExceeded):
        await Vote(panel("1", "2", "3"))(Request(budgets=Purse("0.002")))
    response = await Vote(panel("1", "2", "3"), stop="decided")(Request(budgets=Purse("0.002")))
    assert (response.text, response.success) == ("1", False)
    assert isinstance(response.sources[2], Failure)


async def test_a_vote_is_recorded_without_what_was_said() -> None:
    """Who voted alike, who won, what each cost."""
    kept: list[Mapping[str, Any]] = []
    await Vote(panel("4", "5", "4.0"), record=kept.append)(Request(id="r", path=("p",), task_type="chat"))
    assert kept == [
        {
            "request": "r",
            "path": ["p"],
            "task": "chat",
            "members": ["m0", "m1", "m2"],
            "groups": [0, 1, 0],
            "winner": 0,
            "full": True,
            "costs": ["0.001"] * 3,
        }
    ]


@pytest.mark.parametrize(
    ("said", "options", "winner"),
    [
        (("1", "2", "3"), {}, 0),
        (("1", "2", "3"), {"otherwise": ("strong", Scripted("9"))}, None),
        (("1", "2", "3"), {"otherwise": ("strong", Scripted("3.0"))}, 2),
        (("1", "2", "3"), {"otherwise": "abstain"}, None),
        (("1", "2", "3"), {"otherwise": "best", "weigh": Given({"m1": 2})}, 1),
    ],
)
async def test_the_winner_that_is_recorded_is_whose_answer_was_given(
    said: Sequence[str], options: dict[str, Any], winner: int | None
) -> None:
    """A score of the request is of that answer, and not of the plurality that another spoke for."""
    kept: list[Mapping[str, Any]] = []
    await Vote(panel(*said), record=kept.append, **options)(Request())
    assert [ballot["winner"] for ballot in kept] == [winner]


async def test_a_vote_that_may_be_passed_over_is_credited_with_nothing() -> None:
    """In a cascade or another vote the score of the request may be of somebody else's answer."""
    kept: list[Mapping[str, Any]] = []
    inner = Vote(panel("4", "4", "5"), record=kept.append, stop="decided")
    strong = ("strong", Scripted("9"))
    assert (await Cascade((("inner", inner), strong), Agreement(1.0))(Request())).text == "9"
    await Vote((("inner", inner), strong))(Request())
    await Cascade((strong, ("inner", inner)))(Request())
    assert [(ballot["winner"], ballot["full"]) for ballot in kept] == [(None, False), (None, False), (0, False)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"models": panel("1")},
        {"models": panel("1", "2"), "min_agreement": 1.5},
        {"models": panel("1", "2"), "launch": "staged"},
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    """Before anything is asked."""
    with pytest.raises(ConfigError):
        Vote(**wrong)


replies = st.sampled_from(["1", "1.0", "$1", "€1", "2", "3", "", "fail"])
polls = st.lists(st.tuples(replies, st.integers(0, 3), st.integers(0, 4)), min_size=2, max_size=6).filter(
    lambda poll: any(weight for _, weight, _ in poll)
)


def models_of(poll: Sequence[tuple[str, int, int]]) -> tuple[tuple[str, Model], ...]:
    def member(n: int, reply: str, turns: int) -> Model:
        own = Scripted(Unavailable("down") if reply == "fail" else reply, name=f"m{n}")

        async def model(request: Request) -> Response:
            for _ in range(turns):
                await asyncio.sleep(0)
            return await own(request)

        return model

    return tuple((f"m{n}", member(n, reply, turns)) for n, (reply, _, turns) in enumerate(poll))


async def outcome(vote: Vote) -> tuple[Any, ...]:
    request = Request(budgets=Purse())
    try:
        response = await vote(request)
    except ModelError as error:
        return (type(error),)
    key = Answers().read(response)
    return (None if key is None else getattr(key.key, "value", key.key), response.result["agreed"], response.success)


@settings(max_examples=200, report_multiple_bugs=False)
@given(
    polls,
    st.sampled_from([0.0, 0.34, 0.5, 0.67, 0.8, 1.0]),
    st.sampled_from(["all", "staged"]),
    st.sampled_from([None, "abstain", "best", "strong"]),
    st.sampled_from([0, EVEN]),
)
def test_early_stop_is_the_full_vote(
    poll: Sequence[tuple[str, int, int]], least: float, launch: Any, otherwise: Any, even: int
) -> None:
    """Whatever they say, at whatever weight and pace: the same answer, agreed or not, from no more calls."""
    weights = {f"m{n}": even + weight for n, (_, weight, _) in enumerate(poll)}

    async def run(**options: Any) -> tuple[tuple[Any, ...], int]:
        then = ("strong", Scripted("9", name="strong")) if otherwise == "strong" else otherwise
        models = models_of(poll)
        calls = 0

        def counted(model: Model) -> Model:
            async def one(request: Request) -> Response:
                nonlocal calls
                calls += 1
                return await model(request)

            return one

        vote = Vote(
            tuple((name, counted(model)) for name, model in models),
            min_agreement=least,
            otherwise=then,
            weigh=Given(weights),
            **options,
        )
        return await outcome(vote), calls

    full, all_calls = asyncio.run(run())
    early, calls = asyncio.run(run(stop="decided", launch=launch))
    assert early == full
    assert calls <= all_calls


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.sampled_from([None, "a", "b", "c"]), st.integers(0, 60)), min_size=2, max_size=9),
    st.sampled_from([0.13, 0.5, 0.63, 0.67, 1.0]),
)
def test_weights_that_only_break_ties_break_ties_only(poll: Sequence[tuple[str | None, int]], least: float) -> None:
    """The largest camp wins, with the plain vote's share and agreement; of several the one that weighs most."""
    keys = [key for key, _ in poll]
    ours = Rules(tuple(EVEN + weight for _, weight in poll), least).count(keys)
    plain = Rules((1,) * len(poll), least).count(keys)
    if ours is None or plain is None:
        assert ours is plain is None
        return
    assert (ours.share, ours.agreed) == (plain.share, plain.agreed)
    camps = {key: [weight for own, weight in poll if own == key] for key in keys if key is not None}
    key = keys[ours.voters[0]]
    size = max(map(len, camps.values()))
    assert key is not None
    won = camps[key]
    assert len(won) == size
    assert sum(won) == max(sum(camp) for camp in camps.values() if len(camp) == size)


@settings(max_examples=60)
@given(polls, st.randoms())
def test_a_permutation_changes_nothing_but_ties(poll: list[tuple[str, int, int]], random: Any) -> None:
    """The winner of most weight wins in every order; among equals the first-listed does."""
    order = list(range(len(poll)))
    random.shuffle(order)

    async def run(members: Sequence[int]) -> tuple[Any, Any]:
        models = models_of(poll)
        weights = {f"m{n}": poll[n][1] for n in members}
        try:
            response = await Vote(tuple(models[n] for n in members), weigh=Given(weights))(Request())
        except ModelError:
            return None, None
        return response.result["confidence"], sorted(response.result["votes"].values())

    assert asyncio.run(run(order)) == asyncio.run(run(list(range(len(poll)))))
