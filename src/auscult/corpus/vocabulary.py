"""What names say about recordings: the condition and the split.

One vocabulary serves the names of folders and files, and the cells and columns of manifests. A name is read
as words: it is split at everything that is not a letter and where an upper-case letter follows a lower-case
one; digits, letter case and accents do not matter. Words that lie next to each other are also read as one,
so that ``n.i.O.``, ``not-ok`` and ``ab_normal`` are understood, and compounds with a noun such as
``goodmotor``. A name is unclear, and the user must say what it means, if it contradicts itself, negates a
word, misspells one (``anomlay``) or states a class without its meaning (``class_1``, ``positive``).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Set
from functools import lru_cache
from itertools import pairwise
from typing import Literal

Condition = Literal["normal", "anomaly"]
#: What a name says about the condition: ``unclear`` if it negates or contradicts, ``None`` for nothing.
Meaning = Condition | Literal["unclear"] | None

_NORMAL = """
    normal normals normaly nominal ok okay oks good healthy health intact undamaged faultless flawless
    inlier inliers conforming acceptable
    gut okey fehlerfreie fehlerfreies fehlerfreier einwandfreie inordnung unbeschädigt fehlerfrei
    einwandfrei störungsfrei gesund normalbetrieb normalzustand
    bonne sain saine normale normaux conforme
    bueno buena buenos sano normales buono buona normali saudável normais
    goed gezond normaal dobry dobra sprawny normalny dobrý dobrá felfri normalt normaali hyvä ehjä kunnossa
    saudable saludable vyhovující sağlam kifogástalan normális baik tốt
    норма нормальный нормально исправен исправный исправно справний κανονικό κανονική φυσιολογικό
    תקין תקינה سليم سليمة طبيعي सामान्य ठीक
"""
#: Words with other meanings too: they count only next to a negation, or if all words are of this vocabulary.
_NORMAL_ALONE = """
    io pass passed passes fine correct accepted regular bon bom boa sana sani correcto correcta bra bien bene
    baseline reference golden clean norm health jó ép
"""
_ANOMALY_ALONE = "ko hs mal hata"
_ANOMALY = """
    anomaly anomalies anomalous anomal anomoly anomolies anomolous anamoly anamolies
    abnormal abnormals abnormality
    abnormalities abnomal abormal irregular irregularity
    fault faults faulty faulted broken bad badly worse worst poor poorly inoperative defect defects
    defective damage damaged damages
    fail fails failed failing failure failures malfunction malfunctions malfunctioning error errors erroneous
    problem problems trouble unusual degraded degradation deteriorated suspicious suspect
    nok ng unhealthy unsound outlier outliers wrong reject rejected rejects rejection scrap
    nonconforming nonconformity noncompliant unacceptable
    crack cracks cracked worn wear wearout leak leaks leaky leaking leakage chipped pitting spall spalling
    imbalance imbalanced unbalance unbalanced misalignment misaligned looseness cavitation rubbing seized
    blocked clogged clogging blockage stuck jammed burnt burned overheated misfire misfiring rattle rattling
    eccentricity scratched dented deformed corroded corrosion contaminated contamination demagnetized
    defekt defekte kaputt schlecht schaden schäden schadhaft beschädigt fehler fehlerhaft gestört störung
    störungen ausfall ausgefallen ausschuss mangel mängel mangelhaft anomalie anomalien abnorm unnormal
    unwucht verschleiß undicht gebrochen gerissen riss
    défaut défauts défectueux défectueuse panne pannes cassé cassée mauvais mauvaise endommagé endommagée
    anormal anormale anormaux anormales usure fuite
    defecto defectos defectuoso defectuosa fallo fallos falla fallas avería averías roto rota malo mala
    dañado dañada averiado averiada anomalía anomalías fuga desgaste
    guasto guasta guasti difetto difetti difettoso difettosa rotto rotta danneggiato danneggiata anomalo
    anomala cattivo usura perdita
    defeito defeitos defeituoso defeituosa falha falhas avariado quebrado quebrada ruim danificado vazamento
    kapot slecht fout fouten schade afwijkend afwijking uszkodzony uszkodzona uszkodzenie awaria zły wada
    usterka porucha vada vadný vadná vadné chyba poškozený poškozené špatný špatné
    trasig fel skadad dålig fejl feil ødelagt unormal onormal viallinen vika rikki epänormaali viga
    bozuk arızalı arizali arıza ariza hatalı hatali hibás hiba hibas rossz rusak hỏng lỗi
    βλάβη χαλασμένο ελαττωματικό פגום פגומה תקלה معطل معطلة تالف عطل खराब असामान्य दोष
    несправний
    дефект дефектный неисправен неисправный неисправность авария аварийный брак поломка сломан повреждение
    повреждён аномалия аномальный отказ
"""
#: Parts of longer words, for compounds (``bearingfault``, ``Lagerschaden``) and for scripts without spaces.
_ANOMALY_PARTS = """
    anomal abnorm fault fehler defect defekt damag schaden broken malfunction failure
    异常 異常 故障 不良 損傷 损坏 损伤 破損 不正常 非正常 不合格 缺陷 欠陥 비정상 이상 고장 불량 불합격
"""
_NORMAL_PARTS = "正常 良好 良品 合格 정상 양호 합격"
_NEGATIONS = """
    no not non un without never anti neither nor isnt hardly kein keine keinen keiner nicht ohne nie kaum
    pas sans aucune ne ni sin ningún senza nessun sem não geen niet zonder bez nej inga inte utan ingen
    ikke ej ingen uden uten ei eikä ilman değil degil yok nem nincs nu fără tidak bukan tanpa không
    нет не без ні δεν μη όχι לא אין غير لا بدون नहीं बिना
"""
#: Negations that may also follow the word: ``fault_free``, ``fault_none``, ``normal_false``.
_NEGATIONS_AFTER = """
    free frei less los fri vrij none zero absent aucun ninguno nessuno nenhum
    false falsch falso falsa faux değil degil yok nahin नहीं
"""
_NEGATING_PARTS = "无 無 没 不 非 未 なし ない 없 아님"
_UNCLEAR = "nio nino"
#: Words that are often misspelled.
_MISSPELLED = "normal healthy faulty anomaly anomalous abnormal defect defective damaged broken failure"
#: Answers to a question that the name does not contain.
_ANSWERS = "positive negative true false yes no ja nein"
_CLASSES = "label class klasse clase classe category severity"
#: Machines and parts that are written in one word with a word for the condition: ``goodmotor``, ``pumpbad``.
_NOUNS = """
    motor engine pump fan bearing gear gearbox valve machine unit part parts piece pieces sample samples sound
    sounds audio clip clips data wave signal state condition motoren pumpe lüfter lager maschine teil teile
    品 ton geräusch zustand moteur machine pompe pièce pieza bomba máquina macchina pompa pezzo peça peca
"""
#: After these, a word for faults names what a system does, not what a recording is.
_TOPICS = "detection detector detectors diagnosis diagnostics simulator"
#: Words about the recordings themselves, which say nothing about the machine. ToyADMOS adds IND and CNT.
_NEUTRAL = "sound sounds recording recordings data audio clip clips file files sample samples wav ind cnt"
_HARMLESS = "default defaults"
#: Names of columns that state the condition in other programs' tables.
_COLUMNS = """
    label labels class classes category status state target targets result verdict quality health outcome
    truth groundtruth ytrue gt alarm flag annotation diagnosis klasse zustand ergebnis befund état etat
    classe estado stato estat kondition
"""

#: Names of columns in which "normal" is an amount.
_OPERATION = """
    load speed rpm mode gain volume pressure temperature humidity weather priority last drehzahl modus charge
    vitesse carga velocidad
"""

_NUMBERS: Mapping[str, Condition] = {"0": "normal", "1": "anomaly"}
_MAX_JOINED = 3  # neighbours that are read as one word
_SHORT = 2  # letters
_UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ID = re.compile(rf"{_UUID}|(?<![^\W_])[0-9a-f]{{16,}}(?![^\W_])", re.IGNORECASE)  # may contain "bad"
_DIGITS = re.compile(r"\d+")


def _fold(text: str) -> str:
    """A text without letter case and accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFC", "".join(c for c in decomposed if not unicodedata.combining(c)))


def _words(text: str) -> frozenset[str]:
    """The words of a list, German umlauts in both spellings."""
    spelled_out = text.casefold().replace("ä", "ae").replace("ö", "oe").replace("ü", "ue")
    return frozenset((*_fold(text).split(), *_fold(spelled_out).split()))


def _misspellings(word: str) -> Iterator[str]:
    """The word with one letter missing, or with two neighbours exchanged."""
    for i in range(len(word)):
        yield word[:i] + word[i + 1 :]
        yield word[:i] + word[i + 1 : i + 2] + word[i] + word[i + 2 :]


_VOCABULARY: dict[str, Meaning] = {
    **{wrong: "unclear" for word in _MISSPELLED.split() for wrong in _misspellings(word)},
    **dict.fromkeys(_words(_UNCLEAR), "unclear"),
    **dict.fromkeys(_words(f"{_NORMAL} {_NORMAL_ALONE}"), "normal"),
    **dict.fromkeys(_words(f"{_ANOMALY} {_ANOMALY_ALONE}"), "anomaly"),
    **dict.fromkeys(_words(_HARMLESS), None),
}
_ALONE = _words(f"{_NORMAL_ALONE} {_ANOMALY_ALONE}")
_NO_AFTER = _words(_NEGATIONS_AFTER)
_NO = _words(_NEGATIONS) | _NO_AFTER
_PARTS, _GOOD_PARTS, _NO_PARTS = map(_words, (_ANOMALY_PARTS, _NORMAL_PARTS, _NEGATING_PARTS))
_TOPIC_WORDS, _NEUTRAL_WORDS, _COLUMN_WORDS = map(_words, (_TOPICS, _NEUTRAL, _COLUMNS))
_OPERATION_WORDS = _words(_OPERATION)
_ANSWER_WORDS, _CLASS_WORDS, _NOUN_WORDS = map(_words, (_ANSWERS, _CLASSES, _NOUNS))


def condition_of_name(name: str) -> Meaning:
    """What a name says about the condition.

    >>> condition_of_name("engine2_broken"), condition_of_name("no_fault"), condition_of_name("monday")
    ('anomaly', 'unclear', None)
    """
    return _condition(_DIGITS.sub("0", _ID.sub("0", name)))  # file names often differ in digits only


@lru_cache(maxsize=10_000)
def _condition(name: str) -> Meaning:
    pieces = _pieces(name)
    words = [word for split, _ in pieces for word in split]
    alone = all(map(_meaning, words)) or "".join(words) in _VOCABULARY or not _NO.isdisjoint(words)
    candidates = {word for split, unsplit in pieces for word in (*_candidates(split), *unsplit)}
    meanings = {_meaning(word) for word in candidates if alone or word not in _ALONE}
    meanings.discard(None)
    if not meanings:
        return None
    return "unclear" if len(meanings) > 1 or _has_negation(words) else meanings.pop()


def stated_condition(value: str) -> Condition | None:
    """The condition that a field for it states: a word of the vocabulary, 0 or 1; ``None`` if it is unclear.

    >>> stated_condition("ok"), stated_condition("1"), stated_condition("monday")
    ('normal', 'anomaly', None)
    """
    meaning = _NUMBERS.get(value) or condition_of_name(value)
    return None if meaning == "unclear" else meaning


def condition_if_nothing_else(name: str) -> Meaning:
    """`condition_of_name` of a name in which every word is about the condition, otherwise ``None``.

    ``faulty`` and ``AnomalousSound_IND`` consist of such words, ``leaky_pump`` does not.
    """
    words = [word for split, _ in _pieces(name) for word in split]
    known = (word in _NEUTRAL_WORDS or word in _NO or _meaning(word) is not None for word in words)
    meaning = condition_of_name(name)
    return meaning if all(known) or "".join(words) in _VOCABULARY else None


def only_negates(name: str) -> bool:
    """Whether a name is nothing but a negation or an answer, as a folder ``no`` in a folder ``faulty``."""
    words = [word for split, _ in _pieces(name) for word in split]
    known = all(word in _NO or word in _ANSWER_WORDS for word in words)
    return known and bool(words) and not _DIGITS.search(name)  # "no 3" is a number


def is_unexplained_class(name: str) -> bool:
    """Whether a name states a class or an answer without its meaning: ``class_1``, ``label B``, ``true``."""
    words = {word for split, _ in _pieces(name) for word in split}
    letters = {word for word in words if len(word) == 1}
    if words and words <= _ANSWER_WORDS and not _DIGITS.search(name):  # "no 3" is a number
        return True
    return words != letters and words - letters <= _CLASS_WORDS and bool(letters or _DIGITS.search(name))


def qualifies_normal(name: str) -> bool:
    """Whether another word precedes one for normal: it may be a negation that is not in the vocabulary."""
    words = [word for split, _ in _pieces(name) for word in split]
    return any(
        _meaning(word) == "normal" and before not in _NEUTRAL_WORDS and _meaning(before) is None
        for before, word in pairwise(words)
    )


def holds_conditions(column: str, cells: Set[str]) -> bool:
    """Whether a column of a table probably states conditions.

    So does one that is named ``label``, ``is_anomaly`` or ``status``, one with a cell ``faulty``, and one
    with cells ``normal`` and others, unless it is named ``load`` or ``speed``.

    Args:
        column: the name of the column.
        cells: its different values.
    """
    words = {word for split, _ in _pieces(column) for word in (*_candidates(split), "".join(split))}
    if condition_of_name(column.lower().removeprefix("is")) is not None or not _COLUMN_WORDS.isdisjoint(
        words
    ):
        return True
    if column.lower() == "y":
        return cells <= {"0", "1", "-1"}
    meanings = {condition_if_nothing_else(cell) for cell in cells}
    some_normal = "normal" in meanings and len(cells) > 1 and _OPERATION_WORDS.isdisjoint(words)
    return not meanings.isdisjoint(("anomaly", "unclear")) or (some_normal and None in meanings)


def _pieces(name: str) -> list[tuple[list[str], list[str]]]:
    """The words of each part of a name between digits: split at letter case, and not split there."""
    pieces = []
    for text in _DIGITS.split(_ID.sub("0", unicodedata.normalize("NFKC", name))):
        runs = "".join(c if unicodedata.category(c)[0] in "LM" else " " for c in text).split()
        split = [_fold(word) for run in runs for word in _split_at_case(run)]
        pieces.append((_without_topics(split), _without_topics([_fold(run) for run in runs])))
    return pieces


def _split_at_case(run: str) -> list[str]:
    """``NotOK`` is Not, OK; ``NGPart`` is NG, Part."""
    starts = []
    for i in range(1, len(run)):
        before, after = run[i - 1], run[i + 1 : i + 2]
        if run[i].isupper() and (before.islower() or (before.isupper() and after.islower())):
            starts.append(i)
    return [run[start:end] for start, end in zip([0, *starts], [*starts, len(run)], strict=True)]


def _without_topics(words: list[str]) -> list[str]:
    following = [*words[1:], ""]
    return (
        [
            word
            for word, after in zip(words, following, strict=True)
            if after not in _TOPIC_WORDS and not word.endswith(tuple(_TOPIC_WORDS))
        ]
        if words
        else []
    )


def _candidates(words: list[str]) -> set[str]:
    """The words, and up to three neighbours joined where that makes a word of the vocabulary."""
    joined = {
        "".join(words[start : start + length])
        for length in range(2, _MAX_JOINED + 1)
        for start in range(len(words) - length + 1)
    }
    return set(words) | (joined & _VOCABULARY.keys())


def _has_negation(words: list[str]) -> bool:
    """Whether a negation belongs to a word about the condition: ``normal_no_load`` has none."""

    def about_condition(part: list[str]) -> bool:
        return any(_meaning(word) for word in _candidates(part))

    return any(
        not words[i + 1 :]
        or about_condition(words[i + 1 :])
        or (word in _NO_AFTER and about_condition(words[:i]))
        for i, word in enumerate(words)
        if word in _NO
    )


@lru_cache(maxsize=10_000)
def _meaning(word: str) -> Meaning:
    """What one word says; a compound with a negation is unclear."""
    if word in _VOCABULARY:
        return _VOCABULARY[word]
    negated = _negated(word)
    rest = _without_parts(word)
    if rest != word:
        contradicts = any(part in rest for part in _GOOD_PARTS)
        return "unclear" if negated or contradicts else "anomaly"
    if any(part in word for part in _GOOD_PARTS):
        return "unclear" if any(part in word for part in _NO_PARTS) else "normal"
    return "unclear" if negated else _meaning_beside_noun(word)


def _without_parts(word: str) -> str:
    for part in sorted(_PARTS, key=len, reverse=True):
        word = word.replace(part, " ")
    return word


def _meaning_beside_noun(word: str) -> Meaning:
    """What a compound of a noun and a word of the vocabulary says: ``goodmotor``, ``pumpbad``."""
    for noun in _NOUN_WORDS:
        for rest in (word.removeprefix(noun), word.removesuffix(noun)):
            if rest != word and rest not in _ALONE and _VOCABULARY.get(rest):
                return _VOCABULARY[rest]
    return None


def _negated(word: str) -> bool:
    """Whether a word is a negation and a word about the condition: ``nofault``, ``faultfree``."""
    rest = _without_parts(word)
    if rest != word and any(part in rest for part in _NO_PARTS):
        return True
    for no in _NO:
        for rest in (word.removeprefix(no), word.removesuffix(no)):
            long_enough = len(no) > _SHORT or len(rest) > _SHORT  # "nook" is no negation of "ok"
            if rest != word and long_enough and (_VOCABULARY.get(rest) or any(p in rest for p in _PARTS)):
                return True
    return False
