//! Metrics where the oracle's scenario h, a conformance test, does not reach.

mod edges;
