"""A study on its way out: what every writer is given."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

from cxrreport.export.films import Pictures, load_pictures
from cxrreport.export.site import Site
from cxrreport.export.study import StudyView

SIDE = 768  # longest side of an image that leaves the house, in pixels


@dataclass
class Subject:
    """A study with a draft, and its pictures, which are made when the first writer asks for them."""

    view: StudyView
    max_pixels: int
    site: Site = field(default_factory=Site)

    def version(self) -> str:
        """Digest of all that a writer can tell."""
        return hashlib.sha256(f"{self.view.version()} {self.site}".encode()).hexdigest()

    @cached_property
    def pictures(self) -> Pictures:
        """Raises what `load_pictures` raises."""
        return load_pictures(self.view, self.max_pixels, SIDE)
