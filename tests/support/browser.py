"""A person's browser without a screen: reads pages as they are, fills in forms, presses buttons."""

from html.parser import HTMLParser
from types import TracebackType
from typing import Self

import httpx


class Form:
    """A form as the page shows it: its fields with what they say, what can be ticked, and its buttons."""

    def __init__(self) -> None:
        self.fields: list[tuple[str, str]] = []
        self.boxes: list[tuple[str, str, bool]] = []
        self.buttons: list[tuple[str, str, str]] = []
        self.choices: dict[str, list[str]] = {}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.text: list[str] = []
        self.tags: list[str] = []
        self.labels: dict[str, str] = {}
        self._within: list[str] = []
        self._button: list[str] | None = None
        self._select = ""
        self._label = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        self.tags.append(tag)
        self._within.append(tag)
        match tag:
            case "form":
                assert given.get("method") == "post"
                self.forms.append(Form())
            case "input" if given.get("type") == "checkbox":
                self.forms[-1].boxes.append((given["name"], given["value"], "checked" in given))
            case "input":
                self.forms[-1].fields.append((given["name"], given.get("value", "")))
                if given.get("type") != "hidden":
                    assert given["id"] in self.labels, f"{given['name']} has no label"
            case "select":
                self._select = given["name"]
                self.forms[-1].choices[self._select] = []
            case "label":
                self._label = given.get("for", "")
                self.labels[self._label] = ""
            case "button":
                self._button = [given.get("name", ""), given.get("value", ""), ""]

    def handle_endtag(self, tag: str) -> None:
        if tag == "button" and self._button:
            name, value, text = self._button
            self.forms[-1].buttons.append((name, value, text))
            self._button = None

    def handle_data(self, data: str) -> None:
        if self._within and self._within[-1] == "style":
            return
        self.text.append(data)
        if self._button:
            self._button[2] += data
        if self._within and self._within[-1] == "option":
            self.forms[-1].choices[self._select].append(data)


class Browser:
    """Follows redirects within the site it was sent to; one that leads elsewhere it stops at (`away`)."""

    def __init__(self) -> None:
        self._http = httpx.Client(timeout=30, trust_env=False)
        self.url = ""
        self.away = ""
        self.page = _Reader()
        self.status = 0
        self.source = ""

    def visit(self, url: str) -> Self:
        """Open a page."""
        self._show(self._http.get(url))
        return self

    @property
    def text(self) -> str:
        """What can be read."""
        return " ".join(" ".join(self.page.text).split())

    @property
    def buttons(self) -> list[str]:
        """What can be pressed."""
        return [text for form in self.page.forms for _, _, text in form.buttons]

    def press(self, button: str, *, tick: list[str] | None = None, **said: str | list[str]) -> Self:
        """Fill in what `said` says and press that button of the same form. `tick`: which boxes, by value; None: those
        that are ticked."""
        form = next(form for form in self.page.forms if any(text == button for _, _, text in form.buttons))
        name, value, _ = next(each for each in form.buttons if each[2] == button)
        sent: list[tuple[str, str]] = []
        rest = {key: [each] if isinstance(each, str) else list(each) for key, each in said.items()}
        for field, default in form.fields:
            sent.append((field, rest[field].pop(0) if rest.get(field) else default))
        for field, choices in form.choices.items():
            chosen = rest[field].pop(0) if rest.get(field) else choices[0]
            assert chosen in choices
            sent.append((field, chosen))
        sent += [
            (field, mark) for field, mark, ticked in form.boxes if (ticked if tick is None else mark in tick)
        ]
        assert not any(rest.values()), f"the form has no field for {rest}"
        if name:
            sent.append((name, value))
        self._show(self._http.post(self.url, data=_pairs(sent)))
        return self

    def _show(self, answer: httpx.Response) -> None:
        while answer.is_redirect:
            to = answer.url.join(answer.headers["location"])
            if to.host != answer.url.host or to.port != answer.url.port:
                self.away = str(to)
                return
            answer = self._http.get(to)
        self.url, self.status, self.source = str(answer.url), answer.status_code, answer.text
        self.page = _Reader()
        self.page.feed(answer.text)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()


def _pairs(sent: list[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name, value in sent:
        grouped.setdefault(name, []).append(value)
    return grouped
