"""Statements of programs with one lane."""

from __future__ import annotations

from collections.abc import Callable

from generated.writer import CHANGEABLE, DEEPEST, KINDS, Option, Writer

#: What a program raises, or hands to the outside to raise.
ERRORS: tuple[str, ...] = (
    "ValueError('v')",
    "KeyError('k')",
    "Failed(1, where=[2])",
    "ConnectionError(1, 'gone')",
    "chance.Refused('p', code=4)",
    "StopIteration(3)",
    "ExceptionGroup('g', [ValueError(1), KeyError('z')])",
    "UnicodeDecodeError('utf-8', b'x', 0, 1, 'bad')",
    "json.JSONDecodeError('m', 'doc', 1)",
)


class Statements(Writer):
    """Writes statements; what a statement is, is drawn."""

    #: may open files: not where several lanes would have the same ones
    files = True
    #: may use the store of the project: not where lanes would see each other's values
    stores = True

    def statements(self) -> list[Callable[[], None]]:
        """Return what writes a statement here."""
        names = [
            *("new", "again", "show", "change", "call_back", "alias", "when", "loop", "attempt", "function", "until"),
            *("within", "generator", "local_class", "closure", "once", "dataclass", "prints", "logs", "clock"),
            *("unpack", "match", "code", "live", "partial", "decorated", "recursive", "identity", "comprehension"),
        ]
        names += ["file", "path"] if self.files else []
        # What chance decides in a function that the outside calls is not the session's chance.
        names += ["chance"] if not self.functions else []
        names += ["store"] if self.stores and not self.functions else []
        names += ["leave_loop"] if self.loops else []
        names += ["take_half", "outside_with"] if self.halfway else []
        return [getattr(self, f"write_{name}") for name in names]

    def statement(self) -> None:
        """Write one statement."""
        self.left -= 1
        if self.left < 0 or self.depth > DEEPEST:
            self.write_show()
        else:
            self.one(self.statements())()

    def body(self, most: int = 3) -> None:
        """Write the statements of a block."""
        self.repeat(self.statement, most)

    def meanwhile(self, most: int) -> None:
        """Write what is done while other lanes run; it does not fail, since how far they are by then is anybody's guess."""
        with self.block("try:"):
            self.body(most)
        with self.block("except Exception as error:"):
            self.line("print(repr(error))")

    def program(self) -> None:
        """Write the handler: statements, and what became of the variables in the end."""
        self.depth = 0
        with self.block("def main(event):"):
            self._handler()

    def _handler(self) -> None:
        self.repeat(self.statement, 8)
        self.end()
        self.line(f"return {self.value('int')}")

    def end(self) -> None:
        """Print what the variables are, and which of them are the same object."""
        shown = [name for name, kind in self.scope.items() if kind in KINDS][:12]
        if shown:
            self.line(f"print({', '.join(shown)})")
        for kind in ("list", "box"):
            names = self.known(kind)[:3]
            if len(names) > 1:
                self.line(f"print({', '.join(f'{names[0]} is {name}' for name in names[1:])})")

    def error(self) -> str:
        """Return an expression for an exception."""
        made = self.one(ERRORS)
        if "Failed" in made:
            self.need("Failed")
        return made

    # Variables and what changes them.

    def write_new(self) -> None:
        kind = self.one(KINDS)
        self.assign(kind, self.expression(kind))

    def write_again(self) -> None:
        kind = self.one(KINDS)
        names = self.known(kind, own=True)
        if names:
            self.line(f"{self.one(names)} = {self.expression(kind)}")
        else:
            self.assign(kind, self.expression(kind))

    def write_show(self) -> None:
        self.line(f"print({self.any_value()})")

    def write_change(self) -> None:
        name = self.variable(self.one(CHANGEABLE))
        self._guarded(f"chance.change({name}, {self.n()})")
        self.line(f"print({name})")

    def write_call_back(self) -> None:
        items, table, box = self.variable("list"), self.variable("dict"), self.variable("box")
        options: list[Option] = [
            lambda: f"effects.call({items}.append, {self.any_value()})",
            lambda: f"effects.call({table}.update, k={self.any_value()})",
            lambda: f"effects.call({box}.add, {self.value('int')})",
            lambda: f"effects.call(lambda: {items}.append({self.any_value()}))",
            lambda: f"effects.call(lambda x={items}: x.extend([1, 2]))",
            lambda: f"effects.call({table}.setdefault, 'q', []).append({self.value('int')})",
            lambda: f"effects.call(setattr, {box}, 'late', {self.any_value()})",
            lambda: f"effects.call({box}, {self.value('int')})",
            lambda: f"effects.call({items}.append, {items})",
            lambda: f"effects.call({items}.pop)",
            lambda: f"effects.call({items}.clear)",
            lambda: f"effects.call(lambda: [{items}.append(chance.answer('deep')), {table}.update(deep={items})])",
            lambda: f"chance.each({items}.append, [1, {box}])",
            lambda: f"chance.change({box}.items, {self.n()})",
            lambda: f"chance.change(vars({box}), {self.n()})",
        ]
        self._guarded(self.text_of(options))
        self.line(f"print({items}, {table}, {box})")

    def write_alias(self) -> None:
        items, table, box = self.variable("list"), self.variable("dict"), self.variable("box")
        self.line(
            self.text_of(
                [
                    lambda: f"{self.assign('list', items)}.append(1)",
                    lambda: f"{box}.items = {items}",
                    lambda: f"{table}['al'] = {table}['al2'] = {items}",
                    lambda: f"{box}.me = {box}",
                    lambda: f"{items}.append({box})",
                    lambda: f"{items} += [{items}, {table}]" if items in self.own else f"{items}.extend([{items}])",
                    lambda: f"{table}['n'] = {box}",
                    lambda: f"Box.made += {self.n()}",
                ]
            )
        )
        self._guarded(f"chance.change({self.one((items, table, box))}, {self.n()})")
        self.line(f"print({items}, {table}, {box})")

    def write_identity(self) -> None:
        items, table, box = self.variable("list"), self.variable("dict"), self.variable("box")
        self.line(
            self.one(
                [
                    f"print(effects.give({items}) is {items}, effects.give([{items}, {box}])[1] is {box})",
                    f"print(effects.call(lambda: {box}) is {box}, effects.call(lambda *a: a, {items}, {table})[1] is {table})",
                    f"print((r := effects.call(lambda: [{items}, {items}, [1]]))[0] is r[1], r[0] is {items})",
                ]
            )
        )

    def write_unpack(self) -> None:
        self.line(f"first, *rest = effects.give([1, {self.any_value()}, 3])")
        self.line("print(first, rest)")

    def write_comprehension(self) -> None:
        self.assign("list", f"[[chance.answer('c', a), b] for a in {self.value('list')}[:2] for b in {self.items()}]")

    # Blocks.

    def write_when(self) -> None:
        with self.block(f"if chance.answer('when', {self.n()}) > {self.n()}:"):
            self.body()
        if self.maybe():
            with self.block("else:"):
                self.body()

    def write_loop(self) -> None:
        if self.loops > 1:
            return self.write_show()
        name = self.name("at")
        over = self.text_of(
            [
                lambda: f"range({self.n(3)})",
                lambda: f"chance.numbers({self.n()})[:2]",
                lambda: f"list(effects.count({self.n(3)}))",
                lambda: f"{self._with('steps')}({self.n(3)})",
                lambda: f"{self.value('box')}",
                lambda: f"{self.value('list')}[:2]",
                lambda: "zip('ab', effects.give([1, 2]))",
            ]
        )
        self.loops += 1
        with self.block(f"for {name} in {over}:"):
            if over.startswith("range"):
                self.scope[name] = "int"
            self.body()
        self.loops -= 1
        if self.maybe():
            with self.block("else:"):
                self.line(f"print({self.any_value()})")
        return None

    def write_until(self) -> None:
        if self.loops > 1:
            return self.write_show()
        name = self.name("times")
        self.line(f"{name} = 0")
        self.loops += 1
        with self.block(f"while {name} < {self.n(3)}:"):
            self.line(f"{name} += 1")
            self.body()
        self.loops -= 1
        return None

    def write_leave_loop(self) -> None:
        with self.block(f"if {self.value('int')} > {self.n()}:"):
            self.line(self.one(("break", "continue")))

    def write_attempt(self) -> None:
        with self.block("try:"):
            self.body()
            self.line(
                self.text_of(
                    [
                        lambda: f"chance.shaky('try', {self.n()})",
                        lambda: f"raise {self.error()}",
                        lambda: f"effects.fail({self.error()})",
                        lambda: f"raise {self.error()} from {self.error()}",
                        lambda: f"{self.value('list')}[{self.n()}]",
                        "effects.chained('c')",
                        "effects.noted('n')",
                        "effects.grouped()",
                        lambda: f"{self._with('as_one')}({self.n(7)})",
                        "effects.call(lambda: 1 / 0)",
                        lambda: f"assert chance.answer('assert', {self.n()}) > 5, 'asserted'",
                    ]
                )
            )
        self._handlers()

    def _handlers(self) -> None:
        error = self.name("error")
        with self.block(f"except {self.one(('Exception', 'LookupError', '(ValueError, OSError)'))} as {error}:"):
            self.line(f"print(type({error}), {error}.args, {error}.__cause__)")
            self.line(
                self.text_of(
                    [
                        "pass",
                        f"print(effects.give({error}) is {error})",
                        f"{error}.add_note('noted'); effects.call({error}.add_note, 'again'); print({error}.__notes__)",
                        "raise",
                        lambda: f"raise {self.error()} from {error}",
                        "logging.getLogger('app').exception('caught')",
                        lambda: f"effects.call(setattr, {error}, 'seen', {self.value('list')}); print({error}.seen)",
                    ]
                )
            )
        if self.maybe():
            with self.block("else:"):
                self.body(2)
        if self.maybe():
            with self.block("finally:"):
                self.line("effects.append('finally')")
                self.body(2)

    def write_within(self) -> None:
        head = self.text_of(
            [
                lambda: self.value("box"),
                "effects.Transaction('t')",
                lambda: f"{self._with('section')}('s')",
                "contextlib.suppress(KeyError)",
                lambda: f"effects.Transaction('a'), {self.value('box')}",
                "contextlib.ExitStack() as stack",
            ]
        )
        with self.block(f"with {head}:"):
            if "stack" in head:
                self.line("stack.enter_context(effects.Transaction('in')); stack.callback(effects.append, 'callback')")
            self.body()
            if self.maybe():
                self.line(f"raise {self.error()}")

    def write_match(self) -> None:
        self.line(f"match effects.give({self.value(self.one(('list', 'dict', 'int')))}):")
        for case in ("[a, *more]", "{'a': a, **more}", "int() as a if a > 3", "_"):
            self.line(f"    case {case}: print({case!r}, chance.answer('case', {self.n()}))")

    # Functions and classes.

    def write_function(self) -> None:
        if self.functions > 1:
            return self.write_show()
        name = self.name("function")
        kinds = [self.one(KINDS) for _ in range(1 + self.n(1))]
        values = [self.value(kind) for kind in kinds]
        params = {self.name("param"): kind for kind in kinds}
        with self.function(f"def {name}({', '.join(params)}):", params):
            self.body()
            self.line(f"return {self.one(list(params))}")
        call = f"{name}({', '.join(values)})"
        self.line(
            self.one(
                [
                    f"print({call})",
                    f"print(effects.call({name}, {', '.join(values)}))",
                    f"print({name}(*effects.give([{', '.join(values)}])))",
                ]
            )
        )
        return None

    def write_closure(self) -> None:
        n, items = self.assign("int", self.short("int")), self.variable("list")
        name = self.name("closure")
        with self.function(f"def {name}(by=1):", {"by": "int"}):
            self.line(f"nonlocal {n}")
            self.line(f"{n} += by")
            self.line(self.one((f"{items}.append({n})", f"chance.answer('closure', {n})", "pass")))
            self.body(2)
            self.line(f"return {self.one((n, items, f'lambda: {n}'))}")
        calls = [f"{name}()", f"effects.call({name}, 2)", f"chance.each({name}, [1, 2])", f"list(map({name}, [1, 2]))"]
        self.repeat(lambda: self.line(f"{self.one(calls)}; print({n}, {items})"), 3)

    def write_local_class(self) -> None:
        self.need("Box")
        name, items = self.name("Local"), self.variable("list")
        self.line(f"class {name}(Box):")
        self.line("    shared = chance.answer('body')")
        self.line("    def add(self, n):")
        self.line(f"        {items}.append(n)")
        self.line("        return super().add(n)")
        box = self.assign("box", f"effects.give({name}({self.n()}).add(1))")
        self.line(f"effects.call({box}.add, {self.n()}); print({box}, type({box}) is {name}, {items}, {name}.shared)")

    def write_dataclass(self) -> None:
        self.need("Point")
        self.line(f"point = Point({self.value('int')}, {self.value('list')}); effects.change(point)")
        self.line("print(point, effects.give([point])[0].items is point.items, effects.give(point) == point)")

    def write_once(self) -> None:
        self._guarded(f"print({self._with('as_one')}({self.n(7)}, {self.value('list')}))")

    def write_decorated(self) -> None:
        self.need("traced")
        name = self.name("traced")
        self.line("@traced")
        self.line(f"def {name}(n): return chance.answer('traced', n)")
        self.line(f"print({name}({self.value('int')}), effects.call({name}, {self.n()}))")

    def write_recursive(self) -> None:
        self.line(f"print({self._with('tree')}({self.n(4)}))")

    def write_partial(self) -> None:
        self.line(f"later = functools.partial({self.one(('chance.answer', 'effects.give'))}, {self.value('text')})")
        self.line("print(later(), effects.call(later), [*map(effects.call, [later, later])])")

    def write_generator(self) -> None:
        name = self.name("generator")
        made = ["steps(3)", "around(2)", "(chance.answer('g', at) for at in range(3))"]
        self.line(f"{name} = {self.one(made)}")
        self.need("steps", "around")
        steps = [
            f"print(next({name}, None))",
            f"print([*{name}])",
            f"{name}.close()",
            f"print(next({name}, None)) or {name}.close()",
        ]
        self.repeat(lambda: self.line(self.one(steps)), 3)

    def write_code(self) -> None:
        self.line(f"names = {{'chance': chance, 'v': {self.any_value()}}}")
        made = [
            "exec('x = [chance.answer(at) for at in \"ab\"]', names); print(names['x'])",
            "exec('def made(n): return chance.answer(\"made\", n)', names); print(names['made'](1))",
            "print(eval('lambda n: chance.answer(\"lam\", n)', names)(3))",
        ]
        self.line(self.one(made))

    # What a session has rules for.

    def write_prints(self) -> None:
        self.line(
            self.text_of(
                [
                    lambda: f"print({self.value('int')}, end=''); print('z')",
                    lambda: f"print('a', {self.value('text')}, sep='|', end=' '); chance.answer('mid'); print()",
                    lambda: f"print('to stderr', {self.value('int')}, file=sys.stderr)",
                    "print('two\\nlines', flush=True)",
                    "sys.stdout.write('begun '); chance.answer('w'); sys.stdout.write('ended\\n')",
                    "effects.chatter('ch')",
                ]
            ).replace("\n", "\\n")
        )

    def write_logs(self) -> None:
        level = self.one(("warning", "error", "info"))
        self.line(f"logging.getLogger('app').{level}('n %s', {self.value('int')})")

    def write_clock(self) -> None:
        self.line(
            self.one(
                [
                    "began = time.time(); chance.answer('t'); print(time.time() >= began)",
                    "time.sleep(0.001)",
                    "began = time.monotonic(); time.sleep(0.001); print(time.monotonic() - began >= 0.001)",
                    "print(time.perf_counter() <= time.perf_counter())",
                ]
            )
        )

    def write_chance(self) -> None:
        self.line(
            self.one(
                [
                    "random.seed(4); print(random.random(), random.choice('abc'))",
                    "print(random.random())",
                    "print(uuid.uuid4())",
                    "dice = random.Random(3); effects.call(dice.random); print(dice.random())",
                    "dice = random.Random(); print(effects.give(dice) is dice, dice.randint(1, 9))",
                    "state = random.getstate(); a = random.random(); random.setstate(state); print(a == random.random())",
                    "cards = [1, 2, 3]; random.shuffle(cards); chance.answer('cards', cards[0])",
                    "if random.random() < 0.5: chance.answer('coin')",
                ]
            )
        )

    def write_store(self) -> None:
        self._guarded(
            self.one(
                [
                    "print(ninelives.add_values('v', 2))",
                    "ninelives.set_value('v', chance.answer('store'))",
                    "print(ninelives.get_value('v'), sorted(ninelives.list_values_keys()))",
                    "ninelives.store['w'] = [1, {'a': 2}]; print(ninelives.store['w'])",
                    "print(ninelives.check_and_set_value('v', 1, 2))",
                    "ninelives.del_value('v')",
                ]
            )
        )

    def write_live(self) -> None:
        client = self.name("client")
        self.line(f"{client} = effects.Client('{client}')")
        uses = [
            f"print({client}.send('hi'))",
            f"print(effects.give({client}) is {client}, {client}.name)",
            f"print((held := effects.give([{client}, 1]))[0] is {client}, held[0].send('b'))",
            f"print([*map({client}.send, 'pq')])",
        ]
        self.repeat(lambda: self.line(self.one(uses)), 2)

    def write_file(self) -> None:
        file, name = f"'{self.one('ab')}.txt'", self.name("file")
        mode = self.one(("w", "a", "r", "wb+", "w+"))
        with self.block("try:"), self.block(f"with open({file}, '{mode}') as {name}:"):
            self.repeat(lambda: self.line(self._use(name, mode)), 3)
        with self.block("except OSError as error:"):
            self.line("print(error)")

    def _use(self, name: str, mode: str) -> str:
        if mode == "r":
            return self.one((f"print({name}.read())", f"print({name}.readline())", f"for line in {name}: print(line)"))
        if mode == "wb+":
            return self.one((f"print({name}.write(b'bin'))", f"print({name}.tell())", f"{name}.seek(0)"))
        options: list[Option] = [
            lambda: f"{name}.write(str({self.value('int')}) + '\\n')",
            lambda: f"print('more', {self.value('text')}, file={name})",
            f"{name}.writelines(['a\\n', 'b\\n'])",
            f"json.dump({{'n': chance.answer('js')}}, {name})",
        ]
        if mode == "w+":
            options.append(f"{name}.seek(0); print({name}.readlines())")
        return self.text_of(options)

    def write_path(self) -> None:
        path = f"pathlib.Path('{self.one('ab')}.txt')"
        self.line(
            self.text_of(
                [
                    lambda: f"print({path}.write_text({self.value('text')}))",
                    f"print({path}.exists() and {path}.read_text())",
                ]
            )
        )

    # Where a kill may stop the session.

    def write_take_half(self) -> None:
        self.line(
            self.text_of(
                [
                    lambda: "for at in effects.count(3): chance.answer('taken', at)",
                    lambda: "for at in effects.count(3): print(at); break",
                    lambda: f"print(next(effects.count({self.n(2)}), None))",
                    lambda: "print([*zip(effects.Rows(2), 'ab')])",
                    lambda: f"print([*map(chance.answer, effects.count({self.n(3)}))])",
                    lambda: f"print(sum(chance.count(4, {self.n(4)})))",
                ]
            )
        )

    def write_outside_with(self) -> None:
        with self.block("with effects.section('s') as up:"):
            self.body()

    def _guarded(self, text: str) -> None:
        """Write a call that may fail as one that does not, or as it is."""
        if not self.maybe():
            with self.block("try:"):
                self.line(text)
            with self.block("except Exception as error:"):
                self.line("print(repr(error))")
        else:
            self.line(text)
