"""HTTP clients: urllib3 (and requests on top of it), httpx, aiohttp, urllib.request, http.client.

One call of the outermost client is one event: what it does through another client is part of it. Addresses are noted
without user, password and query.
"""
from _contextvars import ContextVar
from cmdx_agent import record
from cmdx_agent.events import AIOHTTP, FAILED, HTTP, HTTP_CLIENT, HTTPX, URLLIB, URLLIB3, clock
from cmdx_agent.record import query, strip

_is_inside = ContextVar("cmdx_http", default=False)


def _address(scheme, host, port, path):
    host = host.rpartition("@")[2]
    default = {"http": 80, "https": 443}.get(scheme)
    where = host if port is None or port == default else "%s:%s" % (host, port)
    return "%s://%s%s" % (scheme, where, path.split("?")[0].split("#")[0])


def _without_secrets(url):
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url.split("?")[0].split("#")[0]
    host, slash, path = rest.split("?")[0].split("#")[0].partition("/")
    return "%s://%s%s%s" % (scheme, host.rpartition("@")[2], slash, path)


def _plain(owner, name, driver, describe):
    """Wraps a method that returns when the answer is there; `describe(self, arguments, keywords)` gives its text."""
    original = owner.__dict__[name]

    def wrapper(self, *arguments, **keywords):
        if _is_inside.get():
            return original(self, *arguments, **keywords)
        token = _is_inside.set(True)
        flags, start = 0, clock()
        try:
            return original(self, *arguments, **keywords)
        except BaseException as error:
            flags = FAILED
            strip(error)
            raise
        finally:
            _is_inside.reset(token)
            _note(driver, flags, describe, self, arguments, keywords, start, record.here())

    setattr(owner, name, record.dress(wrapper, original))


def _waiting(owner, name, driver, describe):
    original = owner.__dict__[name]

    async def wrapper(self, *arguments, **keywords):
        if _is_inside.get():
            return await original(self, *arguments, **keywords)
        site = record.here()
        token = _is_inside.set(True)
        flags, start = 0, clock()
        try:
            return await original(self, *arguments, **keywords)
        except BaseException as error:
            flags = FAILED
            strip(error)
            raise
        finally:
            _is_inside.reset(token)
            _note(driver, flags, describe, self, arguments, keywords, start, site)

    setattr(owner, name, record.dress(wrapper, original))


def _note(driver, flags, describe, self, arguments, keywords, start, site):
    duration = clock() - start
    try:
        text, identity = describe(self, arguments, keywords)
        query(driver, HTTP, flags, text, identity, start, duration, site=site)
    except Exception as error:
        record.give_up(error)


def patch_urllib3(module):
    """urllib3's pools; a redirect or a retry is part of the call."""

    def describe(self, arguments, keywords):
        method = arguments[0] if arguments else keywords["method"]
        url = arguments[1] if len(arguments) > 1 else keywords["url"]
        if "://" in url:
            return "%s %s" % (method, _without_secrets(url)), url
        return "%s %s" % (method, _address(self.scheme, self.host, self.port, url)), url

    _plain(module.HTTPConnectionPool, "urlopen", URLLIB3, describe)


def patch_httpx(module):
    """httpx's clients."""

    def describe(self, arguments, keywords):
        request = arguments[0] if arguments else keywords["request"]
        url = str(request.url)
        return "%s %s" % (request.method, _without_secrets(url)), url

    _plain(module.Client, "send", HTTPX, describe)
    _waiting(module.AsyncClient, "send", HTTPX, describe)


def patch_aiohttp(module):
    """aiohttp's session."""

    def describe(self, arguments, keywords):
        method = arguments[0] if arguments else keywords["method"]
        url = arguments[1] if len(arguments) > 1 else keywords.get("str_or_url", keywords.get("url", ""))
        base = getattr(self, "_base_url", None)
        full = str(base.join(url if not isinstance(url, str) else type(base)(url))) if base is not None else str(url)
        return "%s %s" % (method, _without_secrets(full)), full

    _waiting(module.ClientSession, "_request", AIOHTTP, describe)


def patch_urllib(module):
    """`urllib.request.urlopen` and openers."""

    def describe(self, arguments, keywords):
        request = arguments[0] if arguments else keywords["fullurl"]
        url = request if isinstance(request, str) else request.full_url
        method = "GET"
        if not isinstance(request, str):
            method = request.get_method()
        elif (arguments[1] if len(arguments) > 1 else keywords.get("data")) is not None:
            method = "POST"
        return "%s %s" % (method, _without_secrets(url)), url

    _plain(module.OpenerDirector, "open", URLLIB, describe)


def patch_http_client(module):
    """`http.client`, for programs that use it directly: from the request to the head of the answer."""
    original_request, original_answer = module.HTTPConnection.request, module.HTTPConnection.getresponse
    pending = "_cmdx_pending"

    def request_wrapper(self, method, url, *arguments, **keywords):
        if not _is_inside.get():
            setattr(self, pending, (clock(), method, url))
        try:
            return original_request(self, method, url, *arguments, **keywords)
        except BaseException as error:
            strip(error)
            raise

    def getresponse_wrapper(self, *arguments, **keywords):
        asked = self.__dict__.pop(pending, None)
        flags = 0
        try:
            return original_answer(self, *arguments, **keywords)
        except BaseException as error:
            flags = FAILED
            strip(error)
            raise
        finally:
            if asked is not None:
                _note(HTTP_CLIENT, flags, describe, self, asked[1:], None, asked[0], record.here())

    def describe(self, arguments, keywords):
        method, url = arguments
        scheme = "https" if self.default_port == 443 else "http"
        return "%s %s" % (method, _address(scheme, self.host, self.port, url)), url

    module.HTTPConnection.request = record.dress(request_wrapper, original_request)
    module.HTTPConnection.getresponse = record.dress(getresponse_wrapper, original_answer)
