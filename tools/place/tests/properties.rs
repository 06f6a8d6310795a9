//! Random problems: what every placement must keep, and the optimum by plain enumeration.

use proptest::prelude::*;
use tinpail_place::{Buffer, Gap, Problem, check, largest_live_sum, minimise, within};

/// `TINPAIL_CASES`, else `default`.
fn cases(default: u32) -> ProptestConfig {
    let given = std::env::var("TINPAIL_CASES").ok();
    let given = given.map(|given| given.parse().expect("TINPAIL_CASES is a number"));
    ProptestConfig::with_cases(given.unwrap_or(default))
}

fn plain(times: u64, sizes: u64) -> impl Strategy<Value = Buffer> {
    (0..times, 1..times, 1..=sizes)
        .prop_map(|(lower, life, size)| Buffer::new(lower, lower + life, size))
}

/// With alignments, gaps and sizes of zero.
fn any_buffer(times: u64, sizes: u64) -> impl Strategy<Value = Buffer> {
    let alignment = prop::sample::select(vec![1, 1, 2, 3, 4, 8]);
    let gaps = prop::collection::btree_set(0..2 * times, 0..5);
    (0..times, 1..times, 0..=sizes, alignment, gaps)
        .prop_map(|(lower, life, size, alignment, ends)| {
            let upper = lower + life;
            let ends: Vec<u64> = ends.into_iter().collect();
            let pairs = ends.chunks_exact(2).map(|pair| Gap {
                lower: pair[0],
                upper: pair[1],
            });
            let inside = pairs.filter(|gap| lower <= gap.lower && gap.upper <= upper);
            Buffer {
                gaps: inside.collect(),
                lower,
                upper,
                size,
                alignment,
            }
        })
        .prop_filter("gaps leave something", |buffer| buffer.lives().count() > 0)
}

fn problem(buffers: &[Buffer]) -> Problem {
    Problem::new(buffers.to_vec()).expect("buffers that live")
}

/// Whether two buffers both hold memory at a time, time by time.
fn meet(left: &Buffer, right: &Buffer) -> bool {
    let holds = |buffer: &Buffer, time: u64| {
        (buffer.lower..buffer.upper).contains(&time)
            && !buffer
                .gaps
                .iter()
                .any(|gap| (gap.lower..gap.upper).contains(&time))
    };
    (0..left.upper).any(|time| holds(left, time) && holds(right, time))
}

/// The smallest peak: in some order by offset each buffer stands on those before it, so all orders are tried.
fn smallest_peak(buffers: &[Buffer]) -> u64 {
    fn extend(buffers: &[Buffer], placed: &mut Vec<(usize, u64)>, peak: u64, best: &mut u64) {
        if placed.len() == buffers.len() {
            *best = peak.min(*best);
            return;
        }
        for (index, buffer) in buffers.iter().enumerate() {
            if placed.iter().any(|(other, _)| *other == index) {
                continue;
            }
            let tops = placed
                .iter()
                .filter(|(other, _)| meet(buffer, &buffers[*other]));
            let top = tops.map(|(_, end)| *end).max().unwrap_or(0);
            let end = top.next_multiple_of(buffer.alignment) + buffer.size;
            placed.push((index, end));
            extend(buffers, placed, peak.max(end), best);
            placed.pop();
        }
    }
    let mut best = u64::MAX;
    extend(buffers, &mut Vec::new(), 0, &mut best);
    best
}

proptest! {
    #![proptest_config(cases(600))]

    #[test]
    fn placements_keep_every_rule(
        buffers in prop::collection::vec(any_buffer(16, 40), 0..40),
        nodes in prop::sample::select(vec![0u64, 1, 50, 3000]),
    ) {
        let problem = problem(&buffers);
        let greedy = minimise(&problem, 0);
        let solution = minimise(&problem, nodes);
        prop_assert_eq!(check(&problem, &solution.offsets), Ok(solution.peak));
        prop_assert!(largest_live_sum(&problem) <= solution.lower_bound);
        prop_assert!(solution.lower_bound <= solution.peak);
        prop_assert!(solution.peak <= greedy.peak);
        prop_assert!(solution.nodes <= nodes);
        for (buffer, offset) in buffers.iter().zip(&solution.offsets) {
            prop_assert_eq!(offset % buffer.alignment, 0);
        }
        prop_assert_eq!(&minimise(&problem, nodes), &solution, "the same problem, the same offsets");
    }
}

proptest! {
    #![proptest_config(cases(400))]

    /// All that makes the search leave branches out is wrong if this fails.
    #[test]
    fn small_problems_are_solved_exactly(buffers in prop::collection::vec(plain(8, 9), 1..8)) {
        let solution = minimise(&problem(&buffers), 100_000);
        prop_assert!(solution.optimal());
        prop_assert_eq!(solution.peak, smallest_peak(&buffers));
    }

    #[test]
    fn small_problems_with_gaps_and_alignments_are_solved_exactly(
        buffers in prop::collection::vec(any_buffer(8, 9), 1..7),
    ) {
        let solution = minimise(&problem(&buffers), 100_000);
        prop_assert!(solution.optimal());
        prop_assert_eq!(solution.peak, smallest_peak(&buffers));
    }

    #[test]
    fn a_capacity_is_met_or_refused(buffers in prop::collection::vec(any_buffer(8, 9), 1..7)) {
        let problem = problem(&buffers);
        let smallest = smallest_peak(&buffers);
        for capacity in smallest.saturating_sub(2)..smallest + 2 {
            let solution = within(&problem, capacity, 100_000);
            prop_assert_eq!(check(&problem, &solution.offsets), Ok(solution.peak));
            prop_assert_eq!(solution.peak <= capacity, smallest <= capacity);
            prop_assert_eq!(solution.lower_bound > capacity, smallest > capacity);
        }
    }
}

proptest! {
    #![proptest_config(cases(200))]

    /// Few distinct times and sizes: valleys, equal buffers and components all occur.
    #[test]
    fn dense_problems_are_solved_exactly(buffers in prop::collection::vec(plain(6, 4), 6..9)) {
        let solution = minimise(&problem(&buffers), 100_000);
        prop_assert!(solution.optimal());
        prop_assert_eq!(solution.peak, smallest_peak(&buffers));
    }
}

/// Five buffers of 1, each alive with the one before it and the one after it, in a ring that a gap closes: two live
/// at each time, and two levels cannot hold an odd ring.
#[test]
fn an_optimum_above_the_live_sum_is_proven() {
    let mut buffers: Vec<Buffer> = (0..4).map(|at| Buffer::new(at, at + 2, 1)).collect();
    buffers.push(Buffer {
        gaps: vec![Gap { lower: 1, upper: 4 }],
        ..Buffer::new(0, 5, 1)
    });
    let problem = problem(&buffers);
    assert_eq!(
        (largest_live_sum(&problem), smallest_peak(&buffers)),
        (2, 3)
    );
    let solution = minimise(&problem, 1000);
    assert_eq!((solution.peak, solution.lower_bound), (3, 3));
    assert!(solution.nodes > 0);
}
