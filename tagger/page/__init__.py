"""Pages into articles: blocks with roles, grouped, linked and put together."""

from tagger.page._types import Block, PageArticle, Role
from tagger.page.assemble import Assembled, assemble
from tagger.page.segmenter import PageSegmenter

__all__ = ["Assembled", "Block", "PageArticle", "PageSegmenter", "Role", "assemble"]
