//! A loop that is none.

/// The body for each number from 0 to 15, one after the other. A compiler that minds size keeps a loop of a few turns as it is, also one
/// that core has in `map` or `zip`, and then folds nothing of what it knows about each turn.
macro_rules! written_out {
    (|$at:ident| $body:block) => {
        written_out!($at $body 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    };
    ($at:ident $body:block $($number:literal)*) => {
        $({
            let $at: usize = $number;
            $body
        })*
    };
}

/// How many numbers those are.
pub(crate) const TURNS: usize = 16;

pub(crate) use written_out;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_is_left_out() {
        let mut seen = std::vec::Vec::new();
        written_out!(|at| { seen.push(at) });
        assert!(seen.into_iter().eq(0..TURNS));
    }
}
