"""Packages of other people, by the names their callables show. What is not here is an activity.

A package whose functions take callables, iterators or files is `handed` as a whole. Clients, connections and whatever
reads a file by its path are left to be activities, also where a package is otherwise listed.
"""

from __future__ import annotations

from ninelives.code.rules.kinds import Kind

TABLE = {
    Kind.DETERMINISTIC: """
        # the SDK's client factories only put a client together from the environment; the client's calls are activities
        autokitteh
        ninelives

        # a row; it is called a mapping, and iterates over its values
        asyncpg.protocol.protocol.Record asyncpg.protocol.record.Record
        bs4.dammit bs4.element bs4.formatter
        chardet.detect charset_normalizer.api.from_bytes charset_normalizer.models
        cryptography.exceptions cryptography.hazmat.bindings._rust.openssl.hashes
        cryptography.hazmat.bindings._rust.openssl.hmac cryptography.hazmat.primitives.hashes
        cryptography.hazmat.primitives.constant_time cryptography.hazmat.primitives.padding
        dateutil.easter dateutil.relativedelta dateutil.tz dateutil.parser.isoparser
        frozendict
        httpx.HTTPStatusError httpx.Headers httpx.InvalidURL httpx.Limits httpx.QueryParams httpx.Timeout httpx.URL
        httpx._urls httpx._exceptions
        httpx2.HTTPStatusError httpx2.Headers httpx2.InvalidURL httpx2.Limits httpx2.QueryParams httpx2.Timeout
        httpx2.URL httpx2._urls httpx2._exceptions
        # what the program puts into a client's cookies is put there again by replay
        httpx._models.Cookies httpx2._models.Cookies
        humanize
        idna
        inflection
        jellyfish
        jwt.api_jws.PyJWS.get_unverified_header jwt.exceptions
        langchain_core.documents langchain_core.messages langchain_core.output_parsers langchain_core.outputs
        langchain_core.prompt_values langchain_core.prompts langchain_core.load langchain_core.runnables
        lxml
        markdown markdown_it mdurl mistune
        markupsafe
        multidict
        packaging
        phonenumbers
        pygments
        pytz
        requests.exceptions requests.models.Response.raise_for_status requests.structures
        semver
        shapely
        slugify text_unidecode unidecode
        sniffio
        sqlalchemy.sql # expressions; a connection or a session runs them
        sqlparse
        stringcase
        tabulate
        tiktoken.core.Encoding tiktoken.model.encoding_name_for_model tiktoken.registry.list_encoding_names
        typing_extensions typing_inspection annotated_types annotated_doc
        tzdata
        urllib3.exceptions
        wcwidth
        yarl
    """,
    Kind.HANDED: """
        Levenshtein rapidfuzz thefuzz
        arrow pendulum
        bs4
        boltons.dictutils boltons.iterutils boltons.setutils boltons.strutils boltons.typeutils
        cytoolz more_itertools toolz
        cachetools.Cache cachetools.FIFOCache cachetools.LFUCache cachetools.LRUCache
        croniter.croniter.croniter.* croniter.croniter.croniter_range croniter.croniter.datetime_to_timestamp
        dateutil.rrule
        deepdiff
        glom
        jmespath
        jsonpatch jsonpointer
        jsonschema referencing rpds
        lxml.etree.XPath lxml.etree._Element.extend
        msgpack ormsgpack
        msgspec
        networkx.classes networkx.algorithms networkx.convert networkx.convert_matrix networkx.exception
        networkx.generators networkx.linalg networkx.relabel networkx.utils networkx.readwrite.json_graph
        numpy
        # made by an activity, so that it starts from the same; what it draws follows from that
        numpy.random._generator.Generator.*
        orjson simplejson ujson
        pandas pandas.Timestamp.* pandas.io.formats pandas.io.json._normalize
        pyparsing
        pyrsistent pvectorc
        regex _regex
        sortedcontainers
        sympy mpmath
        toml tomli tomli_w tomlkit
        tqdm
        yaml yaml_include
    """,
    Kind.CONFIGURES: """
        autokitteh.packages # installs what is missing, and that is this process's environment
        dotenv.main.load_dotenv
        humanize.i18n.activate humanize.i18n.deactivate
        matplotlib.use matplotlib.rc matplotlib.rcdefaults matplotlib.rc_params matplotlib.style.core
        loguru._logger.Logger.add loguru._logger.Logger.configure loguru._logger.Logger.remove
        nest_asyncio.apply
        networkx.utils.configs
        numpy.random.seed numpy.random.set_state # the draws are activities, which record the state they leave
        numpy.errstate numpy.printoptions numpy.set_printoptions numpy.setbufsize numpy.seterr numpy.seterrcall
        pandas.option_context pandas.reset_option pandas.set_eng_float_format pandas.set_option pandas._config
        pendulum.helpers.set_locale pendulum.travel
        pendulum.travel_back pendulum.travel_to pendulum.tz.local_timezone.set_local_timezone
        pendulum.helpers.week_ends_at pendulum.helpers.week_starts_at
        # scopes and spans live in the process; captured events are activities
        sentry_sdk._init_implementation sentry_sdk.scope sentry_sdk.integrations sentry_sdk.api.add_breadcrumb
        sentry_sdk.api.configure_scope sentry_sdk.api.continue_trace sentry_sdk.api.get_client
        sentry_sdk.api.get_current_scope sentry_sdk.api.get_current_span sentry_sdk.api.get_global_scope
        sentry_sdk.api.get_isolation_scope sentry_sdk.api.is_initialized sentry_sdk.api.push_scope
        sentry_sdk.api.set_context sentry_sdk.api.set_extra sentry_sdk.api.set_level sentry_sdk.api.set_measurement
        sentry_sdk.api.set_tag sentry_sdk.api.set_tags sentry_sdk.api.set_transaction_name sentry_sdk.api.set_user
        sentry_sdk.api.start_span sentry_sdk.api.start_transaction sentry_sdk.api.update_current_span
        structlog._config.configure structlog._config.configure_once structlog._config.reset_defaults
        structlog.contextvars structlog.stdlib.recreate_defaults
        truststore._api
        urllib3.disable_warnings
        uvloop.install
    """,
    Kind.DRIVES: """
        # coordination of tasks, on the session's loop; sockets, files, processes and signals are activities
        anyio.CancelScope anyio.CapacityLimiter anyio.Condition anyio.Event anyio.Future anyio.Lock anyio.ResourceGuard
        anyio.Semaphore anyio.TaskHandle anyio.TaskInfo anyio.amap anyio.as_completed anyio.create_memory_object_stream
        anyio.create_task_group anyio.current_effective_deadline anyio.current_time anyio.fail_after anyio.fail_at
        anyio.gather anyio.get_all_backends anyio.get_available_backends anyio.get_cancelled_exc_class
        anyio.get_current_task anyio.get_running_tasks anyio.move_on_after anyio.move_on_at anyio.sleep
        anyio.sleep_forever anyio.sleep_until anyio.to_thread anyio.wait_all_tasks_blocked
        anyio.abc._tasks anyio.functools anyio.itertools anyio.lowlevel anyio.streams.memory
        anyio._core._concurrency_utils anyio._core._contextmanagers anyio._core._futures anyio._core._resources
        anyio._core._synchronization anyio._core._tasks anyio._core._testing
        anyio._backends._asyncio.CancelScope anyio._backends._asyncio.CapacityLimiter anyio._backends._asyncio.Event
        anyio._backends._asyncio.Lock anyio._backends._asyncio.Semaphore anyio._backends._asyncio.TaskGroup
        anyio._backends._asyncio._AsyncioTaskStatus
        attr attrs cattr cattrs
        backoff stamina retrying retry tenacity
        cachetools.cached cachetools.cachedmethod cachetools.keys cachetools.func.fifo_cache cachetools.func.lfu_cache
        cachetools.func.lru_cache
        click typer
        decorator wrapt
        funcy
        # templates are a part of the program, as its modules are: they are read again, not recorded
        jinja2
        langchain_core.tools.convert langchain_core.tools.simple langchain_core.tools.structured
        langchain_core.runnables.base.RunnableGenerator langchain_core.runnables.base.RunnableLambda
        langgraph
        marshmallow
        pluggy
        pydantic pydantic_core
        returns
        sentry_sdk.tracing.trace sentry_sdk.tracing_utils sentry_sdk.crons
    """,
    Kind.READS_FRAME: """
        dotenv.main.find_dotenv
        loguru
        pandas.core.computation pandas.core.frame.DataFrame.eval pandas.core.frame.DataFrame.query pandas.eval
        # prints to the session's own output
        rich
        structlog
        varname executing icecream
    """,
    Kind.SPECIAL: """
        anyio.run
        uvloop.new_event_loop uvloop.run
    """,
    Kind.AS_SELF: """
        # entering, leaving and iterating over memory streams and sockets
        anyio.abc.AsyncResource.* anyio.abc.UnreliableObjectReceiveStream.* anyio.abc.TaskGroup.*
        anyio.abc._resources.AsyncResource.* anyio.abc._streams.UnreliableObjectReceiveStream.*
        langchain_core.tools.base.BaseTool.ainvoke langchain_core.tools.base.BaseTool.arun
        langchain_core.tools.base.BaseTool.invoke langchain_core.tools.base.BaseTool.run
        # a model and a chain of models have these methods too
        langchain_core.runnables.base.Runnable.abatch langchain_core.runnables.base.Runnable.abatch_as_completed
        langchain_core.runnables.base.Runnable.ainvoke langchain_core.runnables.base.Runnable.astream
        langchain_core.runnables.base.Runnable.astream_events langchain_core.runnables.base.Runnable.astream_log
        langchain_core.runnables.base.Runnable.atransform langchain_core.runnables.base.Runnable.batch
        langchain_core.runnables.base.Runnable.batch_as_completed langchain_core.runnables.base.Runnable.invoke
        langchain_core.runnables.base.Runnable.stream langchain_core.runnables.base.Runnable.transform
    """,
    Kind.CLOCK: """
        arrow.api.get arrow.api.now arrow.api.utcnow arrow.arrow.Arrow.humanize arrow.arrow.Arrow.now
        arrow.arrow.Arrow.utcnow arrow.factory.ArrowFactory.get arrow.factory.ArrowFactory.now
        arrow.factory.ArrowFactory.utcnow
        babel.dates.format_date babel.dates.format_datetime babel.dates.format_time babel.dates.get_timezone_name
        croniter.croniter.croniter # starts now unless told otherwise
        # what a text leaves out is filled in from the present day
        dateparser.date.DateDataParser.get_date_data dateparser.parse dateparser.search.search_dates
        dateutil.parser._parser.parse dateutil.parser._parser.parser.parse dateutil.utils.today dateutil.rrule.rrule
        dateutil.rrule._rrulestr.__call__
        django.utils.timezone.localdate django.utils.timezone.localtime django.utils.timezone.now
        humanize.time
        numpy.datetime64 # accepts "now" and "today"
        pandas.Timestamp pandas._libs.tslibs.timestamps.Timestamp.now pandas._libs.tslibs.timestamps.Timestamp.today
        pandas._libs.tslibs.timestamps.Timestamp.utcnow
        pandas._libs.tslibs.period._Period.now
        pendulum.from_format pendulum.now pendulum.today pendulum.tomorrow pendulum.yesterday pendulum.parser.parse
        pendulum.date.Date.diff pendulum.date.Date.diff_for_humans pendulum.date.Date.today
        pendulum.datetime.DateTime.diff pendulum.datetime.DateTime.diff_for_humans pendulum.datetime.DateTime.is_future
        pendulum.datetime.DateTime.is_long_year pendulum.datetime.DateTime.is_past pendulum.datetime.DateTime.now
        pendulum.datetime.DateTime.today pendulum.datetime.DateTime.utcnow pendulum.time.Time.diff
        pendulum.time.Time.diff_for_humans
    """,
    Kind.SESSION: """
        autokitteh.activities autokitteh.events autokitteh.outcomes autokitteh.signals autokitteh.store
        ninelives.activity ninelives.add_values ninelives.attempt ninelives.check_and_set_value ninelives.del_value
        ninelives.get_value ninelives.http_outcome ninelives.idempotency_key ninelives.inhibit_activities
        ninelives.list_values_keys ninelives.mutate_value ninelives.next_event ninelives.next_signal ninelives.outcome
        ninelives.publish_value ninelives.register_no_activity ninelives.session_id ninelives.set_value ninelives.signal
        ninelives.sleep ninelives.start ninelives.store ninelives.subscribe ninelives.unpublish_value
        ninelives.unsubscribe
    """,
    Kind.ENVIRONMENT: """
        autokitteh.triggers
        certifi
        click.utils.get_app_dir typer._click.utils.get_app_dir
        decouple dotenv.main.dotenv_values dotenv.main.get_key environ environs
        platformdirs
        pydantic_settings
        tzlocal
    """,
    Kind.LAZY: """
        boto3.resources.base.ServiceResource
        github.GithubObject.CompletableGithubObject github.PaginatedList.PaginatedListBase
        jira.resources.Resource
        praw.models.base.PRAWBase
        selenium.webdriver.remote.webdriver.WebDriver selenium.webdriver.remote.webelement.WebElement
        xlwings.main
    """,
    Kind.ACTIVITY: """
        autokitteh.azurebot.AzureBotClient.* autokitteh.connections.encode_jwt autokitteh.connections.refresh_oauth
        autokitteh.microsoft.OAuthTokenProvider.get_token autokitteh.oauth2_session.OAuth2Session.*
        click.termui.confirm click.termui.edit click.termui.getchar click.termui.launch click.termui.pause
        click.termui.prompt click.utils._get_binary_stream click.utils.open_file click.types.File
        typer._click.termui.confirm typer._click.termui.getchar typer._click.termui.prompt typer.main.launch
        typer._click.termui.edit typer._click.termui.launch typer._click.termui.pause
        typer._click.utils.get_binary_stream typer._click.utils.open_file
        deepdiff.commands deepdiff.serialization.load_path_content deepdiff.serialization.save_content_to_path
        jinja2.environment.Environment.compile_templates jinja2.environment.TemplateStream.dump
        jsonschema.cli jsonschema.validators._RefResolver # fetches what schemas refer to
        jwt.api_jwt # a token is valid until a time, and some signatures are random
        # a chain of models reaches out by itself; making one does not, see above
        langchain_core.runnables.base.RunnableBindingBase.* langchain_core.runnables.base.RunnableEachBase.*
        langchain_core.runnables.base.RunnableParallel.* langchain_core.runnables.base.RunnableSequence.*
        langchain_core.runnables.base.RunnableBinding.* langchain_core.runnables.base.RunnableEach.*
        langchain_core.runnables.branch.RunnableBranch.* langchain_core.runnables.configurable.DynamicRunnable.*
        langchain_core.runnables.configurable.RunnableConfigurableFields.*
        langchain_core.runnables.configurable.RunnableConfigurableAlternatives.*
        langchain_core.runnables.fallbacks.RunnableWithFallbacks.* langchain_core.runnables.history
        langchain_core.runnables.passthrough.RunnableAssign.* langchain_core.runnables.retry
        langchain_core.runnables.router.RouterRunnable.* langchain_core.prompts.loading
        langchain_core.runnables.graph_mermaid langchain_core.runnables.graph_png
        langgraph.checkpoint.postgres langgraph.checkpoint.sqlite langgraph.checkpoint.mongodb
        langgraph.checkpoint.redis langgraph.pregel.remote langgraph.store.postgres langgraph.store.sqlite
        langgraph.store.redis
        loguru._logger.Logger.parse
        lxml.etree._ElementTree.parse lxml.etree._ElementTree.write lxml.etree._ElementTree.write_c14n
        lxml.etree._ElementTree.xinclude lxml.etree.iterparse lxml.etree.parse lxml.etree.parseid lxml.etree.xmlfile
        lxml.etree.htmlfile lxml.html.open_http_urllib lxml.html.open_in_browser lxml.html.parse lxml.html.submit_form
        markdown.core.Markdown.convertFile markdown.core.markdownFromFile
        more_itertools.recipes.random_combination more_itertools.recipes.random_combination_with_replacement
        more_itertools.recipes.random_permutation more_itertools.recipes.random_product more_itertools.more.sample
        more_itertools.more.callback_iter more_itertools.more.time_limited more_itertools.recipes.random_derangement
        # generators and algorithms that draw from a shared generator when no seed is given
        networkx.algorithms.approximation networkx.algorithms.centrality.betweenness
        networkx.algorithms.centrality.current_flow_betweenness networkx.algorithms.community
        networkx.algorithms.mis networkx.algorithms.richclub networkx.algorithms.similarity
        networkx.algorithms.smallworld networkx.algorithms.sparsifiers networkx.algorithms.swap
        networkx.algorithms.tree.mst.random_spanning_tree networkx.generators.cographs networkx.generators.community
        networkx.generators.degree_seq networkx.generators.directed networkx.generators.duplication
        networkx.generators.expanders networkx.generators.geometric networkx.generators.internet_as_graphs
        networkx.generators.intersection networkx.generators.joint_degree_seq networkx.generators.random_clustered
        networkx.generators.random_graphs networkx.generators.spectral_graph_forge networkx.generators.trees
        networkx.generators.atlas networkx.linalg.algebraicconnectivity networkx.utils.misc
        networkx.utils.random_sequence
        numpy.lib.npyio.DataSource numpy.fromfile numpy.fromregex numpy.genfromtxt numpy.load numpy.loadtxt numpy.memmap
        numpy.ndarray.dump numpy.ndarray.tofile numpy.random numpy.rec.fromfile numpy.save numpy.savetxt numpy.savez
        numpy.savez_compressed numpy.show_config numpy.show_runtime numpy._pytesttester numpy.f2py
        numpy.distutils numpy.ctypeslib numpy.lib.format numpy.lib._datasource numpy.lib.npyio numpy.lib._npyio_impl
        numpy.lib._format_impl
        packaging.tags
        pandas.ExcelFile pandas.ExcelWriter pandas.HDFStore pandas.io pandas.read_clipboard pandas.read_csv
        pandas.read_excel pandas.read_feather pandas.read_fwf pandas.read_gbq pandas.read_hdf pandas.read_html
        pandas.read_iceberg pandas.read_json pandas.read_orc pandas.read_parquet pandas.read_pickle pandas.read_sas
        pandas.read_spss pandas.read_sql pandas.read_sql_query pandas.read_sql_table pandas.read_stata
        pandas.read_table pandas.read_xml pandas.show_versions pandas.test pandas.to_pickle pandas.util.print_versions
        pandas.io.formats.style.Styler.to_excel pandas.io.formats.style.Styler.to_html
        pandas.io.formats.style.Styler.to_latex pandas.io.formats.style.Styler.to_string
        pandas.plotting pandas.core.frame.DataFrame.to_feather pandas.core.frame.DataFrame.to_gbq
        pandas.core.frame.DataFrame.to_html pandas.core.frame.DataFrame.to_iceberg
        pandas.core.frame.DataFrame.to_markdown pandas.core.frame.DataFrame.to_orc
        pandas.core.frame.DataFrame.to_parquet pandas.core.frame.DataFrame.to_stata
        pandas.core.frame.DataFrame.to_string pandas.core.frame.DataFrame.to_xml
        pandas.core.generic.NDFrame.sample pandas.core.generic.NDFrame.to_clipboard
        pandas.core.generic.NDFrame.to_csv pandas.core.generic.NDFrame.to_excel pandas.core.generic.NDFrame.to_hdf
        pandas.core.generic.NDFrame.to_json pandas.core.generic.NDFrame.to_latex
        pandas.core.generic.NDFrame.to_pickle pandas.core.generic.NDFrame.to_sql
        pandas.core.groupby.groupby.GroupBy.sample pandas.core.series.Series.to_markdown
        pandas.core.series.Series.to_string
        pydantic.deprecated.parse pydantic.main.BaseModel.parse_file pydantic.v1.parse
        pyparsing.core.ParserElement.parse_file pyparsing.core.ParserElement.run_tests pyparsing.testing
        rich.console.Console.input rich.console.Console.save_html rich.console.Console.save_svg
        rich.console.Console.save_text rich.prompt
        sqlalchemy.sql.base.Executable.execute sqlalchemy.sql.base.Executable.scalar sqlalchemy.sql.ddl
        sqlalchemy.sql.schema
        sympy.core.random sympy.plotting sympy.printing.preview sympy.stats sympy.testing sympy.utilities.autowrap
        sympy.utilities.codegen
        toml.decoder.load tomlkit.toml_file
        toolz.itertoolz.random_sample cytoolz.itertoolz.random_sample
        tqdm.contrib.concurrent tqdm.contrib.discord tqdm.contrib.slack tqdm.contrib.telegram
        pygments.cmdline pygments.formatters._load_formatters pygments.formatters.load_formatter_from_file
        pygments.lexers.load_lexer_from_file
        sqlparse.cli
    """,
}
