//! What Capledger writes down and what it sends: events, folds and the feed. No I/O.
