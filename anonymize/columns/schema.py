"""What a column's header says: Korean, Chinese and English words, and the kind of column that each points to.

The table is data. English words are whole words of the header (``CustomerID`` is *customer id*); Korean and Chinese
ones are parts of it, since these scripts write compounds together. The first line that matches wins, so special kinds
stand before general ones.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cue:
    """``certain``: the header alone is reason enough. ``but_not``: parts of a header that say it is something else."""

    kind: str
    words: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    certain: bool = True
    but_not: tuple[str, ...] = ()
    exact: tuple[str, ...] = ()  # the whole header, for words too common to be looked for inside one


_THINGS = (  # noqa: SIM905
    "product item goods file store shop company brand category station stop route country city district dong gu region "
    "column field table event host domain user_agent street road county state province code class type industry"
).split()
_THING_PARTS = "상품 제품 상호 가게 점포 매장 업종 상권 동이름 동명 구이름 노선 정류 역이름 파일 기관 회사 법인 건물 지역 商品 产品 店 公司 企业 线路 站 机构".split()  # noqa: SIM905

CUES: tuple[Cue, ...] = (
    Cue("count", ("count", "quantity", "qty", "number of", "num", "n", "total", "frequency"), ("건수", "인구", "인원", "수량", "명수", "횟수", "人数", "数量", "次数"), certain=False),
    Cue("resident_number", ("rrn", "resident number", "resident registration number", "national id", "citizen id"), ("주민등록번호", "주민번호", "외국인등록번호", "居民身份")),
    Cue("chinese_resident_number", ("id card", "identity card"), ("身份证", "证件号", "公民身份")),
    Cue("social_security_number", ("ssn", "social security", "social security number"), ("社保号", "社会保障号")),
    Cue("passport", ("passport", "passport no", "passport number"), ("여권", "护照")),
    Cue("driving_licence", ("driver license", "driving licence", "license number"), ("운전면허", "驾驶证", "驾照")),
    Cue("payment_card", ("card number", "card no", "credit card", "pan", "cc number"), ("카드번호", "信用卡号", "卡号", "银行卡")),
    Cue("bank_account", ("iban", "account number", "account no", "bank account"), ("계좌", "银行账号", "银行账户")),
    Cue("email", ("email", "e mail", "mail", "email address"), ("이메일", "전자우편", "메일주소", "邮箱", "电子邮件")),
    Cue("ip_address", ("ip", "ip address", "ipv4", "ipv6"), ("아이피", "ip주소", "ip地址")),
    Cue("device", ("imei", "imsi", "msisdn", "mac address", "device id", "idfa", "adid", "gaid", "iccid"), ("단말번호", "기기번호", "设备号")),
    Cue("vehicle_plate", ("license plate", "plate number"), ("차량번호", "자동차번호", "车牌")),
    Cue("phone", ("phone", "telephone", "mobile", "cell phone", "tel", "phone number", "cellphone", "fax"), ("전화", "휴대폰", "핸드폰", "휴대전화", "연락처", "手机", "电话", "联系方式"), but_not=("brand", "model", "type", "kind", "기종", "제조사", "브랜드", "品牌", "型号")),
    Cue("url", ("url", "website", "homepage", "link"), ("홈페이지", "网址"), certain=False),
    Cue("person_name", ("full name", "first name", "last name", "surname", "given name", "family name", "customer name", "patient name", "person name", "member name", "cardholder"), ("성명", "성함", "고객명", "회원명", "환자명", "보호자명", "예금주", "姓名", "名字", "真实姓名"), but_not=("name of",)),
    Cue("person_name", ("name",), ("이름",), certain=False, but_not=tuple(_THINGS) + tuple(_THING_PARTS)),
    Cue("postal_address", ("home address", "customer address", "residential address", "mailing address"), ("집주소", "자택", "거주지주소", "고객주소", "家庭住址", "住址", "家庭地址")),
    Cue("postal_address", ("address", "addr", "street"), ("주소", "地址"), certain=False),
    Cue("latitude", ("lat", "latitude", "y coordinate"), ("위도", "纬度"), certain=False),
    Cue("longitude", ("lon", "lng", "longitude", "x coordinate"), ("경도", "经度"), certain=False),
    Cue("h3_cell", ("h3", "h3 cell", "h3 index"), (), certain=False),
    Cue("birth_date", ("birth", "birthday", "birthdate", "dob", "date of birth", "birth date", "birth year"), ("생년월일", "생일", "출생", "생년", "出生")),
    Cue("age", ("age", "agep", "age group", "age band"), ("나이", "연령", "年龄", "年齢"), but_not=("page", "매출", "금액")),
    Cue("gender", ("gender", "sex"), ("성별", "性别", "性別")),
    Cue("marital_status", ("marital", "marital status", "married", "msp"), ("혼인", "결혼", "婚姻")),
    Cue("education", ("education", "edu", "schooling", "degree"), ("학력", "교육수준", "学历", "教育程度")),
    Cue("occupation", ("occupation", "job", "profession", "workclass", "work class"), ("직업", "직종", "职业", "工作单位")),
    Cue("nationality", ("nationality", "native country", "citizenship", "birth country"), ("국적", "출신국", "国籍")),
    Cue("ethnicity", ("race", "ethnicity", "ethnic", "hisp", "rac1p"), ("인종", "민족", "民族")),
    Cue("health", ("diagnosis", "disease", "icd", "illness", "medication", "disability", "blood type"), ("질병", "진단", "병명", "상병", "장애", "혈액형", "疾病", "诊断", "病")),
    Cue("belief", ("religion", "political", "party", "union"), ("종교", "정당", "노조", "宗教", "党派"), certain=False),
    Cue("income", ("income", "salary", "salary class", "wage", "earnings", "pincp"), ("소득", "연봉", "급여", "월급", "收入", "工资", "薪")),
    Cue("record_id", ("invoice", "invoice no", "order id", "order no", "receipt", "transaction id", "basket id", "ticket", "approval no"), ("승인번호", "주문번호", "영수증", "거래번호", "접수번호", "订单号", "交易号", "流水号")),
    Cue("second_person", ("callee", "recipient", "receiver", "called", "friend"), ("수신자", "받는사람", "수신번호", "收件人", "被叫"), certain=False),
    Cue("customer_id", ("customer id", "customer", "customer no", "customer number", "client id", "user id", "user", "userid", "member id", "person id", "patient id", "household id", "subscriber id", "subscriber", "respondent id", "caller", "sender", "uid", "pid"), ("고객번호", "고객id", "고객아이디", "회원번호", "회원id", "가입자", "이용자번호", "사용자", "환자번호", "응답자", "개인번호", "客户编号", "客户号", "会员号", "会员编号", "用户id", "用户编号", "발신자"), but_not=("type", "category", "class", "group", "kind", "size", "segment", "유형", "구분", "등급", "类型", "类别")),
    Cue("first_person", certain=False, exact=("from", "source", "src", "a")),
    Cue("second_person", certain=False, exact=("to", "target", "dst", "b")),
    Cue("postal_code", ("zip", "zip code", "zipcode", "postcode", "postal code", "post code"), ("우편번호", "邮编", "邮政编码")),
    Cue("district_code", ("district code", "dong code", "gu code", "sigungu", "adm cd", "adm code", "admin code", "area code", "region code", "puma", "fips", "dong code8", "geo code"), ("행정동코드", "행정동_코드", "법정동코드", "시군구코드", "지역코드", "자치구코드", "상권_코드", "상권코드", "区划代码", "行政区代码", "地区代码"), certain=False, but_not=("_명", "코드명", "이름")),
    Cue("place", ("district", "dong", "gu", "city", "town", "country", "region", "county", "state", "province", "place", "location", "station", "stop"), ("행정동", "법정동", "시군구", "자치구", "상권", "지역", "정류", "城市", "省", "区县", "地区", "国家"), certain=False),
    Cue("amount", ("amount", "price", "unit price", "spend", "sales", "revenue", "cost", "payment", "paid", "fee", "fare", "balance"), ("금액", "매출", "가격", "요금", "단가", "결제", "잔액", "金额", "价格", "单价", "消费"), certain=False),
    Cue("timestamp", ("timestamp", "datetime", "time", "date", "day", "created at", "updated at"), ("일시", "시각", "일자", "날짜", "시간", "时间", "日期"), certain=False),
    Cue("free_text", ("remark", "remarks", "comment", "comments", "note", "notes", "memo", "description", "message"), ("비고", "메모", "내용", "의견", "설명", "특이사항", "备注", "说明", "留言"), certain=False),
    Cue("category", ("category", "code", "class", "type", "kind", "group"), ("코드", "구분", "업종", "종류", "类别", "类型"), certain=False),
    Cue("record_id", ("id", "no", "key", "uuid", "guid", "serial"), ("번호", "编号", "序号"), certain=False),
)


def cue_of(header: str) -> Cue | None:
    """The first cue that the header holds, or None."""
    text = unicodedata.normalize("NFKC", header)
    spoken = f" {' '.join(words(text))} "
    joined = re.sub(r"\s+", "", text).casefold()
    return next((cue for cue in CUES if _holds(cue, spoken, joined)), None)


def words(header: str) -> list[str]:
    """Lower-case words of a header: cut at signs, at ``camelCase`` humps and between scripts."""
    humps = re.sub(r"([a-z])([A-Z])|([A-Z]+)([A-Z][a-z])", r"\1\3 \2\4", header)
    return re.findall(r"[a-z0-9]+", humps.casefold())


def _holds(cue: Cue, spoken: str, joined: str) -> bool:
    hit = spoken.strip() in cue.exact or any(f" {phrase} " in spoken for phrase in cue.words) or any(part in joined for part in cue.parts)
    if cue.kind == "count" and not hit:
        hit = joined.endswith("수") and len(joined) > 2
    return hit and not any(f" {veto} " in spoken or (not veto.isascii() and veto in joined) for veto in cue.but_not)
