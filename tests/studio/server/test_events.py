"""The events socket: several pages share one state."""

import json

import pytest
from websockets.exceptions import ConnectionClosed

from livedream.studio.server import events


def test_a_page_gets_the_state_and_then_the_changes(client) -> None:
    with client.events() as page:
        assert page.hello["state"]["settings"]["strength"] == 1.0
        client.patch("/api/settings", {"strength": 2.0})
        patch = page.next("patch")
        while "settings" not in patch["state"]:
            patch = page.next("patch")
        assert patch["state"]["settings"] == {"strength": 2.0}
        assert patch["rev"] > page.hello["rev"]


def test_a_page_gets_no_echo_of_its_own_changes(client) -> None:
    with client.events() as maker, client.events() as other:
        assert maker.set(1, strength=2.0)["type"] == "ack"
        assert other.settings_until("strength", 2.0) == [2.0]
        client.patch("/api/settings", {"strength": 3.0})  # by somebody else
        assert maker.settings_until("strength", 3.0) == [3.0]


def test_all_pages_end_with_the_last_writer(client) -> None:
    """Both write many times at once; each follows the rule of the page: later numbers win."""
    with client.events() as first, client.events() as second:
        for number in range(1, 30):
            first.send(type="set", id=number, settings={"strength": number / 10})
            second.send(type="set", id=number, settings={"strength": 4 - number / 10})
        shown = {}
        for name, page, last in ((0, first, 2.9), (1, second, 1.1)):
            revisions = {}
            while True:
                message = page.next("ack", "patch")
                if message["type"] == "ack":
                    if message["id"] == 29:
                        revisions[message["rev"]] = last
                        break
                elif "strength" in message["state"].get("settings", {}):
                    revisions[message["rev"]] = message["state"]["settings"]["strength"]
            shown[name] = page, revisions
        client.patch("/api/settings", {"steps": 2})  # a mark after which nothing of before comes
        for page, revisions in shown.values():
            while True:
                message = page.next("patch")
                settings = message["state"].get("settings", {})
                if "strength" in settings:
                    revisions[message["rev"]] = settings["strength"]
                if "steps" in settings:
                    break
        final = client.get("/api/state")["settings"]["strength"]
        assert [revisions[max(revisions)] for _, revisions in shown.values()] == [final, final]


def test_a_key_of_the_window_reaches_the_pages(client) -> None:
    with client.events() as page:
        controller = client.running.session.desk._controller
        controller.turn("strength", 1)
        assert page.settings_until("strength", 1.1) == [1.1]
        controller.toggle_mirror()
        while not page.next("patch")["state"].get("mirrored"):
            pass


@pytest.mark.parametrize(
    "settings",
    [{"strength": 99}, {"no-such": 1}, {"layers": "mask:/etc/passwd"}, {"strength": [1]}, {"weights": "x.pt"}],
)
def test_a_wrong_value_is_refused_with_the_reason(client, settings) -> None:
    with client.events() as page:
        answer = page.set(7, **settings)
        assert (answer["type"], answer["id"]) == ("refused", 7)
        assert answer["message"]
        assert page.set(8, strength=1.5)["type"] == "ack"  # the page goes on


@pytest.mark.parametrize(
    "message",
    [
        {"type": "set"},
        {"type": "set", "id": "x", "settings": {}},
        {"type": "view", "split": 7},
        {"type": "x"},
        {},
        {"type": None},
    ],
)
def test_a_message_without_meaning_is_refused(client, message) -> None:
    with client.events() as page:
        page.send(**message)
        assert page.next("refused")["message"] == "unknown message"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 30_000, "x" * (events.LONGEST + 1)])
def test_what_is_no_message_ends_the_connection_alone(client, text) -> None:
    with client.socket("/api/events") as talk:
        assert json.loads(talk.recv(timeout=10))["type"] == "hello"
        talk.send(text)
        with pytest.raises(ConnectionClosed):
            while True:
                talk.recv(timeout=10)
    client.get("/api/state")


def test_what_is_not_text_ends_the_connection_alone(client) -> None:
    with client.socket("/api/events") as talk:
        talk.send(b"binary")
        with pytest.raises(ConnectionClosed, match="1003"):
            while True:
                talk.recv(timeout=10)


def test_half_a_character_comes_back_in_an_answer(client) -> None:
    with client.events() as page:
        assert page.set(1, **{"\ud800": 1})["type"] == "refused"
        assert page.set(2, model="\ud800")["type"] == "refused"


def test_a_flood_ends_the_connection_alone(client, monkeypatch) -> None:
    monkeypatch.setattr(events, "MESSAGES_PER_SECOND", 0.1)
    monkeypatch.setattr(events, "BURST", 5.0)
    with client.events() as page:
        for number in range(6):
            page.send(type="ping", t=number)
        with pytest.raises(ConnectionClosed, match="too many messages"):
            for number in range(6):
                assert page.next("pong")["t"] == number
    client.get("/api/state")


def test_the_clock_of_the_server(client) -> None:
    with client.events() as page:
        page.send(type="ping", t=12.5)
        answer = page.next("pong")
        assert answer["t"] == 12.5
        assert abs(answer["now"] - page.hello["now"]) < 20_000


def test_pages_are_counted(client) -> None:
    with client.events() as page, client.events():
        while page.next("patch")["state"].get("pages") != 2:
            pass
    client.until(lambda state: state["pages"] == 0)
