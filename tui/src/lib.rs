//! The terminal dashboard: folds the feed and draws it; knows nothing but the schema.
