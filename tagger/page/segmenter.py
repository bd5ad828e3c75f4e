"""The page segmenter: lines, roles, groups, links."""

from __future__ import annotations

from tagger._estimator import Estimator
from tagger.page._types import PageArticle
from tagger.page.blocks import read_lines
from tagger.page.grouping import group, to_article
from tagger.page.linking import link
from tagger.page.roles import decide_roles

__all__ = ["PageSegmenter"]


class PageSegmenter(Estimator):
    r"""Cut a newspaper page, a list of bulletins or any other text into articles.

    Rules read the page line by line: shapes that name reporters, datelines, captions, mastheads and notices
    (`tagger.page.blocks`), then what each line is beside its neighbours (`tagger.page.roles`). Where a page prints
    the parts of an article apart, `tagger.page.linking` joins them.

    Parameters
    ----------
    opening_threshold : float, default=0.0
        Log-odds above which a short line between paragraphs, with no byline or dateline below it, is the headline of
        a new article and no sub-heading. Raise it for pages of long articles with many sub-headings.
    link_threshold : float, default=0.15
        Similarity in [0, 1] above which an article's beginning without a headline and a headline without a
        beginning are joined; above 1 nothing is ever joined.

    See Also
    --------
    assemble : The text of one article, lines cut by column breaks joined, with its alignment to the page.

    Examples
    --------
    >>> page = "新桥今日合龙\n■本报记者 唐维桢\n本报讯 砚川市新桥合龙。\n茶园开采\n本报讯 鹿泷县开采春茶。"
    >>> for article in PageSegmenter().segment(page):
    ...     print(article.kind, [(block.role, page[block.start : block.end]) for block in article.blocks[:2]])
    article [('headline', '新桥今日合龙'), ('byline', '■本报记者 唐维桢')]
    article [('headline', '茶园开采'), ('body', '本报讯 鹿泷县开采春茶。')]
    """

    def __init__(self, *, opening_threshold: float = 0.0, link_threshold: float = 0.15) -> None:
        self.opening_threshold = opening_threshold
        self.link_threshold = link_threshold

    def segment(self, text: str) -> list[PageArticle]:
        """Return the articles of a page.

        Parameters
        ----------
        text : str
            The page, best normalised; offsets are into this string.

        Returns
        -------
        list of PageArticle
            By where their headline (or else their first character) stands. Every character that is not white space
            is in exactly one block of one article. Empty for a text of white space.
        """
        lines = read_lines(text)
        decisions = decide_roles(text, lines, self.opening_threshold)
        drafts = link(text, lines, decisions.roles, group(lines, decisions), self.link_threshold)
        articles = [to_article(lines, decisions.roles, draft) for draft in drafts]
        return sorted(articles, key=_position)


def _position(article: PageArticle) -> int:
    headlines = [block.start for block in article.blocks if block.role == "headline"]
    return min(headlines or (block.start for block in article.blocks))
