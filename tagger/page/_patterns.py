"""The shapes of newspaper lines, each written once.

All of them are matched against a short line or against the first or last characters of a long one (`HEAD`, `TAIL`),
never against a whole page, so that no input can make them slow. Brackets, commas and colons are accepted half-width
too: pages out of OCR hold them, and the normaliser turns only those around Chinese characters.
"""

from __future__ import annotations

import re

__all__ = [
    "BYLINE",
    "CAPTION",
    "CLOSERS",
    "COLUMN",
    "CREDIT",
    "DATELINE",
    "DATE_ONLY",
    "ENUMERATION",
    "FIELD",
    "HEAD",
    "INSCRIPTION",
    "JUMP_HEAD",
    "JUMP_TAIL",
    "KICKER_END",
    "LATIN_NAME",
    "LEAD_TIME",
    "LINE",
    "MASTHEAD",
    "NEWS_VERB",
    "NOTICE_LINE",
    "NOTICE_TITLE",
    "PHOTOGRAPH",
    "SENTENCE_END",
    "SENTENCE_START",
    "SET_PHRASE",
    "SIGNATURE",
    "SPEECH",
    "STAGE",
    "TAIL",
]

HEAD = 80  # the longest dateline with four reporters' names has about 60 characters
TAIL = 48  # a photo credit or a jump line in brackets has at most about 40

# What `str.splitlines` breaks at, but for the separators that no text file uses for lines.
LINE = re.compile(r"[^\n\r\v\f\x85\u2028\u2029]+")

SENTENCE_END = frozenset("。！？!?…")
CLOSERS = "”’\"'」』）)》〉】]"

_HAN = r"\u4e00-\u9fff"
_MARK = r"[■□●○◆◇▲△◎▪•]"  # papers set one of these before the reporter's name
_NAME = rf"[{_HAN}][{_HAN}·•]{{1,11}}"
_DIGITS = r"[0-9０-９一二三四五六七八九十百零〇]"

# 本报记者, 见习记者, 全媒体记者, 某某日报记者, 特约评论员, 通讯员 ...
_REPORTER = (
    rf"(?:[{_HAN}]{{2,6}}(?:日报|晚报|晨报|时报|新闻网|融媒|电视台))?"
    r"(?:本报|本刊|本台|本网|本社|新华社|中新社|全媒体|融媒体)?(?:首席|特派|特约|见习|实习|驻站)?"
    r"(?:记者|通讯员|评论员|观察员|撰稿人|实习生|报道组|编辑部)"
)
# The role is followed by a name, a space, a colon or nothing: 本报记者在会上 is running text.
BYLINE = re.compile(
    rf"^{_MARK}?\s*[(（]?\s*(?:文[/／]图?)?\s*{_REPORTER}(?:[\s:：/／、)）]|{_NAME}(?:[\s、,，)）]|$)|$)"
    rf"|^{_MARK}\s*\S{{0,8}}(?:记者|通讯员|评论员)\s"
    rf"|^{_MARK}\s*{_NAME}(?:[\s、]+(?:{_NAME}|[文图摄/／]+))*$"
)
# Names alone in brackets close an article: (欧阳某 邬某); 第三号 is no name, nor is a section's number.
SIGNATURE = re.compile(
    rf"^[(（]\s*(?!第|[{_HAN}]{{1,2}}[)）]$)(?:{_REPORTER}\s*)?{_NAME}(?:[\s、,，]+(?:{_REPORTER}\s*)?{_NAME}){{0,5}}\s*[)）]$"
    rf"|^[(（]\s*[{_HAN}]{{2}}\s*[)）]$"
)
# A photographer's line. 文/图 is not one: it credits the writer of an article with pictures.
CREDIT = re.compile(r"\s(?:摄|摄影|摄影报道|供图|图)$|^(?:摄影|图片)\s*[:：/／]")
PHOTOGRAPH = re.compile(rf"[(（][^()（）。]{{0,36}}(?:[\s/／]|{_NAME})(?:摄|摄影报道|供图)[)）]$")
CAPTION = re.compile(r"^[(（【]?(?:[上下左右]+图(?:为|[①②:：,，(（])|图为|图片?[①-⑩\d]?[:：])|^[▲△▼▽]")

DATELINE = re.compile(
    rf"^[【\[(（]?本[报刊台网](?:讯|消息|综合|专电|专讯|[{_HAN}]{{2,8}}?[0-9]{{1,2}}月[0-9]{{1,2}}日(?:电|讯))"
    r"|^(?:据)?(?:新华社|中新社|中新网|新华网|人民网|央视网|光明网)[^。,，]{0,24}?(?:电|讯|消息)"
    rf"|^[{_HAN}A-Za-z]{{2,12}}(?:网|报|社|台|客户端|融媒)\S{{0,8}}?[0-9]{{1,2}}月[0-9]{{1,2}}日(?:讯|电|消息)"
    rf"|^[{_HAN}]{{2,8}}讯\s*[(（]\S{{0,6}}(?:记者|通讯员)"
    rf"|^[(（]\s*{_REPORTER}[^()（）。]{{1,40}}[)）]\s*\S.{{12}}"
)

_PAGE = rf"(?:本报|今日)?第?\s*[A-Z]?{_DIGITS}{{1,3}}\s*版"
JUMP_TAIL = re.compile(
    rf"(?:[(（【\[▶→]+\s*)?(?:[下转]+|紧?转|详见|详细报道见|更多\S{{0,6}}见)\s*{_PAGE}\s*[)）】\]]*$"
    r"|[(（](?:未完)?待续[)）]$"
)
JUMP_HEAD = re.compile(rf"^[(（【\[]*\s*[上紧]?接\s*{_PAGE}(?:[^()（）\s]{{0,8}}[)）】\]]+)?")

MASTHEAD = re.compile(
    rf"^[{_HAN}]{{2,6}}(?:日报|晚报|晨报|早报|时报|商报|快报|都市报|周报|周刊)$"  # the paper's name alone
    rf"|^[{_HAN}]{{2,12}}(?:报社|传媒集团|报业集团)(?:\s*出版)?$|^[{_HAN}]{{4,24}}\s*(?:主管|主办)(?:主办)?$|^(?:主管|主办|出版)(?:单位)?(?:$|[:：])"
    r"|CN\s*[0-9]{2}\s*[-—－–]\s*[0-9]{4}|国内统一(?:连续出版物|刊)|邮发代号|农历.{0,3}年"
    r"|[0-9]{4}年\s*[0-9]{1,2}月\s*[0-9]{1,2}日.{0,4}(?:星期|周)[一二三四五六日天]|^星期[一二三四五六日天]$"
    r"|^(?:新闻|广告|发行|订阅|投诉|服务|读者|报料|爆料)?热线(?:电话)?\s*[:：]?\s*[0-9—－-]{5,}"
    rf"|^(?:今日|本期|共){_DIGITS}{{1,3}}版|^(?:总)?第\s*[0-9]{{2,6}}\s*[号期]$|^第\s*[A-Z]?[0-9]{{2}}\s*版"
    r"|^(?:官方|新闻)?(?:网站|网址|微博|微信|公众号)\s*[:：]|^(?:https?[:：]//|www[.．])\S{3,60}$"
    r"|^(?:本版|本期|执行|值班)?(?:责任编辑|责编|主编|总编辑?|编辑|校对|校检|版式|版面|美编|终审|审核)\s*[:：/／\s]\s*\S{2}"
)
LATIN_NAME = re.compile(r"^[A-Z][A-Z .'’&-]{5,40}$")  # the paper's name again, in capitals

NOTICE_TITLE = re.compile(r"(?:公告|通告|公示|启事|声明|讣告|告示|公开信|一封信|倡议书)(?:\n|$)")
# 某局 某委 宣: who pays for a slogan.  热线96110: a hotline that is no masthead's.
NOTICE_LINE = re.compile(
    r"(?:\s|[局委办部会心])宣$|(?:热线|举报电话|监督电话)\s*[:：]?\s*[0-9—－-]{3,}$|^.{1,12}★.{1,12}$"
)

KICKER_END = re.compile(r"(?:——|—|－－|--)$|(?:强调|指出|要求|提出|表示|希望|时说)(?:[:：])?$")
# Who was there, set below a headline: 某某主持, 某某讲话 某某出席.
STAGE = re.compile(rf"^[{_HAN}·\s]{{2,24}}(?:主持|出席|讲话|陪同|参加|表态|见证|致辞|批示|通报|会见)$")
# Labels of columns; other short first lines are told by their length and by the headline that follows.
COLUMN = re.compile(
    r"^(?:图片新闻|新闻图片|读者来信|来信|简讯|要闻|短评|时评|社论|评论|导读|今日导读|新闻速递|一句话新闻|公示|专栏)$"
)
# 现将有关事项公告如下：, 亲爱的读者朋友：: a list or a letter follows.
SET_PHRASE = re.compile(r"(?:如下|(?:同志|朋友|读者|编辑|先生|女士|代表|市民)们?)[:：]$")
# 某某强调，要 ...: a speech verb and a comma make a line running text however short it is.
SPEECH = re.compile(r"^.{1,16}?(?:强调|指出|要求|表示|认为|介绍|说|称|透露|建议|坦言)[,，:：]")
ENUMERATION = re.compile(
    rf"^(?:[(（]?{_DIGITS}{{1,3}}[)）、.．]|第{_DIGITS}{{1,3}}[条章节][、\s]?|[问答][:：]|[①-⑳]|{_DIGITS}是)(?![0-9])"
)
# The lines with addresses and telephones at the foot of a notice.
FIELD = re.compile(
    r"^(?:地址|电话|传真|邮编|邮箱|网址|联系|咨询|举报|受理|监督|施工|建设|开户|户名|账号|时间|地点|来源|编辑)[^。:：]{0,8}[:：]"
)
DATE_ONLY = re.compile(rf"^[0-9二○〇零一-九]{{4}}年\s*{_DIGITS}{{1,3}}月\s*{_DIGITS}{{1,3}}日$")
INSCRIPTION = re.compile(rf"^[(（〔\[].{{0,20}}第\s*{_DIGITS}{{1,5}}\s*[号期].{{0,12}}$")  # （第三号）, 〔...〕第11号

# How a news lead opens: within its first sentence it says when.
LEAD_TIME = re.compile(
    r"[今昨当][天日晚]|[日近]日|日前|今年|目前|截至|当地时间|上半年|最新|[0-9]{1,2}[日号月]|[0-9]{1,2}时"
)
# What headlines say that something did; sub-headings hardly do (38 in 100 headlines, 3 in 100 sub-headings).
NEWS_VERB = re.compile(
    r"召开|举行|印发|会见|会谈|强调|致电|致信|开幕|闭幕|启动|发布|公布|上线|出台|开通|投产|抵达|播出|成立|揭晓|突破|增长"
    r"|下降|达|超|获|将"
)
# How sentences open and sub-headings do not.
SENTENCE_START = re.compile(
    r"(?:本[次届期]|此次|据|近[日年]|日前|今[年天日]|昨[天日]|目前|随[着后]|会[上后]|期间|同时|其中|此外|另外|记者|由|[0-9]{1,4}[年月日])"
)
