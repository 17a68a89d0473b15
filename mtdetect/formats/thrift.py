"""Thrift's compact protocol, as far as Parquet describes itself in it: numbers and structures, the rest is skipped."""

from __future__ import annotations

from typing import Any

Fields = dict[int, Any]
"""A structure: whole numbers, structures and lists of structures by their key."""

_TRUE, _FALSE, _BYTE, _INT64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 6, 7, 8, 9, 10, 11, 12


def read_struct(data: bytes, at: int, wanted: Fields) -> tuple[Fields, int]:
    """Read a structure.

    Args:
        data: the bytes.
        at: where it begins.
        wanted: keys of the structures inside (alone or in a list) to keep, each with those wanted of it.

    Returns:
        The structure, and where it ends.

    Raises:
        IndexError: the data ends before it, or is none.
        RecursionError: structures lie too deep in one another.
    """
    found: Fields = {}
    key = 0
    while data[at]:
        kind, step = data[at] & 15, data[at] >> 4
        at += 1
        if step:
            key += step
        else:
            key, at = _number(data, at, 16)
        if kind in (_TRUE, _FALSE):  # the value stands in the kind
            continue
        value, at = _value(data, at, kind, wanted.get(key))
        if value is not None:
            found[key] = value
    return found, at + 1


def _value(data: bytes, at: int, kind: int, wanted: Fields | None) -> tuple[Any, int]:
    """Read a value; None for what is skipped."""
    if kind <= _BYTE:
        return None, at + 1
    if kind <= _INT64:
        return _number(data, at, 64 if kind == _INT64 else 32)
    if kind == _DOUBLE:
        return None, at + 8
    if kind == _STRUCT:
        fields, at = read_struct(data, at, wanted or {})
        return None if wanted is None else fields, at
    if kind == _BINARY:
        size, at = _varint(data, at)
        return None, at + size
    if kind in (_LIST, _SET):
        size, kinds = data[at] >> 4, (data[at] & 15,)
        size, at = _varint(data, at + 1) if size == 15 else (size, at + 1)
    elif kind == _MAP:
        size, at = _varint(data, at)
        kinds = (data[at] >> 4, data[at] & 15) if size else ()  # type: ignore[assignment]
        at += bool(size)
    else:
        raise IndexError
    values: list[Any] = []
    for _ in range(size):
        for inner in kinds:
            value, at = _value(data, at, inner, wanted)
            if wanted is not None:
                values.append(value)
        if at > len(data):
            raise IndexError
    return None if wanted is None else values, at


def _number(data: bytes, at: int, bits: int) -> tuple[int, int]:
    number, at = _varint(data, at)
    number &= (1 << bits) - 1
    return number >> 1 ^ -(number & 1), at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Read an unsigned integer of seven bits a byte."""
    number = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
    raise IndexError
