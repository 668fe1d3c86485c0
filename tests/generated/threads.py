"""Statements of programs with threads."""

from __future__ import annotations

from collections.abc import Callable

from generated.statements import Statements


class Threaded(Statements):
    """Programs with threads whose outcome does not depend on which is first: each keeps to itself, and to what commutes."""

    files = False
    stores = False
    #: the running function is not the target of a thread: that starts no others
    starts = True

    def statements(self) -> list[Callable[[], None]]:
        """Return what writes a statement here."""
        if not self._may_start():
            return [*super().statements(), self.write_work]
        names = ["work", "threads", "pool_map", "submit", "counted", "queue", "event", "barrier", "local", "semaphore"]
        names += ["all_completed", "timer", "subclass", "patient", "condition"]
        return super().statements() + 2 * [getattr(self, f"write_{name}") for name in names]

    def _may_start(self) -> bool:
        # A function may be called by the outside: the threads that it starts there are part of that activity.
        return self.starts and not self.functions and not self.loops

    def write_work(self) -> None:
        self.assign("int", f"chance.work('{self.name('w')}', {self.n()})")

    def target(self) -> str:
        """Write a function for a thread that keeps to itself, and return its name; it takes a number and returns a value."""
        name, param = self.name("job"), self.name("n")
        starts, self.starts = self.starts, False
        with self.function(f"def {name}({param}):", {param: "int"}, closed=True):
            with self.block("try:"):
                self.body()
                self.line(f"return chance.work(f'{name} {{{param}}}') + {param}")
            with self.block("except Exception as error:"):
                self.line("return type(error).__name__")
        self.starts = starts
        return name

    def write_threads(self) -> None:
        job, name, count = self.target(), self.name("threads"), 1 + self.n(2)
        self.line(f"{name}_got = [None] * {count}")
        self.line(f"def {name}_run(n): {name}_got[n] = {job}(n)")
        made = f"threading.Thread(target={name}_run, args=(n,){self.one(('', ', daemon=True'))})"
        self.line(f"{name} = [{made} for n in range({count})]")
        self.line(f"for thread in {name}: thread.start()")
        self.meanwhile(2)
        self.line(f"for thread in {name}: thread.join({self.one(('', '60'))})")
        self.line(f"print({name}_got, [thread.is_alive() for thread in {name}])")

    def write_subclass(self) -> None:
        job, name = self.target(), self.name("Runner")
        self.line(f"class {name}(threading.Thread):")
        self.line(f"    def run(self): self.got = {job}({self.n()})")
        self.line(f"{name}_thread = {name}(name='{name}'); {name}_thread.start(); {name}_thread.join()")
        self.line(f"print({name}_thread.got, {name}_thread.name)")

    def write_pool_map(self) -> None:
        job = self.one([self.target, lambda: "chance.work"])()
        with self.block(f"with concurrent.futures.ThreadPoolExecutor({1 + self.n(2)}) as pool:"):
            self.line(f"print(list(pool.map({job}, range({1 + self.n(3)}))))")

    def write_submit(self) -> None:
        job = self.target()
        with self.block(f"with concurrent.futures.ThreadPoolExecutor({1 + self.n(2)}) as pool:"):
            self.line(f"futures = [pool.submit({job}, n) for n in range({1 + self.n(3)})]")
            self.meanwhile(2)
            self.line("print([future.result() for future in futures])")

    def write_all_completed(self) -> None:
        name = self.name("pool")
        with self.block("with concurrent.futures.ThreadPoolExecutor(2) as pool:"):
            self.line(f"futures = [pool.submit(chance.shaky_work, '{name}', n) for n in range({1 + self.n(3)})]")
            self.line(
                self.one(
                    (
                        "print([repr(future.exception()) for future in futures])",
                        "print(len(concurrent.futures.wait(futures).done))",
                        "print(sorted(repr(f.exception()) for f in concurrent.futures.as_completed(futures)))",
                    )
                )
            )

    def write_counted(self) -> None:
        self._shared(self.one(("threading.Lock()", "threading.RLock()")))

    def write_semaphore(self) -> None:
        self._shared(f"threading.{self.one(('Semaphore', 'BoundedSemaphore'))}({1 + self.n(1)})")

    def _shared(self, lock: str) -> None:
        name = self.name("lock")
        self.line(f"{name}, {name}_sum = {lock}, [0]")
        self.line(f"def {name}_add(n):")
        self.line(f"    got = chance.work(f'{name} {{n}}')")
        self.line(f"    with {name}: {name}_sum[0] += got + chance.work(f'{name} in {{n}}')")
        self.line(f"{name}_all = [threading.Thread(target={name}_add, args=(n,)) for n in range({1 + self.n(2)})]")
        self.line(f"for thread in {name}_all: thread.start()")
        self.line(f"for thread in {name}_all: thread.join()")
        if lock.startswith("threading.Bound") or "Sem" in lock:
            # More than one at a time may lose an addition.
            self.line(f"print(type({name}_sum[0]))")
        else:
            self.line(f"print({name}_sum)")

    def write_queue(self) -> None:
        name = self.name("queue")
        made = self.one(("queue.Queue", "queue.LifoQueue", "queue.PriorityQueue"))
        self.line(f"{name}, {name}_got = {made}({self.n(2)}), []")
        self.line(f"def {name}_take():")
        self.line(f"    while (item := {name}.get()) < 90:")
        self.line(f"        {name}_got.append(chance.work(f'{name} {{item}}', item))")
        self.line(f"        {name}.task_done()")
        self.line(f"{name}_all = [threading.Thread(target={name}_take) for _ in range({1 + self.n(1)})]")
        self.line(f"for thread in {name}_all: thread.start()")
        self.line(f"for item in range({1 + self.n(3)}): {name}.put(item)")
        self.line(f"{name}.join()")
        self.line(f"for thread in {name}_all: {name}.put(99)")
        self.line(f"for thread in {name}_all: thread.join()")
        self.line(f"print(sorted({name}_got), {name}.empty())")

    def write_event(self) -> None:
        name = self.name("event")
        self.line(f"{name} = threading.Event()")
        self.line(f"def {name}_wait(n): {name}.wait(); return chance.work(f'{name} {{n}}', n)")
        with self.block("with concurrent.futures.ThreadPoolExecutor(3) as pool:"):
            self.line(f"futures = [pool.submit({name}_wait, n) for n in range({1 + self.n(2)})]")
            self.meanwhile(1)
            self.line(f"{name}.set(); print([future.result() for future in futures])")

    def write_condition(self) -> None:
        name = self.name("condition")
        self.line(f"{name}, {name}_box = threading.Condition(), []")
        self.line(f"def {name}_take():")
        self.line(f"    with {name}: {name}.wait_for(lambda: {name}_box)")
        self.line(f"    return chance.work('{name}', {name}_box[0])")
        with self.block("with concurrent.futures.ThreadPoolExecutor(1) as pool:"):
            self.line(f"future = pool.submit({name}_take)")
            self.line(f"{name}_box.append(chance.work('{name} put', {self.n()}))")
            self.line(f"with {name}: {name}.notify_all()")
            self.line("print(future.result())")

    def write_barrier(self) -> None:
        name, count = self.name("barrier"), 2 + self.n(1)
        self.line(f"{name} = threading.Barrier({count})")
        self.line(f"def {name}_meet(n):")
        self.line(f"    chance.work(f'{name} {{n}}'); {name}.wait(); return chance.work(f'{name} past {{n}}')")
        with self.block(f"with concurrent.futures.ThreadPoolExecutor({count}) as pool:"):
            self.line(f"print(list(pool.map({name}_meet, range({count}))))")

    def write_local(self) -> None:
        name = self.name("local")
        self.line(f"{name} = threading.local()")
        self.line(f"def {name}_keep(n): {name}.n = n; chance.work(f'{name} {{n}}'); return {name}.n")
        with self.block("with concurrent.futures.ThreadPoolExecutor(2) as pool:"):
            self.line(f"print(list(pool.map({name}_keep, range({1 + self.n(2)}))), hasattr({name}, 'n'))")

    def write_timer(self) -> None:
        name = self.name("timer")
        self.line(f"{name} = threading.Timer(0.001, chance.work, ('{name}',)); {name}.start(); {name}.join()")

    def write_patient(self) -> None:
        name = self.name("patient")
        with self.block("try:"):
            self.line(f"{name} = queue.Queue(); print({name}.get({self.one(('timeout=0.001', 'block=False'))}))")
        with self.block("except queue.Empty as error:"):
            self.line(f"print(repr(error), threading.Event().wait({self.one(('0', '0.001'))}))")


class ThreadRaces(Threaded):
    """Programs whose outcome depends on which thread is first: what was decided must stay decided."""

    def statements(self) -> list[Callable[[], None]]:
        """Return what writes a statement here."""
        if not self._may_start():
            return super().statements()
        names = ["first", "order", "late", "unfinished", "impatient_lock"]
        return super().statements() + 3 * [getattr(self, f"write_{name}") for name in names]

    def write_first(self) -> None:
        name = self.name("first")
        with self.block("with concurrent.futures.ThreadPoolExecutor(3) as pool:"):
            self.line(f"futures = [pool.submit(chance.shaky_work, '{name}', n) for n in range({2 + self.n(2)})]")
            self.line(
                self.one(
                    (
                        "done, rest = concurrent.futures.wait(futures, return_when='FIRST_COMPLETED')",
                        "done, rest = concurrent.futures.wait(futures, timeout=0.001)",
                        "done, rest = [*concurrent.futures.as_completed(futures)], []",
                    )
                )
            )
            self.line("print([repr(future.exception()) for future in done], [future.cancel() for future in rest])")

    def write_order(self) -> None:
        name = self.name("order")
        self.line(f"{name} = []")
        self.line(f"def {name}_add(n):")
        self.line(f"    {name}.append(chance.work(f'{name} {{n}}', n))")
        self.line(f"    if {name}[0] == {name}[-1]: chance.work(f'{name} first', len({name}))")
        self.line(f"    {self.one((f'{name}.sort()', f'effects.call({name}.append, n)', 'print(n)'))}")
        self.line(f"{name}_all = [threading.Thread(target={name}_add, args=(n,)) for n in range({2 + self.n(1)})]")
        self.line(f"for thread in {name}_all: thread.start()")
        self.line(f"for thread in {name}_all: thread.join()")
        self.line(f"print({name})")

    def write_late(self) -> None:
        name = self.name("late")
        self.line(f"{name} = threading.Thread(target=chance.work, args=('{name}',)); {name}.start()")
        self.line(f"{name}.join(0.0005); print({name}.is_alive()); {name}.join()")

    def write_unfinished(self) -> None:
        name = self.name("daemon")
        self.line(f"threading.Thread(target=chance.work, args=('{name}',), daemon=True).start()")

    def write_impatient_lock(self) -> None:
        name = self.name("lock")
        self.line(f"{name} = threading.Lock()")
        self.line(f"def {name}_try(n):")
        self.line(f"    if not {name}.acquire(timeout=0.0005): return f'{{n}} late'")
        self.line(f"    try: return chance.work(f'{name} {{n}}')")
        self.line(f"    finally: {name}.release()")
        with self.block("with concurrent.futures.ThreadPoolExecutor(3) as pool:"):
            self.line(f"print(list(pool.map({name}_try, range({2 + self.n(1)}))))")
