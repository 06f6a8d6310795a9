//! Every kernel against a naive twin, and every gradient against finite differences.
