"""One encoded data set, read element by element where it lies."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from pydicom.datadict import tag_for_keyword

from models import character_sets
from models.elements import MOST_ELEMENTS, Buffer, Element, Unreadable, is_implicit, items, walk


class DataSet:
    """The elements of a data set, or of a sequence's item, up to its pixels; `end` is where they end."""

    def __init__(
        self,
        buffer: Buffer,
        start: int,
        limit: int,
        *,
        implicit: bool,
        little: bool,
        codecs: tuple[str, ...] = character_sets.DEFAULT,
        to_pixels: bool = True,
        met: Iterator[int] | None = None,
    ) -> None:
        """Raises Unreadable where the elements do not add up. `met` counts them, together with those around."""
        self.buffer, self.start, self.little = buffer, start, little
        self.implicit = is_implicit(buffer, start, limit, implicit)
        self.elements: dict[int, Element] = {}
        self._met = met if met is not None else count(1)
        self.end = start
        for element in walk(buffer, start, limit, self.implicit, little, to_pixels):
            self._meet()
            if element.tag in self.elements:
                raise Unreadable("The object holds the same element twice, so that two readers may disagree about it.")
            self.elements[element.tag] = element
            self.end = element.end
        self.codecs = codecs
        if 0x00080005 in self.elements:
            self.codecs = character_sets.codecs_of(self.text("SpecificCharacterSet"))

    def element(self, keyword: str) -> Element | None:
        """The element of that keyword, or None where it is absent."""
        return self.elements.get(tag_for_keyword(keyword) or -1)

    def encoded(self, tag: int | None = None) -> bytes:
        """The element with its head; empty where it is absent. Without a tag, all elements (up to the pixels)."""
        if tag is None:
            return self.buffer[self.start : self.end]
        element = self.elements.get(tag)
        return self.buffer[element.start : element.end] if element else b""

    def value(self, tag: int) -> bytes:
        """The value as encoded; empty where the element is absent."""
        element = self.elements.get(tag)
        return self.buffer[element.value : element.stop] if element else b""

    def text(self, keyword: str) -> str:
        """The decoded value without trailing padding; several values stay joined by backslashes."""
        return self.text_at(tag_for_keyword(keyword) or -1)

    def text_at(self, tag: int) -> str:
        return character_sets.decode(self.value(tag), self.codecs)

    def items(self, keyword: str) -> list[DataSet]:
        """The items of a sequence; empty where it is absent or empty. Raises Unreadable."""
        element = self.element(keyword)
        return self.items_of(element) if element else []

    def items_of(self, sequence: Element) -> list[DataSet]:
        """The items of an element that is a sequence. Raises Unreadable."""
        found = []
        for start, stop, implicit in items(self.buffer, sequence, self.implicit, self.little):
            self._meet()
            found.append(
                DataSet(
                    self.buffer,
                    start,
                    stop,
                    implicit=implicit,
                    little=self.little,
                    codecs=self.codecs,
                    to_pixels=False,
                    met=self._met,
                )
            )
        return found

    def _meet(self) -> None:
        if next(self._met) > MOST_ELEMENTS:
            raise Unreadable(f"The object has more than {MOST_ELEMENTS} elements.")
