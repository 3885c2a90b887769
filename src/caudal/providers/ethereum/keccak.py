"""Keccak-256, as Ethereum uses it (The Keccak reference 3.0, padding 10*1). It is not `hashlib.sha3_256`: SHA-3 (FIPS
202) pads otherwise. An address is checked once, when it is linked: a millisecond, and no dependency."""

from typing import Final

_RATE_BYTES: Final = 136
_LANE: Final = (1 << 64) - 1


def _rotation_offsets() -> dict[tuple[int, int], int]:
    """Rho: by how much each lane turns (§2.3.2)."""
    offsets, x, y = {(0, 0): 0}, 1, 0
    for step in range(24):
        offsets[x, y] = (step + 1) * (step + 2) // 2 % 64
        x, y = y, (2 * x + 3 * y) % 5
    return offsets


def _round_constants() -> list[int]:
    """Iota: from a shift register with x^8 + x^6 + x^5 + x^4 + 1 (§2.3.5)."""
    register, constants = 1, []
    for _ in range(24):
        constant = 0
        for bit in range(7):
            if register & 1:
                constant |= 1 << ((1 << bit) - 1)
            register = (register << 1) ^ (0x171 if register & 0x80 else 0)
        constants.append(constant)
    return constants


_OFFSETS: Final = _rotation_offsets()
_CONSTANTS: Final = _round_constants()


def keccak256(data: bytes, padding: int = 0x01) -> bytes:
    """The digest, 32 bytes. With `padding` 6 it is SHA3-256: a check of all but the padding."""
    padded = bytearray(data) + bytes([padding]) + bytes(-(len(data) + 1) % _RATE_BYTES)
    padded[-1] |= 0x80
    state = dict.fromkeys(_OFFSETS, 0)
    for start in range(0, len(padded), _RATE_BYTES):
        for place in range(_RATE_BYTES // 8):
            at = start + 8 * place
            state[place % 5, place // 5] ^= int.from_bytes(padded[at : at + 8], "little")
        state = _permuted(state)
    return b"".join(state[x, 0].to_bytes(8, "little") for x in range(4))


def _permuted(state: dict[tuple[int, int], int]) -> dict[tuple[int, int], int]:
    """Keccak-f[1600]: theta, rho and pi, chi, iota, 24 times."""
    for constant in _CONSTANTS:
        columns = [state[x, 0] ^ state[x, 1] ^ state[x, 2] ^ state[x, 3] ^ state[x, 4] for x in range(5)]
        mixed = [columns[x - 1] ^ _turned(columns[(x + 1) % 5], 1) for x in range(5)]
        moved = {
            (y, (2 * x + 3 * y) % 5): _turned(lane ^ mixed[x], _OFFSETS[x, y])
            for (x, y), lane in state.items()
        }
        state = {
            (x, y): lane ^ (~moved[(x + 1) % 5, y] & _LANE & moved[(x + 2) % 5, y])
            for (x, y), lane in moved.items()
        }
        state[0, 0] ^= constant
    return state


def _turned(lane: int, by: int) -> int:
    return (lane << by | lane >> (64 - by)) & _LANE if by else lane
