from __future__ import annotations

import asyncio
import logging
import socket
import time

import aiohttp
import pytest
from aiohttp import web

from reconciler.errors import InvalidSettings
from reconciler.web.server import Server


def app_with(handler: object = None) -> web.Application:
    app = web.Application()
    if handler is not None:
        app.router.add_get("/", handler)  # type: ignore[arg-type]  # handlers of these tests
    return app


def test_it_listens_where_it_says_and_not_after_it_stopped() -> None:
    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    async def main() -> None:
        server = Server(app_with(hello), ("127.0.0.1", 0))
        assert server.url == ""
        await server.start()
        url = server.url
        async with aiohttp.ClientSession() as session:
            async with session.get(url) as response:
                assert await response.text() == "hello"
            await server.stop()
            assert server.url == ""
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(url)

    asyncio.run(main())


def test_stopping_twice_and_without_starting_does_nothing() -> None:
    async def main() -> None:
        never = Server(app_with(), ("127.0.0.1", 0))
        await never.stop()
        server = Server(app_with(), ("127.0.0.1", 0))
        await server.start()
        await server.stop()
        await server.stop()

    asyncio.run(main())


def test_a_taken_port_is_a_clear_error_and_leaves_nothing_open() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]

        async def main() -> None:
            server = Server(app_with(), ("127.0.0.1", port))
            with pytest.raises(InvalidSettings) as caught:
                await server.start()
            assert str(caught.value) == (
                f"cannot listen on 127.0.0.1:{port}: Address already in use "
                "(choose another address with --listen HOST:PORT)"
            )
            assert server.url == ""

        asyncio.run(main())


@pytest.mark.parametrize(
    ("host", "shown"), [("192.0.2.1", "192.0.2.1:9464"), ("2001:db8::1", "[2001:db8::1]:9464")]
)
def test_an_address_that_is_not_ours_is_a_clear_error(host: str, shown: str) -> None:
    async def main() -> None:
        with pytest.raises(InvalidSettings) as caught:
            await Server(app_with(), (host, 9464)).start()
        assert caught.value.message.startswith(f"cannot listen on {shown}: ")
        assert "error while attempting" not in caught.value.message

    asyncio.run(main())


def test_a_host_name_that_nobody_knows_is_a_clear_error() -> None:
    async def main() -> None:
        with pytest.raises(InvalidSettings, match=r"cannot listen on no such host:9464: \S+"):
            await Server(app_with(), ("no such host", 9464)).start()

    asyncio.run(main())


def test_an_error_without_a_number_is_told_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(_: web.TCPSite) -> None:
        raise OSError("could not bind on any address")

    monkeypatch.setattr(web.TCPSite, "start", refuse)

    async def main() -> None:
        with pytest.raises(InvalidSettings, match="could not bind on any address"):
            await Server(app_with(), ("127.0.0.1", 0)).start()

    asyncio.run(main())


def test_stopping_takes_less_than_a_second_with_idle_clients_and_busy_handlers() -> None:
    busy = asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        busy.set()
        await asyncio.sleep(60)
        return web.Response()

    async def main() -> None:
        server = Server(app_with(hang), ("127.0.0.1", 0))
        await server.start()
        host, port = server.url.removeprefix("http://").split(":")
        _, idle = await asyncio.open_connection(host, int(port))
        _, slow = await asyncio.open_connection(host, int(port))
        slow.write(b"GET / HTTP/1.1\r\nHo")
        _, hanging = await asyncio.open_connection(host, int(port))
        hanging.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.wait_for(busy.wait(), 5)
        began = time.monotonic()
        await server.stop()
        assert time.monotonic() - began < 1.0
        for writer in (idle, slow, hanging):
            writer.close()

    asyncio.run(main())


@pytest.mark.parametrize("level", [logging.INFO, logging.WARNING])
def test_what_is_no_request_of_http_is_one_line_that_tells_nothing_of_it(
    caplog: pytest.LogCaptureFixture, level: int
) -> None:
    caplog.set_level(level)

    async def main() -> bytes:
        server = Server(app_with(), ("127.0.0.1", 0))
        await server.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer canary\x00\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        await server.stop()
        return answer

    assert asyncio.run(main()).startswith(b"HTTP/1.0 400 ")
    lines = [record for record in caplog.records if record.name == "reconciler.requests"]
    told = ["refused what is no request of HTTP, from 127.0.0.1"] if level == logging.INFO else []
    assert [record.getMessage() for record in lines] == told
    assert all(record.exc_info is None for record in lines)
    assert "canary" not in caplog.text


def test_a_fault_of_ours_keeps_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(_: web.Request) -> web.Response:
        raise KeyError("ours")

    async def main() -> None:
        server = Server(app_with(fail), ("127.0.0.1", 0))
        await server.start()
        async with aiohttp.ClientSession() as session, session.get(server.url) as response:
            assert response.status == 500
        await server.stop()

    asyncio.run(main())
    (line,) = [record for record in caplog.records if record.name == "reconciler.requests"]
    assert line.levelno == logging.ERROR
    assert line.exc_info is not None
    assert "KeyError" in caplog.text
