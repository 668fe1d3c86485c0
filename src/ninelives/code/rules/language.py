"""What belongs to the language itself: builtins, the types behind them, and what they iterate with."""

from __future__ import annotations

import builtins

from ninelives.code.rules.kinds import Kind

#: Making an exception touches nothing; every Python version adds some.
_EXCEPTIONS = " ".join(
    f"builtins.{name}"
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException) and value.__name__ == name  # not IOError, an alias
)

TABLE = {
    Kind.DETERMINISTIC: f"""
        {_EXCEPTIONS}
        builtins.abs builtins.ascii builtins.bin builtins.callable builtins.chr builtins.delattr builtins.dir
        builtins.divmod builtins.format builtins.hash builtins.hex builtins.id builtins.isinstance builtins.issubclass
        builtins.len builtins.oct builtins.ord builtins.pow builtins.repr builtins.round builtins.setattr
        builtins.__build_class__

        builtins.bool builtins.bytearray.* builtins.bytes.* builtins.classmethod builtins.complex builtins.dict.*
        builtins.float builtins.frozenset.* builtins.int builtins.list.* builtins.memoryview builtins.object
        builtins.property builtins.range builtins.set.* builtins.slice builtins.staticmethod builtins.str builtins.super
        builtins.tuple.* builtins.type
        maketrans # str.maketrans and bytes.maketrans: C static methods show no class

        # types without a name of their own, and the attributes they are reached by
        builtins.NoneType builtins.NotImplementedType builtins.builtin_function_or_method builtins.cell
        builtins.classmethod_descriptor builtins.code builtins.dict_items builtins.dict_keys builtins.dict_values
        builtins.ellipsis builtins.frame builtins.function builtins.getset_descriptor builtins.mappingproxy
        builtins.member_descriptor builtins.memory_iterator@3.12 builtins.method-wrapper
        builtins.method_descriptor builtins.module builtins.traceback builtins.wrapper_descriptor
        builtins.bytearray_iterator builtins.bytes_iterator builtins.dict_itemiterator builtins.dict_keyiterator
        builtins.dict_reverseitemiterator builtins.dict_reversekeyiterator builtins.dict_reversevalueiterator
        builtins.dict_valueiterator builtins.list_iterator builtins.list_reverseiterator builtins.longrange_iterator
        builtins.odict_items builtins.odict_iterator builtins.odict_keys builtins.odict_values
        builtins.range_iterator builtins.set_iterator builtins.str_ascii_iterator builtins.str_iterator
        builtins.tuple_iterator

        # `exit()` and `quit()` raise SystemExit
        _sitebuiltins.Quitter
    """,
    Kind.HANDED: """
        builtins.aiter builtins.all builtins.anext builtins.any builtins.bytearray builtins.bytes builtins.dict
        builtins.enumerate builtins.filter builtins.frozenset builtins.getattr builtins.hasattr builtins.iter
        builtins.list builtins.map builtins.max builtins.min builtins.next builtins.reversed builtins.set
        builtins.sorted builtins.sum builtins.tuple builtins.zip
        builtins.method # types.MethodType
        builtins.callable_iterator builtins.iterator # of iter(f, end) and of classes with __getitem__

        builtins.bytearray.__init__ builtins.bytearray.extend builtins.bytearray.join builtins.bytes.__new__
        builtins.bytes.join builtins.dict.__init__ builtins.dict.fromkeys builtins.dict.update
        builtins.frozenset.__new__ builtins.frozenset.difference builtins.frozenset.intersection
        builtins.frozenset.isdisjoint builtins.frozenset.issubset builtins.frozenset.issuperset
        builtins.frozenset.symmetric_difference builtins.frozenset.union builtins.list.__iadd__ builtins.list.__init__
        builtins.list.extend builtins.list.sort builtins.set.__init__ builtins.set.difference
        builtins.set.difference_update builtins.set.intersection builtins.set.intersection_update
        builtins.set.isdisjoint builtins.set.issubset builtins.set.issuperset builtins.set.symmetric_difference
        builtins.set.symmetric_difference_update builtins.set.union builtins.set.update builtins.str.join
        builtins.tuple.__new__

        # a class with type arguments is made by calling the class: list[int](rows)
        types.GenericAlias
    """,
    Kind.READS_FRAME: """
        builtins.globals builtins.locals builtins.vars
    """,
    Kind.AS_SELF: """
        builtins.generator builtins.coroutine builtins.coroutine_wrapper builtins.async_generator
        builtins.async_generator_asend builtins.async_generator_athrow builtins.anext_awaitable
    """,
    Kind.SPECIAL: """
        builtins.__import__ builtins.breakpoint builtins.compile builtins.eval builtins.exec builtins.input
        builtins.print
        io.open io.open_code # the builtin open is io.open
        pathlib.Path.open
        importlib._bootstrap.__import__ importlib.import_module importlib.reload
        asyncio.run asyncio.Runner asyncio.new_event_loop asyncio.get_event_loop asyncio.set_event_loop
        asyncio.gather asyncio.all_tasks asyncio.as_completed asyncio.run_coroutine_threadsafe
        # making one; their methods are direct
        asyncio.Future asyncio.Task
        # outside code may set them
        asyncio.Event asyncio.LifoQueue asyncio.PriorityQueue asyncio.Queue
        # loops that are not the session's
        asyncio.BaseDefaultEventLoopPolicy.get_event_loop asyncio.BaseDefaultEventLoopPolicy.new_event_loop
        asyncio.BaseEventLoop.run_forever asyncio.BaseEventLoop.run_until_complete
        sys.breakpointhook
    """,
}
