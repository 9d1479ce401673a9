"""A small synchronous grammar: English and German sentences that grow from the same derivation.

    the dogs have seen this old king because the child sleeps in the forest
    die Hunde haben diesen alten König gesehen weil das Kind in dem Wald schläft

A word list does not translate them: German puts the participle and the verb of a subordinate
clause last, inverts verb and subject after a leading adverb, and its articles, adjectives and nouns
agree in gender, number and case. A sentence has exactly as many English words as are asked for,
from 3 on.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import product
from typing import Literal, NamedTuple

MIN_CLAUSE, MAX_CLAUSE = 3, 18
"""The fewest and most English words of a clause."""

MAX_ADJECTIVES = 3
"""The most adjectives of one noun."""

Case = Literal["nominative", "accusative", "dative"]

Gender = Literal["m", "f", "n"]


class Noun(NamedTuple):
    """A noun's forms in both languages; German plurals take another form in the dative."""

    singular: str
    plural: str
    gender: Gender
    german: str
    german_plural: str
    german_dative: str


class Verb(NamedTuple):
    """Present singular, present plural and participle. All take `have` and `haben`."""

    singular: str
    plural: str
    participle: str
    german: str
    german_plural: str
    german_participle: str


def _nouns(text: str) -> tuple[Noun, ...]:
    return tuple(Noun(*line.split()) for line in text.strip().splitlines())  # type: ignore[arg-type]


def _verbs(text: str) -> tuple[Verb, ...]:
    return tuple(Verb(*line.split()) for line in text.strip().splitlines())


BEINGS = _nouns("""
dog dogs m Hund Hunde Hunden
cat cats f Katze Katzen Katzen
child children n Kind Kinder Kindern
woman women f Frau Frauen Frauen
man men m Mann Männer Männern
bird birds m Vogel Vögel Vögeln
horse horses n Pferd Pferde Pferden
teacher teachers m Lehrer Lehrer Lehrern
girl girls n Mädchen Mädchen Mädchen
friend friends m Freund Freunde Freunden
queen queens f Königin Königinnen Königinnen
king kings m König Könige Königen
sister sisters f Schwester Schwestern Schwestern
""")

PLACES = _nouns("""
house houses n Haus Häuser Häusern
garden gardens m Garten Gärten Gärten
forest forests m Wald Wälder Wäldern
bridge bridges f Brücke Brücken Brücken
river rivers m Fluss Flüsse Flüssen
city cities f Stadt Städte Städten
ship ships n Schiff Schiffe Schiffen
""")

TRANSITIVE = _verbs("""
sees see seen sieht sehen gesehen
hears hear heard hört hören gehört
finds find found findet finden gefunden
knows know known kennt kennen gekannt
loves love loved liebt lieben geliebt
seeks seek sought sucht suchen gesucht
draws draw drawn zeichnet zeichnen gezeichnet
greets greet greeted grüßt grüßen gegrüßt
calls call called ruft rufen gerufen
""")

INTRANSITIVE = _verbs("""
sleeps sleep slept schläft schlafen geschlafen
sings sing sung singt singen gesungen
laughs laugh laughed lacht lachen gelacht
dances dance danced tanzt tanzen getanzt
waits wait waited wartet warten gewartet
works work worked arbeitet arbeiten gearbeitet
dreams dream dreamed träumt träumen geträumt
""")

ADJECTIVES = (
    ("small", "klein"), ("old", "alt"), ("young", "jung"), ("big", "groß"), ("clever", "klug"),
    ("tired", "müd"), ("strange", "fremd"), ("friendly", "freundlich"), ("brave", "tapfer"),
    ("quiet", "still"),
)  # fmt: skip

PREPOSITIONS = (("in", "in"), ("behind", "hinter"), ("beside", "neben"), ("near", "bei"))

ADVERBS = (("today", "heute"), ("often", "oft"), ("now", "jetzt"), ("sometimes", "manchmal"))

COORDINATING = (("and", "und"), ("but", "aber"))

SUBORDINATING = (("because", "weil"), ("while", "während"), ("although", "obwohl"))

ENDINGS: dict[Case, dict[str, tuple[str, str, str]]] = {
    "nominative": {"m": ("er", "er", "e"), "f": ("ie", "e", "e"), "n": ("as", "es", "e"),
                   "plural": ("ie", "e", "en")},
    "accusative": {"m": ("en", "en", "en"), "f": ("ie", "e", "e"), "n": ("as", "es", "e"),
                   "plural": ("ie", "e", "en")},
    "dative": {"m": ("em", "em", "en"), "f": ("er", "er", "en"), "n": ("em", "em", "en"),
               "plural": ("en", "en", "en")},
}  # fmt: skip
"""Case → gender or plural → what follows d…, dies… and an adjective's stem."""


class Sentence(NamedTuple):
    """The words of both sides."""

    english: tuple[str, ...]
    german: tuple[str, ...]


@dataclass(frozen=True)
class Frame:
    """The parts of a clause besides its subject and its verb."""

    adverb: bool
    perfect: bool
    object: bool
    place: bool

    @property
    def words(self) -> int:
        """English words of the clause without any adjective."""
        return 3 + self.adverb + self.perfect + 2 * self.object + 3 * self.place

    @property
    def nouns(self) -> int:
        """Nouns of the clause, each of which may have adjectives."""
        return 1 + self.object + self.place


FRAMES = tuple(Frame(*choice) for choice in product((False, True), repeat=4))


def draw(length: int, chance: random.Random) -> Sentence:
    """A sentence of exactly `length` English words. Raises ValueError below 3."""
    if length < MIN_CLAUSE:
        raise ValueError(f"length is {length}; the shortest sentence has {MIN_CLAUSE} words")
    english: list[str] = []
    german: list[str] = []
    for index, words in enumerate(_clause_lengths(length, chance)):
        subordinate = index > 0 and chance.random() < 0.6
        if index:
            conjunction = chance.choice(SUBORDINATING if subordinate else COORDINATING)
            english.append(conjunction[0])
            german.append(conjunction[1])
        clause = _clause(words, subordinate, chance)
        english += clause.english
        german += clause.german
    return Sentence(tuple(english), tuple(german))


def _clause_lengths(length: int, chance: random.Random) -> list[int]:
    """Split a length into clauses of about 8 words, with a conjunction between any two."""
    min_count = -(-(length + 1) // (MAX_CLAUSE + 1))
    max_count = (length + 1) // (MIN_CLAUSE + 1)
    usual = round((length + 1) / (8 + 1)) + chance.choice((-1, 0, 0, 1))
    count = min(max(usual, min_count, 1), max_count)
    lengths = [MIN_CLAUSE] * count
    for _ in range(length - (count - 1) - MIN_CLAUSE * count):
        growable = [index for index, words in enumerate(lengths) if words < MAX_CLAUSE]
        lengths[chance.choice(growable)] += 1
    return lengths


def _clause(words: int, subordinate: bool, chance: random.Random) -> Sentence:
    """Draw a clause of so many English words, in the order of each language."""
    frame = chance.choice(
        [
            frame
            for frame in FRAMES
            if 0 <= words - frame.words <= MAX_ADJECTIVES * frame.nouns
            and not (subordinate and frame.adverb)
        ]
    )
    adjectives = [0] * frame.nouns
    for _ in range(words - frame.words):
        adjectives[chance.choice([i for i, n in enumerate(adjectives) if n < MAX_ADJECTIVES])] += 1
    plural = chance.random() < 0.5
    subject = _noun_phrase(BEINGS, "nominative", plural, adjectives.pop(), chance)
    verb = chance.choice(TRANSITIVE if frame.object else INTRANSITIVE)
    rest = Sentence((), ())
    if frame.object:
        rest = _noun_phrase(BEINGS, "accusative", chance.random() < 0.5, adjectives.pop(), chance)
    if frame.place:
        place = _noun_phrase(PLACES, "dative", chance.random() < 0.5, adjectives.pop(), chance)
        at = chance.choice(PREPOSITIONS)
        rest = Sentence(
            (*rest.english, at[0], *place.english), (*rest.german, at[1], *place.german)
        )
    adverb = chance.choice(ADVERBS) if frame.adverb else None

    english_verb: tuple[str, ...] = (verb.plural if plural else verb.singular,)
    finite, last = (verb.german_plural if plural else verb.german), tuple[str, ...]()
    if frame.perfect:
        english_verb = ("have" if plural else "has", verb.participle)
        finite, last = ("haben" if plural else "hat"), (verb.german_participle,)
    leading = () if adverb is None else (adverb[0],)
    english = (*leading, *subject.english, *english_verb, *rest.english)
    if subordinate:
        german = (*subject.german, *rest.german, *last, finite)
    elif adverb is not None:
        german = (adverb[1], finite, *subject.german, *rest.german, *last)
    else:
        german = (*subject.german, finite, *rest.german, *last)
    return Sentence(english, german)


def _noun_phrase(
    nouns: tuple[Noun, ...], case: Case, plural: bool, adjectives: int, chance: random.Random
) -> Sentence:
    noun, near = chance.choice(nouns), chance.random() < 0.3
    definite, demonstrative, ending = ENDINGS[case]["plural" if plural else noun.gender]
    described = chance.sample(ADJECTIVES, adjectives)
    article = ("these" if plural else "this") if near else "the"
    german_noun = noun.german
    if plural:
        german_noun = noun.german_dative if case == "dative" else noun.german_plural
    return Sentence(
        (article, *(english for english, _ in described), noun.plural if plural else noun.singular),
        (
            f"dies{demonstrative}" if near else f"d{definite}",
            *(stem + ending for _, stem in described),
            german_noun,
        ),
    )


def words(language: Literal["english", "german"]) -> list[str]:
    """Every word of a language, in alphabetical order."""
    english = language == "english"
    pairs = (*PREPOSITIONS, *ADVERBS, *COORDINATING, *SUBORDINATING)
    vocabulary = {pair[0 if english else 1] for pair in pairs}
    vocabulary |= {"the", "this", "these", "has", "have"} if english else {"hat", "haben"}
    for noun in (*BEINGS, *PLACES):
        vocabulary |= set(noun[:2] if english else noun[3:])
    for verb in (*TRANSITIVE, *INTRANSITIVE):
        vocabulary |= set(verb[:3] if english else verb[3:])
    if english:
        return sorted(vocabulary | {adjective for adjective, _ in ADJECTIVES})
    for forms in (form for genders in ENDINGS.values() for form in genders.values()):
        definite, demonstrative, ending = forms
        vocabulary |= {f"d{definite}", f"dies{demonstrative}"}
        vocabulary |= {stem + ending for _, stem in ADJECTIVES}
    return sorted(vocabulary)
