"""Documents from any source, extracted, repaired, deduplicated, filtered and split."""
