//! In which order the search tries things. It decides how soon a placement is found, and nothing else.

use std::cmp::Reverse;

use crate::model::Model;

/// By what the section to branch on is chosen; the smaller comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// The fewest branches, then the least slack.
    Branches,
    /// The lowest floor, then the fewest branches.
    Floor,
    /// The least slack, then the fewest branches.
    Slack,
}

/// By what the buffers that can stand in one place are ordered; the larger comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rank {
    Area,
    Span,
    Size,
    LoadThenSpan,
    LoadThenSize,
    LoadThenArea,
}

/// An order of search.
#[derive(Clone, Debug)]
pub struct Style {
    pub pick: Pick,
    /// By buffer: the lower comes first.
    pub ranks: Vec<u32>,
}

const FIXED: [(Pick, Rank); 12] = [
    (Pick::Branches, Rank::LoadThenSpan),
    (Pick::Branches, Rank::LoadThenSize),
    (Pick::Slack, Rank::Area),
    (Pick::Branches, Rank::LoadThenArea),
    (Pick::Floor, Rank::LoadThenSpan),
    (Pick::Branches, Rank::Span),
    (Pick::Branches, Rank::Size),
    (Pick::Slack, Rank::LoadThenSpan),
    (Pick::Floor, Rank::Area),
    (Pick::Floor, Rank::Size),
    (Pick::Slack, Rank::LoadThenSize),
    (Pick::Branches, Rank::Area),
];

impl Style {
    /// The style of a number: fixed ones first, then the same with ever other noise in the ranks.
    pub fn of(model: &Model, number: usize) -> Self {
        let (pick, rank) = FIXED[number % FIXED.len()];
        let noisy = number >= FIXED.len();
        let mut noise = Noise(number as u64);
        let mut order: Vec<(Reverse<[u64; 3]>, u32)> = (0..model.len())
            .map(|buffer| {
                let mut keys = rank.keys(model, buffer);
                if noisy {
                    // Between three quarters and five quarters of each.
                    for key in &mut keys {
                        let scaled = u128::from(*key) * u128::from(768 + noise.next() % 513);
                        *key = u64::try_from(scaled >> 10).unwrap_or(u64::MAX);
                    }
                }
                (Reverse(keys), buffer as u32)
            })
            .collect();
        order.sort_unstable();
        let mut ranks = vec![0; model.len()];
        for (rank, (_, buffer)) in order.into_iter().enumerate() {
            ranks[buffer as usize] = rank as u32;
        }
        Style { pick, ranks }
    }
}

impl Rank {
    fn keys(self, model: &Model, buffer: usize) -> [u64; 3] {
        let (size, span) = (model.sizes[buffer], model.spans[buffer]);
        let area = size.saturating_mul(span);
        let loads = model.sections(buffer).map(|section| model.loads[section]);
        let load = loads.max().unwrap_or(0);
        match self {
            Rank::Area => [area, size, 0],
            Rank::Span => [span, size, 0],
            Rank::Size => [size, span, 0],
            Rank::LoadThenSpan => [load, span, size],
            Rank::LoadThenSize => [load, size, span],
            Rank::LoadThenArea => [load, area, size],
        }
    }
}

/// A small generator of numbers that need only differ (splitmix64's recurrence).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}
