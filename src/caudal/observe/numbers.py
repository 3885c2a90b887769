"""Numbers that name a card or a person, known by their check digits."""


def is_card(text: str) -> bool:
    """ISO/IEC 7812-1 annex B (Luhn): every second digit from the right doubled, the sum of all digits ends in 0."""
    digits = [int(character) for character in reversed(text) if character.isdecimal()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def is_cpf(text: str) -> bool:
    """Brazil's number of a person: 11 digits, the last two by modulo 11 with weights that rise from the right."""
    return _ends_in_its_checks(text, weights=10)


def is_cnpj(text: str) -> bool:
    """Brazil's number of a firm: 14 characters, letters among them since July 2026 (IN RFB 2.229/2024), the last two by
    modulo 11 with weights 2 to 9 over and over."""
    return _ends_in_its_checks(text, weights=8)


def _ends_in_its_checks(text: str, weights: int) -> bool:
    """A character counts as its ASCII code less 48; a rest below 2 makes the check digit 0, any other 11 less it."""
    values = [ord(character) - 48 for character in text]
    for place in (-2, -1):
        weighed = sum(value * (2 + n % weights) for n, value in enumerate(reversed(values[:place])))
        rest = weighed % 11
        if values[place] != (0 if rest < 2 else 11 - rest):
            return False
    return True
