"""Whether 32 bytes are a sound Ed25519 public key: a point in its one encoding, outside the small subgroup.

Loading a key checks none of it (RFC 8032, 5.1.3 and 5.1.7 leave it to whoever verifies), and under a point of small
order one signature fits many messages. Only public values are computed here, so nothing needs to take constant time.
"""

_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P


def is_sound(encoded: bytes) -> bool:
    """Whether this is the canonical encoding of a point on the curve whose order is not 1, 2, 4 or 8."""
    number = int.from_bytes(encoded, "little")
    y, sign = number % 2**255, number >> 255
    if len(encoded) != 32 or y >= _P:
        return False
    square = _x_squared(y)
    if square is None or (square == 0 and sign):
        return False
    for _ in range(3):
        # Eight times a point of small order is the neutral element, the only point with y = 1.
        y = _doubled(y, square)
        doubled = _x_squared(y)
        if doubled is None:
            return False
        square = doubled
    return y != 1


def _x_squared(y: int) -> int | None:
    """x^2 by the curve's equation -x^2 + y^2 = 1 + d x^2 y^2, or None where no x has this square."""
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    return square if square == 0 or pow(square, (_P - 1) // 2, _P) == 1 else None


def _doubled(y: int, square: int) -> int:
    """The y of twice a point, which needs of x only its square."""
    return (y * y + square) * pow(1 - _D * square * y * y, -1, _P) % _P
