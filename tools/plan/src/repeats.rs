//! Repeats in a list: the cheapest way to write it as single items and loops of items that follow a pattern.

/// What it costs to write an item, a loop, and an item of a loop's body. About bytes of a plan's tables.
const ITEM: usize = 28;
const LOOP: usize = 10;
const BODY: usize = 40;

/// The longest body that is looked for.
const PERIOD_LIMIT: usize = 128;

/// `count` times `period` items, from `start` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeat {
    pub start: usize,
    pub period: usize,
    pub count: usize,
}

/// The loops of the cheapest way to write `len` items, in order. `step(a, b)` is how item `b` differs from item `a`,
/// if one loop may hold both; a loop takes the same step every turn.
pub fn repeats<D: PartialEq>(len: usize, step: impl Fn(usize, usize) -> Option<D>) -> Vec<Repeat> {
    // The cheapest from each item on: its cost, and the loop it begins with.
    let mut best: Vec<(usize, Option<Repeat>)> = vec![(0, None); len + 1];
    let counts: Vec<Vec<usize>> = (1..=PERIOD_LIMIT.min(len / 2))
        .map(|period| counts(len, period, &step))
        .collect();
    for start in (0..len).rev() {
        let mut cheapest = (ITEM + best[start + 1].0, None);
        for (index, counts) in counts.iter().enumerate() {
            let (period, count) = (index + 1, counts[start]);
            if count < 2 {
                continue;
            }
            let cost = LOOP + BODY * period + best[start + period * count].0;
            if cost < cheapest.0 {
                let repeat = Repeat {
                    start,
                    period,
                    count,
                };
                cheapest = (cost, Some(repeat));
            }
        }
        best[start] = cheapest;
    }
    let mut found = Vec::new();
    let mut at = 0;
    while at < len {
        match best[at].1 {
            Some(repeat) => {
                found.push(repeat);
                at += repeat.period * repeat.count;
            }
            None => at += 1,
        }
    }
    found
}

/// How many turns of `period` items fit from each item on.
fn counts<D: PartialEq>(
    len: usize,
    period: usize,
    step: &impl Fn(usize, usize) -> Option<D>,
) -> Vec<usize> {
    let steps: Vec<Option<D>> = (0..len)
        .map(|at| (at + period < len).then(|| step(at, at + period)).flatten())
        .collect();
    let mut counts = vec![1; len];
    // Items from here on that have a step, and whose step is that of the item a period later.
    let (mut stepping, mut steady) = (0, 0);
    for at in (0..len).rev() {
        let later = steps.get(at + period).and_then(Option::as_ref);
        stepping = if steps[at].is_some() { stepping + 1 } else { 0 };
        let is_steady = steps[at].is_some() && steps[at].as_ref() == later;
        steady = if is_steady { steady + 1 } else { 0 };
        if stepping >= period {
            counts[at] = (2 + steady / period).min(usize::from(u16::MAX));
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Letters repeat where they are the same; digits where they grow evenly.
    fn of(text: &str) -> Vec<(usize, usize, usize)> {
        let items: Vec<char> = text.chars().collect();
        let step = |a: usize, b: usize| {
            let (a, b) = (items[a], items[b]);
            let digits = a.is_ascii_digit() && b.is_ascii_digit();
            (digits || a == b).then_some(u32::from(b).wrapping_sub(u32::from(a)))
        };
        let found = repeats(items.len(), step);
        found.iter().map(|r| (r.start, r.period, r.count)).collect()
    }

    #[test]
    fn loops_where_they_pay() {
        assert_eq!(of(""), []);
        assert_eq!(of("abcd"), []);
        assert_eq!(of("xaaaaay"), [(1, 1, 5)]);
        assert_eq!(of("xa1a2a3a4y"), [(1, 2, 4)]);
        // 1 2 3 grow by one, 3 5 7 by two: not one loop.
        assert_eq!(of("a1a2a3a5a7a9"), [(0, 2, 3), (6, 2, 3)]);
        assert_eq!(of("abcabcabcdd"), [(0, 3, 3), (9, 1, 2)]);
        // Twice three is dearer as a loop than as six.
        assert_eq!(of("abcdefabcdef"), [(0, 6, 2)]);
    }
}
