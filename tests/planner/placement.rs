//! Offsets for problems with and without a network behind them.

use proptest::prelude::*;
use tinpail_plan::place::{Item, largest_live_sum, place};

/// Steps of the exact search.
const NODES: u64 = 2000;

/// Whether two items that live at the same time share an element.
fn overlap(items: &[Item], offsets: &[usize]) -> Option<(usize, usize)> {
    for (left, a) in items.iter().enumerate() {
        for (right, b) in items.iter().enumerate().skip(left + 1) {
            let same_time = (a.lower..a.upper).any(|time| (b.lower..b.upper).contains(&time));
            let (from, to) = (offsets[left], offsets[right]);
            if same_time && from < to + b.size && to < from + a.size {
                return Some((left, right));
            }
        }
    }
    None
}

/// The sum of what lives at each time, counted the plain way.
fn largest_sum(items: &[Item]) -> usize {
    let end = items.iter().map(|item| item.upper).max().unwrap_or(0);
    let at = |time: usize| -> usize {
        let lives = items
            .iter()
            .filter(|item| (item.lower..item.upper).contains(&time));
        lives.map(|item| item.size).sum()
    };
    (0..end).map(at).max().unwrap_or(0)
}

fn item() -> impl Strategy<Value = Item> {
    (0usize..24, 1usize..10, 1usize..50).prop_map(|(lower, life, size)| Item {
        lower,
        upper: lower + life,
        size,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::common::cases(1000)))]

    #[test]
    fn nothing_overlaps(items in prop::collection::vec(item(), 0..40)) {
        let placement = place(&items, NODES).unwrap();
        prop_assert_eq!(placement.offsets.len(), items.len());
        prop_assert_eq!(overlap(&items, &placement.offsets), None);
        let ends = items.iter().zip(&placement.offsets);
        let peak = ends.map(|(item, offset)| offset + item.size).max();
        prop_assert_eq!(placement.peak, peak.unwrap_or(0));
        prop_assert!(placement.lower_bound >= largest_sum(&items));
        prop_assert_eq!(largest_live_sum(&items).unwrap(), largest_sum(&items));
        prop_assert!(placement.peak >= placement.lower_bound);
        prop_assert!(placement.peak <= items.iter().map(|item| item.size).sum());
        prop_assert_eq!(&place(&items, NODES).unwrap(), &placement, "the same items, the same offsets");
    }
}

/// Items that all live at once, or one after the other, leave nothing to choose.
#[test]
fn simple_problems_are_optimal() {
    let at_once: Vec<Item> = (1..9)
        .map(|size| Item {
            lower: 0,
            upper: 1,
            size,
        })
        .collect();
    assert_eq!(place(&at_once, NODES).unwrap().peak, 36);
    let in_turn: Vec<Item> = (1..9)
        .map(|size| Item {
            lower: size,
            upper: size + 1,
            size,
        })
        .collect();
    assert_eq!(place(&in_turn, NODES).unwrap().peak, 8);
    assert_eq!(place(&[], NODES).unwrap().peak, 0);
}

/// Problems of real networks, with their largest live sum, which a placement is known to reach.
const NETS: [(&str, usize); 5] = [
    ("conv1d-fu-greedy2", 45_696),
    ("lstm8-f-acc-sqrt-greedy2", 20_864),
    ("lstm8-f-defer-natural0", 9_536),
    ("lstm8-infer-natural0", 1_664),
    ("resnet8-end-level2", 512_512),
];

fn problem(name: &str) -> Vec<Item> {
    let path = format!(
        "{}/tests/golden/planner/{name}.csv",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let number =
        |field: Option<&str>| -> usize { field.expect("a field").parse().expect("a number") };
    let rows = text.lines().skip(1).map(|row| {
        let mut fields = row.split(',').skip(1);
        Item {
            lower: number(fields.next()),
            upper: number(fields.next()),
            size: number(fields.next()),
        }
    });
    rows.collect()
}

#[test]
fn problems_of_real_networks_are_at_their_optimum() {
    for (name, optimum) in NETS {
        let items = problem(name);
        let placement = place(&items, NODES).unwrap();
        assert_eq!(overlap(&items, &placement.offsets), None, "{name}");
        assert_eq!(placement.lower_bound, optimum, "{name}");
        assert_eq!(placement.peak, optimum, "{name}");
    }
}
