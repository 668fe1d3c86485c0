"""Statements of programs with tasks."""

from __future__ import annotations

from collections.abc import Callable

from generated.statements import Statements


class Settled(Statements):
    """Programs with tasks whose outcome does not depend on which is first: each keeps to itself, and to what commutes."""

    files = False
    stores = False
    #: the running function is async
    awaits = True

    def program(self) -> None:
        """Write the handler, async itself or with `asyncio.run`."""
        self.depth = 0
        name = self.one(("main(event)", "inner()"))
        with self.block(f"async def {name}:"):
            self._handler()
        if name == "inner()":
            with self.block("def main(event):"):
                self.line("return asyncio.run(inner())")

    def statements(self) -> list[Callable[[], None]]:
        """Return what writes a statement here."""
        if not self.awaits:
            return super().statements()
        names = ["reply", "shaky_reply", "pause", "gather", "tasks", "group", "queue", "lock", "wait_all", "event"]
        names += ["async_for", "async_with", "in_thread", "shield", "patient", "semaphore", "async_function"]
        return super().statements() + 2 * [getattr(self, f"write_{name}") for name in names]

    def write_function(self) -> None:
        """Write a function that is not async."""
        awaits, self.awaits = self.awaits, False
        super().write_function()
        self.awaits = awaits

    def write_closure(self) -> None:
        awaits, self.awaits = self.awaits, False
        super().write_closure()
        self.awaits = awaits

    # One task.

    def write_reply(self) -> None:
        self.assign("int", f"await chance.reply('{self.name('r')}', {self.n()})")

    def write_shaky_reply(self) -> None:
        with self.block("try:"):
            self.line(f"print(await chance.shaky_reply('{self.name('s')}', {self.n()}))")
        with self.block("except Exception as error:"):
            self.line("print(repr(error))")
        if self.maybe():
            with self.block("finally:"):
                self.line(f"await chance.reply('{self.name('f')}', {self.n()})")

    def write_pause(self) -> None:
        self.line(f"await asyncio.sleep({self.one(('0', '0.001', '0.002'))})")

    def write_async_for(self) -> None:
        self.need("numbered")
        with self.block(f"async for {self.name('at')} in numbered({self.n(3)}):"):
            self.body(2)

    def write_async_with(self) -> None:
        self.need("inside")
        with self.block(f"async with inside('{self.name('w')}'):"):
            self.body(2)

    def write_in_thread(self) -> None:
        self.line(f"print(await asyncio.to_thread(chance.work, '{self.name('th')}', {self.n()}))")

    def write_shield(self) -> None:
        self.line(f"print(await asyncio.shield(chance.reply('{self.name('sh')}', {self.n()})))")

    def write_patient(self) -> None:
        self.line(f"print(await asyncio.wait_for(chance.reply('{self.name('p')}', {self.n()}), 60))")

    # Several.

    def task(self) -> str:
        """Write a function for a task that keeps to itself, and return its name; it takes a number and returns a value."""
        name, param = self.name("task"), self.name("n")
        with self.function(f"async def {name}({param}):", {param: "int"}, closed=True):
            with self.block("try:"):
                self.body()
                self.line(f"return await chance.reply(f'{name} {{{param}}}') + {param}")
            with self.block("except Exception as error:"):
                self.line("return type(error).__name__")
        return name

    def calls(self) -> list[str]:
        """Return calls of such functions, as many as there shall be tasks."""
        names = [self.task() for _ in range(1 + self.n(1))]
        calls: list[str] = []
        self.repeat(lambda: calls.append(f"{self.one(names)}({len(calls)})"), 4, least=2)
        return calls

    def write_async_function(self) -> None:
        if self.functions > 1:
            return self.write_reply()
        self.line(f"print(await {self.task()}({self.n()}))")
        return None

    def _nests(self) -> bool:
        return self.functions < 2 and self.loops == 0

    def several(self, write: Callable[[list[str]], None]) -> None:
        """Write something with several tasks, unless that would be too many in all."""
        if self._nests():
            write(self.calls())
        else:
            self.write_reply()

    def write_gather(self) -> None:
        self.several(lambda calls: self.line(f"print(await asyncio.gather({', '.join(calls)}))"))

    def write_tasks(self) -> None:
        def write(calls: list[str]) -> None:
            made = ", ".join(f"asyncio.create_task({call})" for call in calls)
            name = self.name("tasks")
            self.line(f"{name} = [{made}]")
            self.meanwhile(2)
            self.line(f"print([await task for task in {self.one((name, f'reversed({name})'))}])")

        self.several(write)

    def write_group(self) -> None:
        def write(calls: list[str]) -> None:
            name = self.name("group")
            with self.block(f"async with asyncio.TaskGroup() as {name}:"):
                self.line(f"{name}_tasks = [{', '.join(f'{name}.create_task({call})' for call in calls)}]")
                self.meanwhile(2)
            self.line(f"print([task.result() for task in {name}_tasks])")

        self.several(write)

    def write_wait_all(self) -> None:
        def write(calls: list[str]) -> None:
            made = ", ".join(f"asyncio.create_task({call})" for call in calls)
            self.line(f"done, pending = await asyncio.wait([{made}])")
            self.line("print(sorted(str(task.result()) for task in done), pending)")

        self.several(write)

    def write_queue(self) -> None:
        name = self.name("queue")
        self.line(f"{name}, {name}_got = asyncio.Queue({self.n(2)}), []")
        self.line(f"async def {name}_take():")
        self.line(f"    while (item := await {name}.get()) is not None:")
        self.line(f"        {name}_got.append(await chance.reply(f'{name} {{item}}', item))")
        self.line(f"{name}_tasks = [asyncio.create_task({name}_take()) for _ in range({1 + self.n(2)})]")
        self.line(f"for item in [*range({self.n(4)}), *[None] * len({name}_tasks)]: await {name}.put(item)")
        self.line(f"await asyncio.gather(*{name}_tasks); print(sorted({name}_got))")

    def write_lock(self) -> None:
        self._shared("lock", "asyncio.Lock()")

    def write_semaphore(self) -> None:
        self._shared("semaphore", f"asyncio.Semaphore({1 + self.n(2)})")

    def _shared(self, what: str, made: str) -> None:
        name = self.name(what)
        self.line(f"{name}, {name}_seen = {made}, []")
        self.line(f"async def {name}_add(n):")
        self.line(f"    async with {name}:")
        self.line(f"        {name}_seen.append(await chance.reply(f'{name} {{n}}', n))")
        self.line(f"await asyncio.gather(*map({name}_add, range({1 + self.n(3)}))); print(sorted({name}_seen))")

    def write_event(self) -> None:
        name = self.name("event")
        self.line(f"{name} = asyncio.Event()")
        self.line(f"async def {name}_wait(n):")
        self.line(f"    await {name}.wait(); return await chance.reply(f'{name} {{n}}', n)")
        self.line(f"{name}_tasks = [asyncio.create_task({name}_wait(n)) for n in range({1 + self.n(2)})]")
        self.meanwhile(1)
        self.line(f"{name}.set(); print(await asyncio.gather(*{name}_tasks))")


class Racing(Settled):
    """Programs whose outcome depends on which task is first: what was decided must stay decided."""

    def statements(self) -> list[Callable[[], None]]:
        """Return what writes a statement here."""
        if not self.awaits:
            return super().statements()
        names = ["first", "impatient", "timeout", "cancel", "failing_gather", "failing_group", "shared", "until_set"]
        return super().statements() + 3 * [getattr(self, f"write_{name}") for name in names]

    def write_first(self) -> None:
        def write(calls: list[str]) -> None:
            made = ", ".join(f"asyncio.create_task({call})" for call in calls)
            when = self.one(("FIRST_COMPLETED", "FIRST_EXCEPTION"))
            limit = self.one(("", ", timeout=0.001"))
            self.line(f"done, pending = await asyncio.wait([{made}], return_when=asyncio.{when}{limit})")
            self.line("print([task.result() for task in done], len(pending))")
            self.line(self.one(("for task in pending: task.cancel()", "print(await asyncio.gather(*pending))", "pass")))

        self.several(write)

    def write_impatient(self) -> None:
        with self.block("try:"):
            self.line(f"print(await asyncio.wait_for({self._slow()}, 0.0005))")
        self._late()

    def write_timeout(self) -> None:
        with self.block("try:"), self.block("async with asyncio.timeout(0.001):"):
            self.body(2)
            self.line(f"print(await {self._slow()})")
        self._late()

    def _slow(self) -> str:
        return f"chance.reply('{self.name('late')}', {self.n()})"

    def _late(self) -> None:
        with self.block("except TimeoutError as error:"):
            self.line(self.one(("print('late')", f"print(await chance.reply('{self.name('after')}'))")))

    def write_cancel(self) -> None:
        def write(calls: list[str]) -> None:
            made = ", ".join(f"asyncio.create_task({call})" for call in calls)
            name = self.name("cancelled")
            self.line(f"{name} = [{made}]")
            self.write_reply()
            self.line(f"{name}[{self.n(1)}].cancel()")
            self.line(f"print([type(got) for got in await asyncio.gather(*{name}, return_exceptions=True)])")

        self.several(write)

    def write_failing_gather(self) -> None:
        with self.block("try:"):
            failing = ", ".join(f"chance.shaky_reply('{self.name('g')}', {at})" for at in range(2 + self.n(2)))
            self.line(f"print(await asyncio.gather({failing}))")
        with self.block("except Exception as error:"):
            self.line("print(repr(error))")

    def write_failing_group(self) -> None:
        name = self.name("group")
        self.line(f"async def {name}_member(n): return await chance.shaky_reply(f'{name} {{n}}', n)")
        with self.block("try:"), self.block(f"async with asyncio.TaskGroup() as {name}:"):
            self.line(f"for n in range({2 + self.n(1)}): {name}.create_task({name}_member(n))")
        with self.block("except* Exception as errors:"):
            self.line("print(errors.exceptions)")

    def write_shared(self) -> None:
        name = self.name("order")
        self.line(f"{name} = []")
        self.line(f"async def {name}_add(n):")
        self.line(f"    {name}.append(await chance.reply(f'{name} {{n}}', n))")
        self.line(f"    if {name}[0] == {name}[-1]: chance.answer(f'{name} first', len({name}))")
        self.line(f"    {self.one((f'{name}.sort()', f'chance.change({name}, n * 4)', 'print(n)'))}")
        self.line(f"await asyncio.gather(*map({name}_add, range({2 + self.n(2)}))); print({name})")

    def write_until_set(self) -> None:
        name = self.name("condition")
        self.line(f"{name}, {name}_box = asyncio.Condition(), []")
        self.line(f"async def {name}_take(n):")
        self.line(f"    async with {name}:")
        self.line(f"        await {name}.wait_for(lambda: {name}_box); print(n, {name}_box.pop())")
        self.line(f"{name}_tasks = [asyncio.create_task({name}_take(n)) for n in range({1 + self.n(2)})]")
        self.line(f"for at in range(len({name}_tasks)):")
        self.line(f"    {name}_box.append(await chance.reply(f'{name} {{at}}', at))")
        self.line(f"    async with {name}: {name}.notify()")
        self.line(f"await asyncio.gather(*{name}_tasks)")
