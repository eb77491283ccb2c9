"""Interleaving: two rankings share one list, and people choose; it takes far fewer of them than an experiment.

places = team_draft(ours, theirs, 10, rng)   # when answering
preference(shown).preferred                  # from what was shown and what came of it
"""

from recsys_eval.interleaving.credit import credits
from recsys_eval.interleaving.draft import Place, team_draft
from recsys_eval.interleaving.preference import Preference, preference

__all__ = ["Place", "Preference", "credits", "preference", "team_draft"]
