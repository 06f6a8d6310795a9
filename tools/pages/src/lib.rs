//! Nothing: what this crate is for are its tests, which hold the pages of the command `tinpail` to its JSON in a real
//! browser. They are behind the feature `browser`, so that `cargo test` needs none; `cargo xtask test` installs one and
//! runs them.
