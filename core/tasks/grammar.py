"""A small synchronous grammar: English and German sentences that grow from the same derivation.

    the dogs have seen this old king because the child sleeps in the forest
    die Hunde haben diesen alten König gesehen weil das Kind in dem Wald schläft

What makes it a translation and no word list: German puts the participle and the verb of a
subordinate clause last, inverts verb and subject after a leading adverb, and its articles,
adjectives and nouns agree in gender, number and case. A sentence has exactly as many English words
as are asked for, from 3 on.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import product
from typing import Literal, NamedTuple

SHORTEST_CLAUSE, LONGEST_CLAUSE = 3, 18
USUAL_CLAUSE = 8
MOST_ADJECTIVES = 3

Case = Literal["nominative", "accusative", "dative"]
Gender = Literal["m", "f", "n"]


class Noun(NamedTuple):
    """Its forms in both languages; German plurals take another form in the dative."""

    singular: str
    plural: str
    gender: Gender
    german: str
    german_plural: str
    german_dative: str


class Verb(NamedTuple):
    """Present singular and plural, participle; German the same. All take `have` and `haben`."""

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
    """Both sides, word by word."""

    english: tuple[str, ...]
    german: tuple[str, ...]


@dataclass(frozen=True)
class Frame:
    """What a clause consists of besides its subject and its verb."""

    adverb: bool
    perfect: bool
    object: bool
    place: bool

    @property
    def words(self) -> int:
        """Of the clause without any adjective."""
        return 3 + self.adverb + self.perfect + 2 * self.object + 3 * self.place

    @property
    def nouns(self) -> int:
        """Each of which may have adjectives."""
        return 1 + self.object + self.place


FRAMES = tuple(Frame(*choice) for choice in product((False, True), repeat=4))


def draw(length: int, chance: random.Random) -> Sentence:
    """A sentence of exactly `length` English words. Raises ValueError below 3."""
    if length < SHORTEST_CLAUSE:
        raise ValueError(f"length is {length}; the shortest sentence has {SHORTEST_CLAUSE} words")
    english: list[str] = []
    german: list[str] = []
    for index, words in enumerate(_clause_lengths(length, chance)):
        subordinate = index > 0 and chance.random() < 0.6
        if index:
            pair = chance.choice(SUBORDINATING if subordinate else COORDINATING)
            english.append(pair[0])
            german.append(pair[1])
        clause = _clause(words, subordinate, chance)
        english += clause.english
        german += clause.german
    return Sentence(tuple(english), tuple(german))


def _clause_lengths(length: int, chance: random.Random) -> list[int]:
    """Split a length into clauses, with a conjunction between any two."""
    fewest = -(-(length + 1) // (LONGEST_CLAUSE + 1))
    most = (length + 1) // (SHORTEST_CLAUSE + 1)
    usual = round((length + 1) / (USUAL_CLAUSE + 1)) + chance.choice((-1, 0, 0, 1))
    count = min(max(usual, fewest, 1), most)
    lengths = [SHORTEST_CLAUSE] * count
    for _ in range(length - (count - 1) - SHORTEST_CLAUSE * count):
        open_ = [index for index, words in enumerate(lengths) if words < LONGEST_CLAUSE]
        lengths[chance.choice(open_)] += 1
    return lengths


def _clause(words: int, subordinate: bool, chance: random.Random) -> Sentence:
    frame = chance.choice(
        [
            frame
            for frame in FRAMES
            if 0 <= words - frame.words <= MOST_ADJECTIVES * frame.nouns
            and not (subordinate and frame.adverb)
        ]
    )
    adjectives = [0] * frame.nouns
    for _ in range(words - frame.words):
        adjectives[chance.choice([i for i, n in enumerate(adjectives) if n < MOST_ADJECTIVES])] += 1
    plural = chance.random() < 0.5
    subject = _noun_phrase(BEINGS, "nominative", plural, adjectives.pop(), chance)
    verb = chance.choice(TRANSITIVE if frame.object else INTRANSITIVE)
    rest = Sentence((), ())
    if frame.object:
        rest = _noun_phrase(BEINGS, "accusative", chance.random() < 0.5, adjectives.pop(), chance)
    if frame.place:
        there = _noun_phrase(PLACES, "dative", chance.random() < 0.5, adjectives.pop(), chance)
        at = chance.choice(PREPOSITIONS)
        rest = Sentence(
            (*rest.english, at[0], *there.english), (*rest.german, at[1], *there.german)
        )
    adverb = chance.choice(ADVERBS) if frame.adverb else None
    return _ordered(frame, subordinate, plural, subject, verb, rest, adverb)


def _ordered(
    frame: Frame,
    subordinate: bool,
    plural: bool,
    subject: Sentence,
    verb: Verb,
    rest: Sentence,
    adverb: tuple[str, str] | None,
) -> Sentence:
    """Put the parts into the order of each language."""
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
    german = noun.german
    if plural:
        german = noun.german_dative if case == "dative" else noun.german_plural
    return Sentence(
        (article, *(english for english, _ in described), noun.plural if plural else noun.singular),
        (
            f"dies{demonstrative}" if near else f"d{definite}",
            *(stem + ending for _, stem in described),
            german,
        ),
    )


def words(language: Literal["english", "german"]) -> list[str]:
    """Every word of a language, in alphabetical order."""
    english = language == "english"
    pairs = (*PREPOSITIONS, *ADVERBS, *COORDINATING, *SUBORDINATING)
    found = {pair[0 if english else 1] for pair in pairs}
    found |= {"the", "this", "these", "has", "have"} if english else {"hat", "haben"}
    for noun in (*BEINGS, *PLACES):
        found |= set(noun[:2] if english else noun[3:])
    for verb in (*TRANSITIVE, *INTRANSITIVE):
        found |= set(verb[:3] if english else verb[3:])
    if english:
        return sorted(found | {adjective for adjective, _ in ADJECTIVES})
    for forms in (form for genders in ENDINGS.values() for form in genders.values()):
        definite, demonstrative, ending = forms
        found |= {f"d{definite}", f"dies{demonstrative}"}
        found |= {stem + ending for _, stem in ADJECTIVES}
    return sorted(found)
