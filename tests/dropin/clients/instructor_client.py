"""instructor, as its documentation uses it: extraction, modes, streams, validation retries, errors."""

from __future__ import annotations

from typing import Any

import instructor
import litellm
from observing import MODEL, observe, report
from pydantic import BaseModel, field_validator


class Person(BaseModel):
    name: str
    age: int


class Adult(Person):
    @field_validator("age")
    @classmethod
    def _grown(cls, age: int) -> int:
        if age < 18:
            raise ValueError("an adult is 18 or older")
        return age


def asked(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


client = instructor.from_litellm(litellm.completion)
json_client = instructor.from_litellm(litellm.completion, mode=instructor.Mode.JSON)
async_client = instructor.from_litellm(litellm.acompletion)


@observe
def tools() -> Any:
    return client.create(model=MODEL, response_model=Person, messages=asked("person")).model_dump()


@observe
def json_mode() -> Any:
    return json_client.create(model=MODEL, response_model=Person, messages=asked("json")).model_dump()


@observe
def from_provider() -> Any:
    found = instructor.from_provider(f"litellm/{MODEL}")
    return found.create(model=MODEL, response_model=Person, messages=asked("person")).model_dump()


@observe
async def asynchronous() -> Any:
    return (await async_client.create(model=MODEL, response_model=Person, messages=asked("person"))).model_dump()


@observe
def with_completion() -> Any:
    person, raw = client.create_with_completion(model=MODEL, response_model=Person, messages=asked("person"))
    return person.model_dump(), type(raw).__qualname__, raw.usage.model_dump(), raw.choices[0].finish_reason


@observe
async def iterable_stream() -> Any:
    people = async_client.create_iterable(model=MODEL, response_model=Person, messages=asked("people"))
    return [person.model_dump() async for person in people]


@observe
async def partial_stream() -> Any:
    stream = async_client.create_partial(model=MODEL, response_model=Person, messages=asked("person"))
    return [part.model_dump() async for part in stream]


@observe
def asks_again_after_a_wrong_answer() -> Any:
    return client.create(model=MODEL, response_model=Adult, messages=asked("child"), max_retries=2).model_dump()


@observe
def rate_limit() -> Any:
    return client.create(model=MODEL, response_model=Person, messages=asked("RATE_LIMITED"), max_retries=0)


@observe
def bad_key() -> Any:
    return client.create(model=MODEL, response_model=Person, messages=asked("UNAUTHORIZED"), max_retries=0)


report()
