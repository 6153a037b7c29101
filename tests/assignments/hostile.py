"""Submissions that mean no good.

Every one of them defines ``double``, whose task is to return twice its argument. Where
mischief would bring the answer, the answer is right only if the mischief succeeds;
where it is done on the side, the answer is right all the same.
"""

from hostile_acts import ACTS
from hostile_replies import REPLIES

HOSTILE = [*ACTS, *REPLIES]
