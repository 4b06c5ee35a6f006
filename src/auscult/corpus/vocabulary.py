"""What names say about recordings: the condition and the split.

One vocabulary serves the names of folders and files, and the cells and columns of manifests. A name is read
as words: it is split at everything that is not a letter and where an upper-case letter follows a lower-case
one; digits, letter case and accents do not matter. Words that lie next to each other are also read as one,
so that ``n.i.O.``, ``not-ok`` and ``ab_normal`` are understood. A name that contradicts itself or negates a
word is unclear: the user must say what it means.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Literal

from auscult.corpus.clip import Condition

#: What a name says about the condition: ``unclear`` if it negates or contradicts, ``None`` for nothing.
Meaning = Condition | Literal["unclear"] | None

_NORMAL = """
    normal normals normaly nominal ok okay oks good healthy health intact undamaged faultless flawless
    inlier inliers conforming acceptable
    gut okey inordnung unbeschädigt fehlerfrei einwandfrei störungsfrei gesund normalbetrieb normalzustand
    bonne sain saine normale normaux conforme
    bueno buena buenos sano normales buono buona normali saudável normais
    goed gezond normaal dobry dobra sprawny normalny dobrý dobrá felfri
    норма нормальный нормально исправен исправный исправно
"""
#: Words with other meanings too: they count only next to a negation, or if all words are of this vocabulary.
_NORMAL_ALONE = (
    "io pass passed passes fine correct accepted regular bon bom boa sana sani correcto correcta bra"
)
_ANOMALY = """
    anomaly anomalies anomalous anomal anomoly anomolies anomolous abnormal abnormals abnormality
    abnormalities abnomal abormal irregular irregularity
    fault faults faulty faulted broken bad defect defects defective damage damaged damages
    fail fails failed failing failure failures malfunction malfunctions malfunctioning error errors erroneous
    problem problems trouble unusual degraded degradation deteriorated suspicious suspect
    nok ng unhealthy unsound outlier outliers wrong reject rejected rejects rejection scrap
    nonconforming nonconformity noncompliant unacceptable
    crack cracks cracked worn wear wearout leak leaks leaky leaking leakage chipped pitting spall spalling
    imbalance imbalanced unbalance unbalanced misalignment misaligned looseness cavitation rubbing seized
    blocked clogged clogging blockage stuck jammed burnt burned overheated
    defekt defekte kaputt schlecht schaden schäden schadhaft beschädigt fehler fehlerhaft gestört störung
    störungen ausfall ausschuss anomalie anomalien abnorm unnormal unwucht verschleiß undicht gebrochen riss
    défaut défauts défectueux défectueuse panne pannes cassé cassée mauvais mauvaise endommagé endommagée
    anormal anormale anormaux anormales usure fuite
    defecto defectos defectuoso defectuosa fallo fallos falla fallas avería averías roto rota malo mala
    dañado dañada anomalía anomalías fuga desgaste
    guasto guasta guasti difetto difetti difettoso difettosa rotto rotta danneggiato danneggiata anomalo
    anomala cattivo usura perdita
    defeito defeitos defeituoso defeituosa falha falhas avariado quebrado quebrada ruim danificado vazamento
    kapot slecht fout fouten schade afwijkend afwijking uszkodzony uszkodzona uszkodzenie awaria zły wada
    usterka porucha vada vadný vadná poškozený špatný trasig fel skadad dålig
    дефект дефектный неисправен неисправный неисправность авария аварийный брак поломка сломан повреждение
    повреждён аномалия аномальный отказ
"""
#: Parts of longer words, for compounds (``bearingfault``, ``Lagerschaden``) and for scripts without spaces.
_ANOMALY_PARTS = """
    anomal abnorm fault defect defekt damag schaden broken malfunction failure
    异常 異常 故障 不良 損傷 损坏 损伤 破損 不正常 非正常 不合格 缺陷 欠陥 비정상 이상 고장 불량
"""
_NORMAL_PARTS = "正常 良好 良品 合格 정상 양호"
_NEGATIONS = """
    no not non un without never anti neither nor isnt kein keine keinen keiner nicht ohne nie
    pas sans aucune ne ni sin ningún senza nessun sem geen niet zonder bez nej inga inte utan ingen нет не без
"""
#: Negations that may also follow the word: ``fault_free``, ``fault_none``.
_NEGATIONS_AFTER = "free frei less los fri vrij none zero absent aucun ninguno nessuno nenhum"
_NEGATING_PARTS = "无 無 没 なし ない 없"
_UNCLEAR = "nio nino"
#: After these, a word for faults names what a system does, not what a recording is.
_TOPICS = "detection detector detectors diagnosis diagnostics simulator"
#: Words about the recordings themselves, which say nothing about the machine. ToyADMOS adds IND and CNT.
_NEUTRAL = "sound sounds recording recordings data audio clip clips file files sample samples wav ind cnt"
_HARMLESS = "default defaults"
#: Names of columns that state the condition in other programs' tables.
_COLUMNS = """
    label labels class classes category status state target targets result verdict quality health outcome
    truth groundtruth diagnosis klasse zustand ergebnis befund état etat classe estado stato estat kondition
"""

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


_VOCABULARY: dict[str, Meaning] = {
    **dict.fromkeys(_words(_UNCLEAR), "unclear"),
    **dict.fromkeys(_words(f"{_NORMAL} {_NORMAL_ALONE}"), "normal"),
    **dict.fromkeys(_words(_ANOMALY), "anomaly"),
    **dict.fromkeys(_words(_HARMLESS), None),
}
_ALONE, _NO_AFTER = _words(_NORMAL_ALONE), _words(_NEGATIONS_AFTER)
_NO = _words(_NEGATIONS) | _NO_AFTER
_PARTS, _GOOD_PARTS, _NO_PARTS = map(_words, (_ANOMALY_PARTS, _NORMAL_PARTS, _NEGATING_PARTS))
_TOPIC_WORDS, _NEUTRAL_WORDS, _COLUMN_WORDS = map(_words, (_TOPICS, _NEUTRAL, _COLUMNS))


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


def condition_if_nothing_else(name: str) -> Meaning:
    """`condition_of_name` of a name in which every word is about the condition, otherwise ``None``.

    ``faulty`` and ``AnomalousSound_IND`` consist of such words, ``leaky_pump`` does not.
    """
    words = [word for split, _ in _pieces(name) for word in split]
    known = (word in _NEUTRAL_WORDS or word in _NO or _meaning(word) is not None for word in words)
    meaning = condition_of_name(name)
    return meaning if all(known) or "".join(words) in _VOCABULARY else None


def names_a_condition(column: str) -> bool:
    """Whether a column of a table probably holds conditions: ``label``, ``is_anomaly``, ``status``."""
    words = {word for split, _ in _pieces(column) for word in _candidates(split)}
    return condition_of_name(column) is not None or not _COLUMN_WORDS.isdisjoint(words)


def _pieces(name: str) -> list[tuple[list[str], list[str]]]:
    """The words of each part of a name between digits: split at letter case, and not split there."""
    pieces = []
    for text in _DIGITS.split(_ID.sub("0", unicodedata.normalize("NFKC", name))):
        runs = re.findall(r"[^\W\d_]+", text)
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
    if any(part in word for part in _PARTS):
        rest = word
        for part in sorted(_PARTS, key=len, reverse=True):
            rest = rest.replace(part, " ")
        contradicts = any(part in rest for part in _GOOD_PARTS)
        return "unclear" if negated or contradicts else "anomaly"
    if any(part in word for part in _GOOD_PARTS):
        return "unclear" if any(part in word for part in _NO_PARTS) else "normal"
    return "unclear" if negated else None


def _negated(word: str) -> bool:
    """Whether a word is a negation and a word about the condition: ``nofault``, ``faultfree``."""
    if any(part in word for part in _NO_PARTS) and any(part in word for part in _PARTS):
        return True
    for no in _NO:
        for rest in (word.removeprefix(no), word.removesuffix(no)):
            long_enough = len(no) > _SHORT or len(rest) > _SHORT  # "nook" is no negation of "ok"
            if rest != word and long_enough and (_VOCABULARY.get(rest) or any(p in rest for p in _PARTS)):
                return True
    return False
