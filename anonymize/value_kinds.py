"""What a single value is: identifiers that prove themselves by form, check digits or numbering plans; and names.

Check digits are python-stdnum's (RRN, BRN, RIC, Luhn), numbering plans phonenumbers', cells h3's. Every test takes the
text of one value and answers yes or no; none keeps or logs it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping

import h3
import phonenumbers
from stdnum import luhn
from stdnum.cn import ric
from stdnum.kr import brn, rrn
from stdnum.us import ssn

# --- national numbers --------------------------------------------------------------------------------------------

_RRN = re.compile(r"(\d{2})(\d{2})(\d{2})([- ]?)([1-8])\d{6}")


def is_resident_number(text: str) -> bool:
    """Korean resident or alien registration number.

    Written with its hyphen, date and century sign are enough: numbers given out since October 2020 have no check digit.
    Written as bare digits the check digit must fit too.
    """
    match = _RRN.fullmatch(text)
    if match is None or not _is_birth_date(match):
        return False
    return bool(match[4]) or rrn.is_valid(text)


def _is_birth_date(match: re.Match[str]) -> bool:
    century = 1900 if match[5] in "1256" else 2000
    try:
        return dt.date(century + int(match[1]), int(match[2]), int(match[3])).year > 0
    except ValueError:
        return False


def is_chinese_resident_number(text: str) -> bool:
    """18 signs: county, date of birth, check digit (GB 11643). Counties come and go, so any six digits will do."""
    if not re.fullmatch(r"[1-9]\d{5}(19|20)\d{9}[0-9Xx]", text) or not is_compact_date(text[6:14]):
        return False
    return bool(ric.calc_check_digit(text) == text[-1].upper())


def is_social_security_number(text: str) -> bool:
    """US number, with its hyphens: nine bare digits could be anything."""
    return bool(re.fullmatch(r"\d{3}-\d{2}-\d{4}", text)) and ssn.is_valid(text)


def is_business_number(text: str) -> bool:
    """Korean business registration number, with its hyphens; of a firm, though a sole trader's points to a person."""
    return bool(re.fullmatch(r"\d{3}-\d{2}-\d{5}", text)) and brn.is_valid(text)


# --- cards, phones, mail -----------------------------------------------------------------------------------------

# Issuer prefixes and lengths (ISO/IEC 7812): Visa, Mastercard, American Express, Discover, JCB, UnionPay, Diners, Korean 9.
_CARD = re.compile(
    r"(4\d{12}(\d{3})?|5[1-5]\d{14}|2(22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|6(011|5\d\d|4[4-9]\d)\d{12}|35(2[89]|[3-8]\d)\d{12}|62\d{14,17}|3(0[0-5]|[68]\d)\d{11}|9\d{15})"
)
_GROUPED = re.compile(r"\d{4}([- ]\d{4}){3}|\d{4}([- ])\d{6}\2\d{5}|\d{13,19}")


def is_payment_card(text: str) -> bool:
    """An issuer's prefix and length, and Luhn's check digit."""
    digits = re.sub(r"[- ]", "", text)
    return bool(_GROUPED.fullmatch(text) and _CARD.fullmatch(digits)) and luhn.is_valid(digits)


_MAIL = re.compile(r"[^\s@<>,;\"']+@[^\s@<>,;\"']+\.[^\s@.<>,;\"']{2,}")


def is_email(text: str) -> bool:
    """Something @ a domain with a dot, in any script."""
    return bool(_MAIL.fullmatch(text))


_PHONE_FORMS: tuple[tuple[re.Pattern[str], str | None], ...] = (
    (re.compile(r"\+\d[\d ()./-]{6,20}"), None),
    (re.compile(r"\(?0\d{1,3}\)?[-. )]{1,2}\d{3,4}[-. ]\d{4}"), "KR"),
    (re.compile(r"01[016789]\d{7,8}"), "KR"),
    (re.compile(r"1[568]\d\d-\d{4}"), "KR"),
    (re.compile(r"1[3-9]\d{9}|1[3-9]\d[- ]\d{4}[- ]\d{4}"), "CN"),
    (re.compile(r"0\d{2,3}[- ]\d{7,8}"), "CN"),
    (re.compile(r"\(?[2-9]\d{2}\)?[-. ]{1,2}\d{3}[-. ]\d{4}"), "US"),
)


def is_phone(text: str) -> bool:
    """A number of the Korean, Chinese or US plan in one of its usual forms, or any plan's with ``+`` in front."""
    return any(form.fullmatch(text) and _in_plan(text, region) for form, region in _PHONE_FORMS)


def _in_plan(text: str, region: str | None) -> bool:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_valid_number(number) or (region == "KR" and phonenumbers.is_possible_number(number))


def is_ip_address(text: str) -> bool:
    """IPv4 in dotted form (each part at most 255), or IPv6."""
    if re.fullmatch(r"(\d{1,3}\.){3}\d{1,3}", text):
        return all(int(part) <= 255 for part in text.split("."))
    return bool(re.fullmatch(r"([0-9a-fA-F]{0,4}:){3,7}[0-9a-fA-F]{0,4}", text))


# --- names -------------------------------------------------------------------------------------------------------

_KOREAN_SURNAMES = frozenset(
    "김이박최정강조윤장임한오서신권황안송류유홍전고문양손배백허남심노하곽성차주우구민진지엄채원천방공현함변염여추도소석선설마길연위표"
    "명기반왕금옥육인맹제모탁국어은편용예경봉사부가복태목형피두감호음빈동온범좌팽승간견당"
)
_KOREAN_COMPOUND = ("남궁", "황보", "제갈", "사공", "선우", "서문", "독고", "동방")
_KOREAN_PLACE_ENDS = tuple("동역구시군읍면리로점당집청")
_CHINESE_SURNAMES = frozenset(
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石"
    "姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段钱汤尹黎易常武乔贺赖龚文陳張劉楊趙黃吳孫馬羅鄭謝韓馮許蘇盧蔣葉"
)
_CHINESE_PLACE_ENDS = tuple("市区县省镇乡村街道路号店站院校园厂司局部")
_GIVEN_NAMES = frozenset(
    "james john robert michael william david richard joseph thomas charles christopher daniel matthew anthony mark donald "  # noqa: SIM905
    "steven paul andrew joshua kenneth kevin brian george edward ronald timothy jason jeffrey ryan jacob gary nicholas eric "
    "jonathan stephen larry justin scott brandon benjamin samuel gregory frank alexander raymond patrick jack dennis jerry "
    "tyler aaron jose adam nathan henry zachary douglas peter kyle noah ethan jeremy mary patricia jennifer linda elizabeth "
    "barbara susan jessica sarah karen lisa nancy betty margaret sandra ashley kimberly emily donna michelle carol amanda "
    "melissa deborah stephanie rebecca sharon laura cynthia kathleen amy angela shirley anna brenda pamela emma nicole helen "
    "samantha katherine christine debra rachel carolyn janet catherine maria heather diane ruth julie olivia joyce virginia "
    "victoria kelly lauren christina joan evelyn judith megan andrea cheryl hannah jacqueline martha gloria teresa ann sara "
    "madison frances kathryn janice jean abigail alice julia judy sophia grace denise amber doris marilyn danielle beverly "
    "isabella theresa diana natalie brittany charlotte marie kayla alexis lori minsu jihoon seoyeon wei fang min jing lei"
    .split()
)
_WESTERN = re.compile(r"(?:(?:Mr|Mrs|Ms|Dr)\.? )?[A-Z][a-z'’-]+(?: [A-Z]\.?)?(?: [A-Z][A-Za-z'’-]+){1,2}")


def is_person_name(text: str) -> bool:
    """A Korean, Chinese or Western full name, by family or given names; a heuristic: places and firms are left out."""
    return is_korean_name(text) or is_chinese_name(text) or is_western_name(text)


def has_name_form(text: str) -> bool:
    """Whether it could be a person's name at all; for columns whose header says that they hold names."""
    forms = r"[가-힣]{2,5}|[\u4e00-\u9fff]{2,5}"
    return bool(re.fullmatch(forms, text.replace(" ", "")) or _WESTERN.fullmatch(text))


def is_korean_name(text: str) -> bool:
    """Two to four syllables that start with a family name and do not end like a place."""
    if not re.fullmatch(r"[가-힣]{2,4}", text):
        return False
    if text.startswith(_KOREAN_COMPOUND):
        return len(text) >= 3
    return len(text) <= 3 and text[0] in _KOREAN_SURNAMES and not (len(text) == 3 and text.endswith(_KOREAN_PLACE_ENDS))


def is_chinese_name(text: str) -> bool:
    """Two to four characters that start with a family name and do not end like a place."""
    known = bool(re.fullmatch(r"[\u4e00-\u9fff]{2,4}", text)) and text[0] in _CHINESE_SURNAMES
    return known and not text.endswith(_CHINESE_PLACE_ENDS)


def is_western_name(text: str) -> bool:
    """Two to four capitalised words, one of them a common given name."""
    return bool(_WESTERN.fullmatch(text)) and any(word.strip(".").casefold() in _GIVEN_NAMES for word in text.split())


_KOREAN_ADDRESS = re.compile(
    r"(서울|부산|대구|인천|광주|대전|울산|세종|경기|강원|충[북남청]|전[북남라]|경[북남상]|제주)\S*\s+\S+[시군구]"
    r"|[가-힣]+[시군구]\s+[가-힣0-9]+(동|읍|면|로|길)\b|[가-힣0-9]+[로길]\s?\d+|[가-힣]+동\s?\d+(-\d+)?"
)
_CHINESE_ADDRESS = re.compile(r"[\u4e00-\u9fff]+[省市区县][\u4e00-\u9fff0-9]+[路街道巷村镇]|[\u4e00-\u9fff]+[路街]\s?\d+\s?号")
_WESTERN_ADDRESS = re.compile(
    r"\b\d+[A-Za-z]?\s+(\w+\.?\s+){1,4}"
    r"(street|st|avenue|ave|road|rd|lane|ln|drive|dr|boulevard|blvd|court|ct|way|place|pl)\b",
    re.IGNORECASE,
)


def is_postal_address(text: str) -> bool:
    """A street address, by the words that Korean, Chinese and English addresses are made of."""
    forms = (_KOREAN_ADDRESS, _CHINESE_ADDRESS, _WESTERN_ADDRESS)
    return len(text) <= 300 and any(form.search(text) for form in forms)


# --- other things that show what they are ------------------------------------------------------------------------

_GENDERS = frozenset(
    "m f male female man woman men women boy girl 남 여 남자 여자 남성 여성 男 女 男性 女性 other unknown 기타 其他 x u".split()  # noqa: SIM905
)


def is_gender(text: str) -> bool:
    """A word or letter for a sex or gender in Korean, Chinese or English."""
    return text.casefold() in _GENDERS


def is_h3_cell(text: str) -> bool:
    """The hexadecimal index of an H3 cell."""
    return bool(re.fullmatch(r"8[0-9a-fA-F]{14}", text)) and bool(h3.is_valid_cell(text.lower()))


def is_uuid(text: str) -> bool:
    """A UUID, or a hexadecimal digest of 32, 40 or 64 signs: a pseudonym as a rule."""
    hyphened = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    return bool(re.fullmatch(rf"{hyphened}|[0-9a-fA-F]{{32}}|[0-9a-fA-F]{{40}}|[0-9a-fA-F]{{64}}", text))


def is_url(text: str) -> bool:
    """A web address."""
    return bool(re.match(r"https?://\S+", text))


def is_compact_date(text: str) -> bool:
    """Eight digits that are a day between 1900 and 2099."""
    if not re.fullmatch(r"(19|20)\d{6}", text):
        return False
    try:
        return bool(dt.datetime.strptime(text, "%Y%m%d"))
    except ValueError:
        return False


# Kind → test of a whole value, special kinds first. The direct identifiers among them are DIRECT.
WHOLE: Mapping[str, Callable[[str], bool]] = {
    "email": is_email,
    "resident_number": is_resident_number,
    "chinese_resident_number": is_chinese_resident_number,
    "social_security_number": is_social_security_number,
    "payment_card": is_payment_card,
    "business_number": is_business_number,
    "phone": is_phone,
    "ip_address": is_ip_address,
    "h3_cell": is_h3_cell,
    "uuid": is_uuid,
    "url": is_url,
    "gender": is_gender,
    "person_name": is_person_name,
    "postal_address": is_postal_address,
}
DIRECT = frozenset(
    "email resident_number chinese_resident_number social_security_number passport driving_licence payment_card "  # noqa: SIM905
    "bank_account phone ip_address device vehicle_plate person_name postal_address".split()
)

# --- identifiers inside longer text ------------------------------------------------------------------------------

_EDGE = r"(?<![0-9A-Za-z-])"
_END = r"(?![0-9A-Za-z-])"
_INSIDE: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = (
    ("email", re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}"), is_email),
    ("resident_number", re.compile(rf"{_EDGE}\d{{6}}[- ]?[1-8]\d{{6}}{_END}"), is_resident_number),
    ("chinese_resident_number", re.compile(rf"{_EDGE}\d{{17}}[0-9Xx]{_END}"), is_chinese_resident_number),
    ("payment_card", re.compile(rf"{_EDGE}\d{{4}}(?:[- ]?\d{{4}}){{3}}{_END}"), is_payment_card),
    (
        "phone",
        re.compile(
            rf"{_EDGE}(?:01[016789][-. ]?\d{{3,4}}[-. ]?\d{{4}}|0\d{{1,2}}[-. )]\d{{3,4}}[-. ]\d{{4}}"
            rf"|1[3-9]\d{{9}}|[2-9]\d{{2}}[-.]\d{{3}}[-.]\d{{4}}){_END}|\+\d[\d -]{{7,16}}\d"
        ),
        is_phone,
    ),
    ("social_security_number", re.compile(rf"{_EDGE}\d{{3}}-\d{{2}}-\d{{4}}{_END}"), is_social_security_number),
)


def inside(text: str) -> set[str]:
    """Kinds of direct identifiers that occur anywhere in a text."""
    if "@" not in text and not any(sign.isdigit() for sign in text):
        return set()
    return {kind for kind, form, check in _INSIDE if any(check(found) for found in form.findall(text))}
