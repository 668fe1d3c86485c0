"""The standard library of Python 3.11 to 3.13, module by module. What is not here is an activity.

Whole modules are listed where nothing in them reaches out; where something does, it has an entry of kind `activity`, or
only what was reviewed is listed. Printing to `sys.stdout` is not reaching out: the session owns it.
"""

from __future__ import annotations

from ninelives.code.rules.kinds import Kind

TABLE = {
    Kind.DETERMINISTIC: """
        __future__ abc array ast audioop@<3.13 base64 binascii calendar cmath codecs codeop colorsys contextvars copy
        datetime decimal difflib dis email encodings enum errno fnmatch fractions getopt gettext hmac html ipaddress
        keyword math nturl2path numbers opcode pickletools pprint queue quopri reprlib shlex sre_compile sre_constants
        sre_parse stat string stringprep struct symtable textwrap token types typing unicodedata zlib zoneinfo
        _compat_pickle _pylong@3.12 _strptime
        bz2.BZ2Compressor bz2.BZ2Decompressor bz2.compress bz2.decompress
        cgi.parse_header@<3.13
        collections
        configparser
        # the mixin methods call what their `self` defines
        collections.abc
        curses.ascii
        gc
        glob.escape glob.translate@3.13
        gzip.BadGzipFile gzip.decompress # compress puts the time in
        hashlib # also pbkdf2_hmac, scrypt
        http.HTTPMethod http.HTTPStatus http.cookies
        http.client.HTTPException http.client.HTTPMessage
        imaplib.Int2AP imaplib.Internaldate2tuple imaplib.ParseFlags
        io.BytesIO io.IncrementalNewlineDecoder io.StringIO io.UnsupportedOperation
        linecache.checkcache linecache.clearcache
        logging.getLevelName logging.getLogger logging.getLoggerClass logging.getLevelNamesMapping
        lzma.LZMACompressor lzma.LZMADecompressor lzma.LZMAError lzma.compress lzma.decompress lzma.is_check_supported
        marshal.dumps marshal.loads
        multiprocessing.context.AuthenticationError multiprocessing.context.BufferTooShort
        multiprocessing.context.ProcessError multiprocessing.context.TimeoutError
        operator.attrgetter operator.itemgetter operator.methodcaller
        os.PathLike os.WCOREDUMP os.WEXITSTATUS os.WIFCONTINUED os.WIFEXITED os.WIFSIGNALED os.WIFSTOPPED os.WSTOPSIG
        os.WTERMSIG os.fsdecode os.fsencode os.fspath os.getcwd os.getcwdb os.major os.makedev os.minor os.stat_result
        os.strerror os.terminal_size os.times_result os.uname_result os.statvfs_result os.waitstatus_to_exitcode
        os.sched_param
        os.path.abspath os.path.basename os.path.commonpath os.path.commonprefix os.path.dirname os.path.isabs
        os.path.isreserved@windows os.path.join os.path.normcase os.path.normpath os.path.relpath os.path.samestat
        os.path.split os.path.splitdrive os.path.splitext os.path.splitroot@3.12
        pathlib.Path pathlib.PosixPath pathlib.PurePath pathlib.PurePosixPath pathlib.PureWindowsPath
        pathlib.UnsupportedOperation@3.13 pathlib.WindowsPath
        pathlib.Path.__init__@3.12 pathlib.Path.__new__@<3.13 pathlib.Path.absolute pathlib.Path.cwd
        pathlib.Path.from_uri@3.13
        pickle.PickleBuffer pickle.PickleError pickle.PicklingError pickle.UnpicklingError pickle.decode_long
        pickle.dumps pickle.encode_long pickle.loads
        plistlib.dumps plistlib.loads plistlib.UID plistlib.InvalidFileException plistlib.PlistFormat
        pydoc.splitdoc
        random.Random.* # of a generator with a seed of its own
        random.SystemRandom # it holds nothing; what its methods read is recorded
        re
        selectors.SelectorKey
        shutil.Error shutil.ReadError shutil.RegistryError shutil.SameFileError shutil.SpecialFileError shutil.ExecError
        shutil.ignore_patterns
        signal.Handlers signal.Sigmasks signal.Signals signal.default_int_handler signal.strsignal signal.valid_signals
        socket.AddressFamily socket.AddressInfo socket.CMSG_LEN socket.CMSG_SPACE socket.MsgFlag socket.SocketKind
        socket.gaierror socket.herror
        socket.htonl socket.htons socket.inet_aton socket.inet_ntoa socket.inet_ntop socket.inet_pton socket.ntohl
        socket.ntohs
        smtplib.SMTPException smtplib.SMTPResponseException smtplib.SMTPServerDisconnected smtplib.quoteaddr
        smtplib.quotedata
        sqlite3.Row sqlite3.complete_statement sqlite3.dbapi2 sqlite3.Error sqlite3.Warning
        ssl.SSLError ssl.SSLCertVerificationError ssl.DER_cert_to_PEM_cert ssl.PEM_cert_to_DER_cert
        ssl.cert_time_to_seconds
        statistics.NormalDist
        subprocess.CalledProcessError subprocess.CompletedProcess subprocess.SubprocessError subprocess.TimeoutExpired
        subprocess.list2cmdline
        sys
        tarfile.TarError tarfile.TarInfo
        threading
        time.get_clock_info time.mktime time.strptime time.struct_time
        tokenize.TokenInfo tokenize.TokenError tokenize.untokenize
        tomllib.TOMLDecodeError
        urllib.error urllib.parse
        uu.Error@<3.13
        uuid.SafeUUID uuid.UUID uuid.uuid3 uuid.uuid5
        weakref
        wsgiref.headers wsgiref.util.guess_scheme
        xdrlib@<3.13
        xml.dom.minidom xml.dom.domreg xml.etree.ElementPath xml.etree.ElementTree xml.parsers.expat xml.sax.saxutils
        xml.sax.SAXException xml.sax.xmlreader.AttributesImpl xml.sax.xmlreader.InputSource
        xmlrpc.client.Binary xmlrpc.client.Error xmlrpc.client.Fault xmlrpc.client.ProtocolError xmlrpc.client.dumps
        xmlrpc.client.loads
        zipfile.BadZipFile zipfile.LargeZipFile zipfile.ZipInfo
    """,
    Kind.HANDED: """
        array.array array.array.extend array.array.fromfile array.array.tofile
        base64.decode base64.encode quopri.decode quopri.encode
        bisect
        codecs.EncodedFile codecs.StreamReader codecs.StreamReaderWriter codecs.StreamRecoder codecs.StreamWriter
        codecs.iterdecode codecs.iterencode
        collections.ChainMap collections.Counter collections.OrderedDict collections.UserDict collections.UserList
        collections.UserString collections.defaultdict collections.deque
        configparser.RawConfigParser.read_dict configparser.RawConfigParser.read_file configparser.RawConfigParser.write
        configparser.RawConfigParser.readfp@<3.12
        csv
        difflib.Differ difflib.SequenceMatcher difflib.HtmlDiff difflib.context_diff difflib.diff_bytes
        difflib.get_close_matches difflib.ndiff difflib.restore difflib.unified_diff
        email.message_from_binary_file email.message_from_file email.parser
        functools.cmp_to_key functools.partial functools.partialmethod functools.reduce
        gettext.GNUTranslations graphlib
        hashlib.file_digest
        heapq
        io.BytesIO.writelines io.StringIO.writelines
        itertools
        json
        marshal.dump marshal.load
        math.dist math.fsum math.gcd math.lcm math.prod math.sumprod@3.12
        operator
        pickle.Pickler pickle.Unpickler pickle.dump pickle.load pickle._Pickler pickle._Unpickler pickle._dump
        pickle._dumps pickle._load pickle._loads
        plistlib.dump plistlib.load
        pprint.PrettyPrinter pprint.pprint pprint.pp
        re.Pattern.sub re.Pattern.subn re.Scanner re.sub re.subn
        shlex.join shlex.shlex
        statistics
        tokenize.detect_encoding tokenize.generate_tokens tokenize.tokenize
        tomllib.load tomllib.loads
        types.new_class types.coroutine
        urllib.parse.urlencode
        weakref.WeakMethod weakref.finalize weakref.ReferenceType weakref.proxy weakref.WeakSet
        weakref.WeakValueDictionary weakref.WeakKeyDictionary
        zoneinfo.ZoneInfo.from_file
    """,
    Kind.CONFIGURES: """
        atexit
        cProfile.Profile profile.Profile
        codecs.register codecs.register_error codecs.unregister copyreg
        contextlib.chdir
        csv.field_size_limit csv.register_dialect csv.unregister_dialect
        decimal.getcontext decimal.localcontext decimal.setcontext
        email.charset.add_alias email.charset.add_charset email.charset.add_codec
        faulthandler
        gc.collect gc.disable gc.enable gc.freeze gc.set_debug gc.set_threshold gc.unfreeze
        gettext.bindtextdomain gettext.install gettext.textdomain
        # finding and loading modules is what a program is made of
        importlib pkgutil site zipimport
        locale
        logging.addLevelName logging.basicConfig logging.captureWarnings logging.config logging.disable logging.handlers
        logging.setLogRecordFactory logging.setLoggerClass logging.shutdown logging.FileHandler logging.StreamHandler
        logging.Handler logging.Filter logging.Formatter logging.NullHandler logging.Manager
        logging.Logger.addHandler logging.Logger.removeHandler logging.Logger.setLevel logging.Filterer
        mimetypes.add_type
        multiprocessing.context.BaseContext.freeze_support multiprocessing.context.BaseContext.set_executable
        multiprocessing.context.BaseContext.set_forkserver_preload
        multiprocessing.context.DefaultContext.set_start_method
        os.add_dll_directory@windows os.chdir os.fchdir os.nice os.putenv os.register_at_fork os.sched_setaffinity
        os.umask os.unsetenv
        readline.parse_and_bind
        resource.setrlimit
        shutil.register_archive_format shutil.register_unpack_format shutil.unregister_archive_format
        shutil.unregister_unpack_format
        signal.getsignal signal.set_wakeup_fd signal.siginterrupt signal.signal
        socket.getdefaulttimeout socket.setdefaulttimeout
        sqlite3.enable_callback_tracebacks sqlite3.register_adapter sqlite3.register_converter
        # contexts read certificates of the machine, and can't be saved
        ssl.SSLContext ssl.create_default_context ssl._create_unverified_context
        sys.activate_stack_trampoline@3.12 sys.addaudithook sys.deactivate_stack_trampoline@3.12 sys.set_asyncgen_hooks
        sys.set_coroutine_origin_tracking_depth sys.set_int_max_str_digits sys.setdlopenflags sys.setprofile
        sys.setrecursionlimit sys.setswitchinterval sys.settrace sys.monitoring@3.12
        threading.setprofile threading.settrace threading.stack_size
        threading.setprofile_all_threads@3.12 threading.settrace_all_threads@3.12
        time.tzset
        tracemalloc.clear_traces tracemalloc.reset_peak tracemalloc.start tracemalloc.stop
        warnings.catch_warnings warnings.filterwarnings warnings.resetwarnings warnings.simplefilter
        zoneinfo.reset_tzpath
    """,
    Kind.DRIVES: """
        argparse optparse
        ast.NodeTransformer ast.NodeVisitor
        # the session's loop is behind these; what reaches out is listed as activity
        asyncio asyncio.Event.* asyncio.Future.* asyncio.LifoQueue.* asyncio.PriorityQueue.* asyncio.Queue.*
        asyncio.Task.*
        concurrent.futures
        contextlib
        contextvars.Context
        dataclasses
        functools
        html.parser
        reprlib.recursive_repr
        sys.call_tracing
        types.DynamicClassAttribute
        unittest
        xml.sax.handler xml.sax.parseString xml.sax.expatreader xml.sax.make_parser
        xml.sax.xmlreader.IncrementalParser.close xml.sax.xmlreader.IncrementalParser.feed
        xml.parsers.expat.ParserCreate
    """,
    Kind.READS_FRAME: """
        bdb pdb
        collections.namedtuple dataclasses.make_dataclass
        enum.Enum enum.EnumType
        inspect traceback
        io.text_encoding
        logging
        sys._current_exceptions sys._current_frames sys._getframe sys._getframemodulename@3.12 sys.exc_info
        sys.exception
        typing.NamedTuple typing.NewType typing.ParamSpec typing.TypeVar typing.TypeVarTuple typing.TypedDict
        warnings
    """,
    Kind.AS_SELF: """
        collections.abc.AsyncGenerator.* collections.abc.AsyncIterator.* collections.abc.Coroutine.*
        collections.abc.Generator.* collections.abc.Iterator.* collections.abc.ItemsView.* collections.abc.KeysView.*
        collections.abc.Mapping.* collections.abc.MappingView.* collections.abc.MutableMapping.*
        collections.abc.MutableSequence.* collections.abc.MutableSet.* collections.abc.Sequence.* collections.abc.Set.*
        collections.abc.ValuesView.*
        collections.UserDict.* collections.UserList.* collections.UserString.* collections.ChainMap.*
        concurrent.futures.Executor.*
        contextlib._AsyncGeneratorContextManager.* contextlib._GeneratorContextManager.*
        contextlib._GeneratorContextManagerBase.*
    """,
    Kind.CLOCK: """
        datetime.date.today datetime.datetime.now datetime.datetime.today datetime.datetime.utcnow
        email.utils.formatdate email.utils.localtime
        asyncio.BaseEventLoop.time
        http.cookies.BaseCookie.js_output http.cookies.BaseCookie.output http.cookies.Morsel.OutputString
        http.cookies.Morsel.js_output http.cookies.Morsel.output # a number in `expires` counts from now
        os.times
        time.asctime time.clock_gettime time.clock_gettime_ns time.ctime time.gmtime time.localtime time.monotonic
        time.monotonic_ns time.perf_counter time.perf_counter_ns time.process_time time.process_time_ns time.strftime
        time.thread_time time.thread_time_ns time.time time.time_ns time.clock_getres
    """,
    Kind.ENTROPY: """
        os.getrandom os.urandom
        random.SystemRandom.*
        secrets
        ssl.RAND_bytes ssl.RAND_pseudo_bytes@<3.12 ssl.RAND_add ssl.RAND_status
    """,
    Kind.RANDOM: """
        random random.Random random.Random.__init__ random.Random.seed uuid.uuid1 uuid.uuid4
    """,
    Kind.SESSION: """
        asyncio.sleep time.sleep
    """,
    Kind.ENVIRONMENT: """
        os._Environ os.get_exec_path os.getenv os.getenvb os.path.expanduser os.path.expandvars pathlib.Path.expanduser
        pathlib.Path.home
        importlib.resources._common.files # where a package lies is found as imports find it
        importlib.metadata # which packages are installed is part of the build
        sysconfig
    """,
    Kind.THREAD: """
        concurrent.futures.ThreadPoolExecutor
        threading.Thread threading.Timer threading._DummyThread
        os.fork os.forkpty
        threading.start_new threading.start_new_thread threading.start_joinable_thread@3.13
    """,
    Kind.ACTIVITY: """
        codecs.StreamReaderWriter.* codecs.StreamRecoder.* codecs.StreamReader.* codecs.StreamWriter.*
        argparse.FileType
        ast.main
        # not coordination: connections, processes, signals, and loops that are not the session's
        asyncio.StreamReader asyncio.StreamReaderProtocol asyncio.StreamWriter asyncio.open_connection
        asyncio.open_unix_connection asyncio.start_server asyncio.start_unix_server asyncio.subprocess
        asyncio.BaseEventLoop.connect_accepted_socket asyncio.BaseEventLoop.connect_read_pipe
        asyncio.BaseEventLoop.connect_write_pipe asyncio.BaseEventLoop.create_connection
        asyncio.BaseEventLoop.create_datagram_endpoint asyncio.BaseEventLoop.create_server
        asyncio.BaseEventLoop.getaddrinfo asyncio.BaseEventLoop.getnameinfo asyncio.BaseEventLoop.sendfile
        asyncio.BaseEventLoop.sock_sendfile asyncio.BaseEventLoop.start_tls asyncio.BaseEventLoop.subprocess_exec
        asyncio.BaseEventLoop.subprocess_shell asyncio.base_subprocess asyncio.selector_events asyncio.unix_events
        asyncio.DatagramTransport asyncio.ReadTransport asyncio.SubprocessTransport asyncio.Transport
        asyncio.WriteTransport asyncio.Server asyncio.sslproto asyncio.proactor_events
        asyncio.windows_events@windows asyncio.windows_utils@windows
        bz2.BZ2File bz2.open codecs.open
        cProfile.Profile.dump_stats profile.Profile.dump_stats cProfile.Profile.print_stats profile.Profile.print_stats
        calendar.main
        concurrent.futures.ProcessPoolExecutor
        configparser.RawConfigParser.read
        email.generator email.message.MIMEPart.as_string email.message.Message.as_bytes email.message.Message.as_string
        email.utils.make_msgid # these choose boundaries at random, or ask for the host's name
        gettext.find gettext.translation
        importlib.resources importlib.simple importlib.readers
        linecache.getline linecache.getlines linecache.updatecache linecache.lazycache
        logging.config.listen logging.config.stopListening
        lzma.LZMAFile lzma.open
        operator.methodcaller.* # it calls a method of whatever it is given
        os.DirEntry
        pathlib.Path.*
        pkgutil.get_data
        quopri.main base64.main
        site.main
        sqlite3.Connection sqlite3.Cursor
        ssl.SSLContext.wrap_bio ssl.SSLContext.wrap_socket
        statistics.NormalDist.samples statistics.kde_random@3.13
        unittest.loader.TestLoader.discover unittest.main.TestProgram
        xml.dom.expatbuilder xml.dom.minidom.parse xml.dom.pulldom xml.dom.xmlbuilder
        xml.etree.ElementTree.ElementTree.parse xml.etree.ElementTree.ElementTree.write
        xml.etree.ElementTree.ElementTree.write_c14n xml.etree.ElementTree.canonicalize xml.etree.ElementTree.iterparse
        xml.etree.ElementTree.parse
        xml.sax.expatreader.ExpatParser.parse xml.sax.parse xml.sax.saxutils.prepare_input_source
        xml.sax.xmlreader.IncrementalParser.parse
        zipfile.ZipInfo.from_file
        zoneinfo.available_timezones
    """,
}
