"""T3M: the flat ntuples of the CMS τ→3μ search and of its D_s → φπ normalization channel."""
