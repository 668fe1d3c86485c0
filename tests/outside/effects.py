"""The outside of the test programs: what it does can be seen in a file, so doing a thing twice is noticed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any


def append(text: str) -> int:
    """Append a line to the effects file; returns its length."""
    with open(os.environ["EFFECTS"], "a") as file:
        file.write(f"{text}\n")
    return len(text)


def lines() -> list[str]:
    """Return the lines of the effects file: what an outside service would answer."""
    try:
        with open(os.environ["EFFECTS"]) as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []


def fresh() -> list[str]:
    """Return a new list, and say so: a default that comes from outside."""
    append("fresh")
    return ["fresh"]


def give(value: Any) -> Any:
    """Return a value as it is."""
    return value


def fail(error: BaseException) -> None:
    """Raise an error."""
    raise error


def fail_until(name: str, succeeds_at: int) -> int:
    """Fail until it is called the ``succeeds_at``-th time, by its own count in the effects file."""
    append(name)
    calls = lines().count(name)
    if calls < succeeds_at:
        raise ConnectionError(f"{name}: call {calls} fails")
    return calls


def change(items: Any) -> None:
    """Change what it is given."""
    if isinstance(items, list):
        items.append("changed")
    elif isinstance(items, dict):
        items["changed"] = True
    elif isinstance(items, set):
        items.add("changed")
    elif isinstance(items, bytearray):
        items.extend(b"changed")
    else:
        items.changed = True


def call(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Call back."""
    return function(*args, **kwargs)


def count(n: int) -> Iterator[int]:
    """Yield numbers, each with an effect."""
    for number in range(n):
        append(f"item {number}")
        yield number


class Client:
    """A client that can't be saved; making one has an effect, so that making it again is seen."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lock = threading.Lock()

    def send(self, text: str) -> str:
        """Send a text."""
        append(f"{self.name}: {text}")
        return text.upper()

    def hello(self) -> str:
        """Return what needs nothing from outside."""
        return f"hello {self.name}"

    def close(self) -> None:
        """Close it."""
        append(f"{self.name} closes")


class Account:
    """A live value whose attributes and items ask a server."""

    kind = "current"

    def __init__(self, name: str) -> None:
        self.name = name
        self.reads = 0
        self.tags = ["new"]
        self.counter = Counter()
        self.client = Client(f"{name}'s client")
        self._limits = {"day": 5}

    @property
    def balance(self) -> int:
        """It is asked for at every reading."""
        append(f"{self.name}'s balance")
        self.reads += 1
        return 100

    @property
    def owners(self) -> list[str]:
        """It is asked for at every reading."""
        append(f"{self.name}'s owners")
        return ["ann"]

    @property
    def limits(self) -> dict[str, int]:
        """What it holds, and could be saved."""
        return self._limits

    @property
    def broken(self) -> int:
        """Always fails."""
        append(f"{self.name} fails")
        raise ApiError(402, "no money")

    def __getitem__(self, key: str) -> str:
        append(f"{self.name}[{key}]")
        return f"item {key}"

    def __setitem__(self, key: str, item: Any) -> None:
        append(f"{self.name}[{key}] = {item}")

    def __delitem__(self, key: str) -> None:
        append(f"del {self.name}[{key}]")

    def __getattr__(self, name: str) -> str:
        if name.startswith("_"):
            raise AttributeError(name)
        append(f"{self.name}.{name}")
        return f"attribute {name}"


class Issue:
    """An object that can be saved, and asks a server for what it does not have when that is read."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.found: str | None = None

    @property
    def title(self) -> str:
        """Its title, asked for once."""
        if self.found is None:
            append(f"issue {self.number}")
            self.found = f"title {self.number}"
        return self.found


class Counter:
    """An outside object that can be saved, and changes."""

    def __init__(self) -> None:
        self.total = 0

    def add(self, n: int) -> int:
        """Add to the total."""
        append(f"add {n}")
        self.total += n
        return self.total


class Pages:
    """An outside iterator that begins anew with each ``iter()``."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.page = 0

    def __iter__(self) -> Pages:
        self.page = 0
        return self

    def __next__(self) -> int:
        if self.page == self.count:
            raise StopIteration
        self.page += 1
        append(f"page {self.page}")
        return self.page


class Policy:
    """A part of a jar."""

    def __init__(self) -> None:
        self.now = 0


class Jar:
    """An outside object with its own way of being saved; a part of it has an attribute of the same name."""

    def __init__(self) -> None:
        self.policy = Policy()
        self.lock = threading.Lock()
        self.items: dict[str, int] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.lock = threading.Lock()

    def put(self, name: str) -> int:
        """Put something in, and note when."""
        append(f"put {name}")
        self.now = self.policy.now = len(self.items)
        self.items[name] = self.now
        return self.now

    def look(self) -> dict[str, int]:
        """Return what is in it."""
        return self.items


class Base:
    """An outside class for user classes to inherit from."""

    def record(self, text: str) -> int:
        """Have an effect."""
        return append(f"{type(self).__name__}: {text}")


class ApiError(Exception):
    """An error that pickles but does not unpickle."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.body = body


def reject(status: int, body: str) -> None:
    """Raise an `ApiError`."""
    append(f"reject {status}")
    raise ApiError(status, body)


def chained(text: str) -> None:
    """Raise an error that another one caused."""
    append(f"chained {text}")
    try:
        raise KeyError(text)
    except KeyError as error:
        raise RuntimeError("the outer one") from error


def noted(text: str) -> None:
    """Raise an error with a note."""
    error = ValueError(text)
    error.add_note(f"noted {append(text)}")
    raise error


def grouped() -> None:
    """Raise an error that holds others, one of which does not unpickle."""
    append("grouped")
    raise ExceptionGroup("several", [ValueError("first"), ExceptionGroup("inner", [ApiError(418, "teapot")])])


def chatter(text: str) -> int:
    """Print to both streams, and log."""
    print("says", text)
    print("warns", text, file=sys.stderr)
    logging.getLogger("effects").warning("logs %s", text)
    return append(f"chatter {text}")


class Transaction:
    """A context manager that can be saved."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> str:
        append(f"begin {self.name}")
        return self.name

    def __exit__(self, kind: Any, error: Any, _: Any) -> bool:
        append(f"end {self.name} {kind and kind.__name__} {error}")
        return isinstance(error, KeyError)


@contextlib.contextmanager
def section(name: str) -> Iterator[str]:
    """Have effects before and after."""
    append(f"enter {name}")
    try:
        yield name.upper()
    finally:
        append(f"leave {name}")


async def later(value: Any) -> Any:
    """Give a value later, with an effect."""
    await asyncio.sleep(0.001)
    append(f"later {value}")
    return value


async def fail_later(error: BaseException) -> None:
    """Raise an error later."""
    await asyncio.sleep(0)
    raise error


async def stream(n: int) -> AsyncIterator[int]:
    """Yield numbers, each with an effect."""
    for number in range(n):
        await asyncio.sleep(0)
        append(f"streamed {number}")
        yield number


@contextlib.asynccontextmanager
async def async_section(name: str) -> AsyncIterator[str]:
    """Have effects before and after."""
    append(f"enter {name}")
    try:
        yield name.upper()
    finally:
        append(f"leave {name}")


class Connection:
    """Can't be saved; gives another object that can't."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lock = threading.Lock()

    def channel(self, number: int) -> Channel:
        """Open a channel."""
        append(f"{self.name} opens {number}")
        return Channel(self, number)


class Channel:
    """Made by a connection, and can't be saved either."""

    def __init__(self, connection: Connection, number: int) -> None:
        self.connection = connection
        self.number = number

    def send(self, text: str) -> str:
        """Send a text."""
        append(f"{self.connection.name}/{self.number}: {text}")
        return f"{self.number}: {text}"


def same(name: str, read: Any) -> bool:
    """Return whether ``read()`` is what it was when first asked for ``name``; what it gives is not shown anywhere."""
    value = repr(read())
    path = f"{os.environ['EFFECTS']}.{name}"
    if not os.path.exists(path):
        with open(path, "w") as file:
            file.write(value)
    with open(path) as file:
        return file.read() == value


class Headers(Mapping[str, str]):
    """A mapping that asks the outside for everything."""

    def __init__(self, values: dict[str, str]) -> None:
        self.values_by_name = values

    def __getitem__(self, name: str) -> str:
        append(f"get {name}")
        return self.values_by_name[name]

    def __iter__(self) -> Iterator[str]:
        append("iterate")
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return append("length")


class Rows:
    """Can be iterated over as often as wanted, each time from the start."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __iter__(self) -> Iterator[int]:
        append(f"rows {self.n}")
        return iter(range(self.n))


_DEFAULT = object()


class _Unset:
    """A class without state, whose one object is known by identity."""


UNSET = _Unset()


class Request:
    """Holds objects that a library asks for by identity."""

    def __init__(self) -> None:
        self.timeout = _DEFAULT
        self.data = UNSET

    def send(self) -> str:
        """Say what was given."""
        append("send")
        return f"{self.timeout is _DEFAULT} {self.data is UNSET}"


class Folder:
    """Does something at its end."""

    def __init__(self, name: str) -> None:
        self.name = name
        append(f"make {name}")

    def __del__(self) -> None:
        with contextlib.suppress(TypeError, NameError):
            append(f"remove {self.name}")

    def used(self) -> str:
        """Use it."""
        append(f"use {self.name}")
        return self.name


def slow(value: Any, seconds: float = 0.01) -> Any:
    """Give a value after a while, with an effect."""
    time.sleep(seconds)
    append(f"slow {value}")
    return value


_meeting: list[Any] = []


def meet(number: int) -> int:
    """Return when so many calls are made at the same time; raises if they are not."""
    if not _meeting:
        _meeting.append(threading.Barrier(number))
    return append(f"met {_meeting[0].wait(30) >= 0}")


def call_from_thread(function: Any, *args: Any) -> None:
    """Call back from a thread of ours, and wait for it."""
    thread = threading.Thread(target=function, args=args)
    thread.start()
    thread.join()


def jitter(name: str, mark: int) -> int:
    """Give a number after a time that differs in each process, with an effect."""
    time.sleep(_chance.random() ** 3 / 100)
    append(f"jitter {name}")
    return mark % 7


async def jitter_later(name: str, mark: int) -> int:
    """Give a number after a time that differs in each process, with an effect."""
    await asyncio.sleep(_chance.random() ** 3 / 100)
    append(f"jitter {name}")
    return mark % 7


def unsure(name: str) -> int:
    """Fail now and then, with an effect."""
    time.sleep(_chance.random() ** 3 / 100)
    append(f"unsure {name}")
    if _chance.random() < 0.3:
        raise ConnectionError(name)
    return 1


_chance = random.Random(os.environ.get("JITTER"))

#: Lets objects of all small sizes have other addresses, in another order, than in the process before.
_ballast = [bytearray(_chance.randrange(400)) for _ in range(20000)] if "JITTER" in os.environ else []
_chance.shuffle(_ballast)
del _ballast[::2]


async def after(seconds: float, value: Any) -> Any:
    """Give a value after some time, with an effect."""
    await asyncio.sleep(seconds)
    append(f"after {value}")
    return value


async def until_cancelled(name: str) -> None:
    """Wait for ever, and say when that is over."""
    append(f"{name} waits")
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        await asyncio.sleep(0)
        append(f"{name} ends")


async def stubborn(name: str) -> str:
    """Wait for ever, and give something when cancelled."""
    try:
        await asyncio.get_running_loop().create_future()
    except asyncio.CancelledError:
        await asyncio.sleep(0.001)
        append(f"{name} gives in")
    return f"{name} was cancelled"


async def stream_that_fails(n: int) -> AsyncIterator[int]:
    """Yield numbers, and fail half-way."""
    for number in range(n):
        await asyncio.sleep(0)
        yield number
    raise ApiError(500, "half-way")


async def give_later(value: Any) -> Any:
    """Give a value later, with no effect."""
    await asyncio.sleep(0)
    return value


class Service:
    """Answers by futures and tasks of the loop that it finds running."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.greeting = self.loop.create_future()
        self.loop.call_later(0.001, self.greeting.set_result, "hello")

    def ask(self, question: str) -> asyncio.Future[str]:
        """Answer later."""
        append(f"ask {question}")
        if question == "b":
            return self.loop.create_task(give_later(question.upper()))
        future = self.loop.create_future()
        self.loop.call_later(0.001, future.set_result, question.upper())
        return future


def die_once() -> None:
    """Kill the process, the first time."""
    if "dies" not in lines():
        append("dies")
        os.kill(os.getpid(), signal.SIGKILL)


async def racer(name: str) -> str:
    """Win if the environment says so."""
    await asyncio.sleep(0.0 if name == os.environ.get("WINNER", "hare") else 0.5)
    return name


async def call_later(function: Any, *args: Any) -> int:
    """Call back after a while, with an effect after it."""
    await asyncio.sleep(0)
    function(*args)
    await asyncio.sleep(0.001)
    return append(f"called {function.__name__}")


async def set_later(event: asyncio.Event) -> None:
    """Set an event."""
    await asyncio.sleep(0)
    event.set()


def loop_is_running() -> bool:
    """Return whether a synchronous call finds a loop that runs."""
    return asyncio.get_running_loop() is not None


def announce(value: Any) -> Any:
    """Say that something begins, and return what is to be awaited."""
    print(f"beginning {value}")
    return later(value)


async def fill_later(around: list[Any], items: list[Any]) -> None:
    """Add to a list later, which is in another one."""
    await asyncio.sleep(0.05)
    items.append("filled")


async def listen(loop: Any, heard: Any, closed: Any, number: int) -> None:
    """Let a thread of ours say what it hears, and come back when it has heard everything."""

    def run() -> None:
        for at in range(number):
            loop.call_soon_threadsafe(heard, f"message {at}")
        loop.call_soon_threadsafe(closed)

    thread = threading.Thread(target=run)
    thread.start()
    while thread.is_alive():
        await asyncio.sleep(0.001)


def listen_on(loop: Any, heard: Any) -> None:
    """Let a thread of ours say what it hears, for as long as the process lives."""

    def run() -> None:
        loop.call_soon_threadsafe(heard, 1)
        time.sleep(0.05)
        loop.call_soon_threadsafe(heard, 2)

    threading.Thread(target=run, daemon=True).start()


class Agent:
    """What does the work of a shop; it connects when it is first needed."""

    def __init__(self) -> None:
        self.connection: dict[str, str] | None = None
        self.log = logging.getLogger("effects.agent")
        self.headers = {"agent": "a"}
        self.hooks: tuple[str, ...] = ()


class Item:
    """Something that a shop has; it shares the shop's connection."""

    def __init__(self, agent: Agent, number: int) -> None:
        self.connection, self.headers, self.hooks = agent.connection, agent.headers, ()
        self.number = number


class Connector:
    """A live value that changes what somebody else has."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.lock = threading.Lock()

    def connect(self) -> int:
        """Connect."""
        self.agent.connection = {"by": "connector"}
        return append("connect")


class Shop:
    """An object that can be saved, whose insides others change."""

    def __init__(self) -> None:
        self.agent = Agent()

    def connector(self) -> Connector:
        """Return what connects it, which can't be saved."""
        return Connector(self.agent)

    def item(self, number: int) -> Item:
        """Return an item."""
        append(f"item {number}")
        return Item(self.agent, number)


async def at_once(value: Any) -> Any:
    """Do something and give a value, in the first step."""
    append(f"at once {value}")
    return value


async def fail_at_once(error: BaseException) -> None:
    """Do something and fail, in the first step."""
    append(f"fail at once {error}")
    raise error


async def fill_at_once(items: list[Any]) -> None:
    """Change what it is given, and print, in the first step."""
    items.append("filled")
    print("filled at once")


async def set_at_once(event: asyncio.Event) -> None:
    """Set an event, in the first step."""
    event.set()


async def _numbers() -> AsyncIterator[int]:
    yield 1
    yield 2


_numbers_begun = _numbers()


async def surroundings() -> list[bool]:
    """Return whether a first step finds a loop that runs, itself as the task, and a keeper of what it begins."""
    loop: Any = asyncio.get_running_loop()
    await anext(_numbers_begun)
    return [
        loop.is_running(),
        asyncio.current_task() in asyncio.all_tasks(),
        _numbers_begun in loop._asyncgens,
        await asyncio.sleep(0, loop is asyncio.get_running_loop()),
    ]


_beats: list[int] = []
_beating: list[asyncio.Task[None]] = []


async def beat(times: int) -> None:
    """Let something beat so many times, meanwhile."""

    async def beats() -> None:
        for number in range(times):
            await asyncio.sleep(0)
            _beats.append(number)

    _beating.append(asyncio.create_task(beats()))


async def beats() -> int:
    """Return how many times it has beaten, in the first step."""
    return len(_beats)
