"""Which encoding a text file has: by its byte order mark, then strict UTF-8, then Korean against Chinese.

CP949 and GB18030 share most of their byte pairs, so both often decode the same file. What decides is how common the
decoded signs are in real Korean and Chinese text; a file in which neither looks like a language is refused.
"""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from anonymize.errors import InputError, Problem

BLOCK = 1 << 20  # bytes read at a time
_SAMPLE = 200_000  # signs beyond ASCII that are scored
_MIN_SCORE = 0.10  # share of common signs below which a text looks like no language at all

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

# The commonest syllables of Korean registers, headers, addresses and names.
_HANGUL = frozenset(
    "이다는을가에의지고하기사시로리도대서인어자정수아전구원주일동장부상제성소해나유보그스과민비라안관신공조중여경선미용으개한들"
    "분국있산위연교방치호무영의면계실행월생회모오마화세서울회단반물진력외명만식내점당군남북강김박최윤임송권황홍길읍번층호건"
    "년회여등금액카드매출업종코카페음료편의합료객전약품목차체직름별령휴폰메락처태석준재현은우훈혜희"
)
# The commonest characters of Chinese text, and those of registers, addresses and family names.
_HAN = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多"
    "经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明"
    "性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位"
    "次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感"
    "建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象完设式色"
    "路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运省县镇村街道号楼室州京沪津渝湖河江苏浙广"
    "李刘陈杨赵黄周吴徐孙胡朱林郭罗郑梁谢宋唐冯韩邓曹曾田蔡潘杜丽华伟芳娜秀英敏静强磊洋勇艳杰娟涛超兰霞刚桂"
    "姓手址证龄客户购买类"
)


@dataclass(frozen=True, slots=True)
class TextEncoding:
    """``name`` as Python's codecs know it; ``skip`` bytes of byte order mark; ``guessed`` by how the text looks."""

    name: str
    skip: int = 0
    guessed: bool = False


def decide(path: Path) -> TextEncoding:
    """Read the whole file once per candidate, in bounded memory.

    Raises :class:`InputError` naming the line at which no known encoding fits.
    """
    marked = _by_mark(path)
    if marked is not None:
        broken = first_broken_line(path, marked)
        if broken is not None:
            raise _undecodable(broken, f"the file says it is {marked.name} but is not")
        return marked
    if first_broken_line(path, TextEncoding("utf-8")) is None:
        return TextEncoding("utf-8")
    return _korean_or_chinese(path)


def _by_mark(path: Path) -> TextEncoding | None:
    with path.open("rb") as file:
        head = file.read(4)
    for mark, name in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return TextEncoding(name, skip=len(mark))
    return None


def _korean_or_chinese(path: Path) -> TextEncoding:
    broken = {name: first_broken_line(path, TextEncoding(name)) for name in ("cp949", "gb18030")}
    fitting = [name for name, line in broken.items() if line is None]
    if not fitting:
        raise _undecodable(max(line for line in broken.values() if line is not None), _KNOWN)
    scores = {name: _score(path, name) for name in fitting}
    best = max(fitting, key=lambda name: scores[name])
    if not scores[best] >= _MIN_SCORE:
        raise _undecodable(first_broken_line(path, TextEncoding("utf-8")) or 1, _KNOWN)
    return TextEncoding(best, guessed=True)


_KNOWN = "it is neither UTF-8, UTF-16 with a byte order mark, CP949/EUC-KR nor GB18030"


def _undecodable(line: int, why: str) -> InputError:
    return InputError(
        f"the text cannot be decoded at line {line:,}: {why}; save the file as UTF-8",
        problems=(Problem("undecodable", "these bytes are no text in a known encoding", line=line),),
    )


def first_broken_line(path: Path, encoding: TextEncoding) -> int | None:
    """Line (from 1) of the first byte that the encoding cannot have, or None when all of the file decodes."""
    decoder = codecs.getincrementaldecoder(encoding.name)("strict")
    line = 1
    for block, last in raw_blocks(path, encoding.skip):
        text, before_fault = _decode(decoder, block, last)
        if text is None:
            return line + before_fault
        line += text.count("\n")
    return None


def _decode(decoder: codecs.IncrementalDecoder, block: bytes, last: bool) -> tuple[str | None, int]:
    """The text, or None and the line breaks before the fault. The codec's own error holds the bytes: it goes no further."""
    try:
        return decoder.decode(block, last), 0
    except UnicodeDecodeError as error:
        return None, bytes(error.object[: error.start]).count(b"\n")


def raw_blocks(path: Path, skip: int = 0) -> Iterator[tuple[bytes, bool]]:
    """The file's bytes after ``skip``, and with each block whether it is the last (an empty one always ends)."""
    with path.open("rb") as file:
        file.seek(skip)
        while block := file.read(BLOCK):
            yield block, False
    yield b"", True


def utf8_blocks(path: Path, encoding: TextEncoding) -> Iterator[bytes]:
    """The file's text as UTF-8, a block at a time; the encoding was decided before. Old Mac line ends become ``\\n``."""
    turn: Callable[[bytes], bytes] = _line_feeds if only_carriage_returns(path, encoding) else bytes
    if encoding.name == "utf-8":
        yield from (turn(block) for block, _ in raw_blocks(path, encoding.skip) if block)
        return
    decoder = codecs.getincrementaldecoder(encoding.name)("strict")
    for block, last in raw_blocks(path, encoding.skip):
        text, _ = _decode(decoder, block, last)
        if text is None:
            raise InputError("the file changed while it was read: upload it again")
        if text:
            yield turn(text.encode())


def only_carriage_returns(path: Path, encoding: TextEncoding) -> bool:
    """Whether lines end in a lone CR, as in text files of the old Mac OS; judged by the first block."""
    with path.open("rb") as file:
        file.seek(encoding.skip)
        head = file.read(BLOCK)
    text = codecs.getincrementaldecoder(encoding.name)("replace").decode(head)
    return "\r" in text and "\n" not in text


def _line_feeds(block: bytes) -> bytes:
    return block.replace(b"\r", b"\n")


def _score(path: Path, name: str) -> float:
    """Share of the signs beyond ASCII (letters only) that are common in the encoding's own language, in [0, 1]."""
    common = _HANGUL if name == "cp949" else _HAN
    decoder = codecs.getincrementaldecoder(name)("replace")
    seen: Counter[str] = Counter()
    for block, last in raw_blocks(path):
        seen.update(sign for sign in decoder.decode(block, last) if ord(sign) > 127 and sign.isalpha())
        if seen.total() >= _SAMPLE:
            break
    total = seen.total()
    return _share(seen, common, total) if total else 0.0


def _share(seen: Counter[str], common: frozenset[str] | Sequence[str], total: int) -> float:
    return sum(seen[sign] for sign in common) / total
