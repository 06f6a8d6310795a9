//! Placement: offsets for buffers of known sizes and lifetimes, with as small a peak as the heuristics find.
//!
//! Each order in turn places every buffer at the lowest offset at which it touches no placed buffer that
//! lives at the same time; the best order wins. A peak equal to the largest live sum is optimal.

/// A buffer: `size` elements, alive over the half-open `lower..upper`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    pub lower: usize,
    pub upper: usize,
    pub size: usize,
}

impl Item {
    fn meets(&self, other: &Item) -> bool {
        self.lower < other.upper && other.lower < self.upper
    }
}

/// Offsets, one for each item, and what they cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    pub offsets: Vec<usize>,
    /// One past the highest element used.
    pub peak: usize,
    /// The largest sum of sizes alive at one time: no placement is smaller.
    pub lower_bound: usize,
}

/// The largest sum of sizes alive at one time, and when.
pub fn largest_live_sum(items: &[Item]) -> (usize, usize) {
    let starts = items.iter().map(|item| item.lower);
    let sum_at = |time: usize| -> usize {
        items
            .iter()
            .filter(|item| item.lower <= time && time < item.upper)
            .map(|item| item.size)
            .sum()
    };
    starts
        .map(|time| (sum_at(time), time))
        .max_by_key(|(sum, time)| (*sum, std::cmp::Reverse(*time)))
        .unwrap_or((0, 0))
}

/// Places `items`. The same items give the same offsets.
pub fn place(items: &[Item]) -> Placement {
    let (lower_bound, _) = largest_live_sum(items);
    let area = |item: &Item| item.size * (item.upper - item.lower);
    let conflicts = |item: &Item| -> usize {
        items
            .iter()
            .filter(|other| item.meets(other))
            .map(|other| other.size)
            .sum()
    };
    let mut orders: Vec<Vec<usize>> = Vec::new();
    let mut by = |key: &dyn Fn(&Item) -> (usize, usize)| {
        let mut order: Vec<usize> = (0..items.len()).collect();
        order.sort_by_key(|index| (std::cmp::Reverse(key(&items[*index])), *index));
        orders.push(order);
    };
    by(&|item| (item.size, item.upper - item.lower));
    by(&|item| (item.upper - item.lower, item.size));
    by(&|item| (area(item), item.size));
    by(&|item| (conflicts(item), item.size));
    by(&|item| (usize::MAX - item.lower, item.size));
    by(&|item| (item.upper, item.size));
    let mut best: Option<Placement> = None;
    for order in &orders {
        let (offsets, peak) = first_fit(items, order);
        if best.as_ref().is_none_or(|best| peak < best.peak) {
            best = Some(Placement {
                offsets,
                peak,
                lower_bound,
            });
        }
        if peak == lower_bound {
            break;
        }
    }
    best.unwrap_or(Placement {
        offsets: Vec::new(),
        peak: 0,
        lower_bound,
    })
}

/// Each item in `order` at the lowest offset that is free over its whole life.
fn first_fit(items: &[Item], order: &[usize]) -> (Vec<usize>, usize) {
    let mut offsets = vec![0; items.len()];
    let mut placed: Vec<usize> = Vec::new();
    let mut peak = 0;
    for index in order.iter().copied() {
        let item = &items[index];
        let mut taken: Vec<(usize, usize)> = placed
            .iter()
            .filter(|other| items[**other].meets(item))
            .map(|other| (offsets[*other], offsets[*other] + items[*other].size))
            .collect();
        taken.sort_unstable();
        let mut offset = 0;
        for (start, end) in taken {
            if start >= offset + item.size {
                break;
            }
            offset = offset.max(end);
        }
        offsets[index] = offset;
        peak = peak.max(offset + item.size);
        placed.push(index);
    }
    (offsets, peak)
}
